// A stream for each partition: order, independence, revocation, and what counts as handled.
import { Consumer, type ConsumerConfig, MockCluster, Offset, type PartitionStream, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let producer: Producer
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
})
afterAll(async () => {
  await producer.close()
  await cluster.close()
})

const partitions = 4
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

async function topicOf(topic: string, perPartition: number) {
  await cluster.createTopic(topic, { partitions })
  const records = range(0, perPartition * partitions).map((i) => ({ value: String(i), partition: i % partitions }))
  await producer.sendBatch(topic, records)
}

async function consumerOf(topic: string, config: ConsumerConfig = {}) {
  const consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': topic,
    'group.protocol': 'consumer',
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': 50,
    'auto.commit.interval.ms': 600_000,
    ...config,
  })
  await consumer.subscribe(topic)
  return consumer
}

async function committedOf(topic: string) {
  await using consumer = await consumerOf(topic)
  const list = range(0, partitions).map((partition) => ({ topic, partition }))
  return (await consumer.committed(list)).map(({ offset }) => (offset === Offset.invalid ? 0 : offset))
}

/** Reads all streams with a handler; resolves when the iteration ends. */
async function readAll(consumer: Consumer, handle: (stream: PartitionStream, offset: number) => unknown, max?: number) {
  const handlers: Promise<void>[] = []
  for await (const stream of consumer.partitionStreams(max ? { max } : {})) {
    handlers.push(
      (async () => {
        for await (const { offset } of stream) await handle(stream, offset)
      })(),
    )
  }
  await Promise.all(handlers)
}

describe('partition streams', () => {
  it('are read at their own pace: one that is slow is paused and holds up nobody', async () => {
    await topicOf('pace', 3000)
    const consumer = await consumerOf('pace')
    const seen: number[][] = range(0, partitions).map(() => [])
    let slowAt = -1
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const reading = readAll(
      consumer,
      async ({ partition }, offset) => {
        seen[partition].push(offset)
        if (partition === 0) await gate
      },
      100,
    )
    const others = () => seen.slice(1).every(({ length }) => length === 3000)
    await waitFor('the others are through', others)
    slowAt = seen[0].length
    expect(slowAt).toBe(1)
    // What waits is bounded: the position is that of the first not handed out.
    expect(consumer.position([{ topic: 'pace', partition: 0 }])[0].offset).toBe(1)
    go()
    await waitFor('the slow one catches up', () => seen[0].length === 3000)
    for (const offsets of seen) expect(offsets).toEqual(range(0, 3000))
    await consumer.close()
    await reading
    expect(await committedOf('pace')).toEqual([3000, 3000, 3000, 3000])
  })

  it('end when their partitions go, after what is in hand, and the next member goes on exactly there', async () => {
    await topicOf('moves', 400)
    const seen = new Map<string, number>()
    const read = async (consumer: Consumer) =>
      readAll(consumer, async ({ partition }, offset) => {
        await pause(1)
        const name = `${partition}@${offset}`
        seen.set(name, (seen.get(name) ?? 0) + 1)
      })
    const first = await consumerOf('moves')
    const reading = [read(first)]
    await waitFor('some messages', () => seen.size > 100)
    const second = await consumerOf('moves')
    reading.push(read(second))
    await waitFor('both have partitions', () => first.assignment.length === 2 && second.assignment.length === 2)
    await waitFor('everything is read', () => seen.size === 400 * partitions)
    expect([...seen.values()].filter((times) => times > 1)).toEqual([])
    await Promise.all([first.close(), second.close(), ...reading])
    expect(await committedOf('moves')).toEqual([400, 400, 400, 400])
  })

  it('commit exactly what was handled when the consumer closes in the middle', async () => {
    await topicOf('closes', 500)
    const consumer = await consumerOf('closes')
    const handled = range(0, partitions).map(() => 0)
    const reading = readAll(consumer, async ({ partition }, offset) => {
      await pause(partition)
      handled[partition] = offset + 1
    })
    await waitFor('some are handled', () => handled.every((count) => count > 20))
    await consumer.close()
    await reading
    expect(await committedOf('closes')).toEqual(handled)
  })

  it('do not keep a consumer from closing when a handler never gets through', async () => {
    await topicOf('never', 20)
    const consumer = await consumerOf('never')
    const started: number[] = []
    const reading = readAll(consumer, ({ partition }, offset) => {
      started.push(partition)
      return partition === 0 && offset === 3 ? new Promise(() => {}) : undefined
    })
    void reading
    await waitFor('one is stuck, the others are through', () => started.length === 4 + 60)
    const from = performance.now()
    await consumer.close({ timeout: 20_000 })
    expect(performance.now() - from).toBeLessThan(20_000)
    expect(await committedOf('never')).toEqual([3, 20, 20, 20])
  })

  it('give back what nobody was handed when they are left', async () => {
    await topicOf('leaves', 100)
    const consumer = await consumerOf('leaves')
    const seen = new Set<string>()
    const handlers: Promise<void>[] = []
    let left = false
    for await (const stream of consumer.partitionStreams({ max: 10 })) {
      const handle = async () => {
        for await (const { offset } of stream) {
          seen.add(`${stream.partition}@${offset}`)
          await pause(2)
        }
      }
      handlers.push(handle())
      if (handlers.length === partitions) {
        await expect(consumer.seek([{ topic: 'leaves', partition: 0, offset: 0 }])).rejects.toMatchObject({
          code: '_CONFLICT',
        })
        await waitFor('some messages', () => seen.size > 20)
        left = true
        break
      }
    }
    expect(left).toBe(true)
    await Promise.all(handlers)
    const before = seen.size
    let again = 0
    for await (const { partition, offset } of consumer) {
      again += seen.has(`${partition}@${offset}`) ? 1 : 0
      seen.add(`${partition}@${offset}`)
      if (seen.size === 400) break
    }
    expect({ again, more: seen.size - before }).toEqual({ again: 0, more: 400 - before })
    await consumer.close()
  })

  it('may be left one by one: the others go on, and who reads next goes on there', async () => {
    await topicOf('one-by-one', 50)
    const consumer = await consumerOf('one-by-one')
    const seen = range(0, partitions).map((): number[] => [])
    const handlers: Promise<void>[] = []
    for await (const stream of consumer.partitionStreams({ max: 5 })) {
      const handle = async () => {
        for await (const { partition, offset } of stream) {
          seen[partition].push(offset)
          if (partition === 2 && offset === 3) break
        }
      }
      handlers.push(handle())
      if (handlers.length < partitions) continue
      await waitFor('the others are through', () => seen.every(({ length }, i) => length === (i === 2 ? 4 : 50)))
      break
    }
    await Promise.all(handlers)
    while (seen[2].length < 50) {
      const message = await consumer.poll(20_000)
      if (message) seen[message.partition].push(message.offset)
    }
    for (const offsets of seen) expect(offsets).toEqual(range(0, 50))
    await consumer.close()
  })

  it('are read on when they come back to a consumer that had paused them when they went', async () => {
    const topic = 'streams-back'
    await topicOf(topic, 20)
    const consumer = await consumerOf(topic)
    const seen = new Map<number, Set<number>>(range(0, partitions).map((partition) => [partition, new Set()]))
    const streams = new Set<PartitionStream>()
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const handle = (stream: PartitionStream, offset: number) => {
      streams.add(stream)
      seen.get(stream.partition)?.add(offset)
      return gate
    }
    const reading = readAll(consumer, handle, 1)
    await waitFor('every handler has its first', () => streams.size === partitions)
    await consumer.subscription() // answered after the pauses
    const gone = consumer.unsubscribe()
    await waitFor('they are taken away', () => [...streams].every(({ ended }) => ended))
    open()
    await gone
    await consumer.subscribe(topic)
    await waitFor('everything', () => [...seen.values()].every(({ size }) => size === 20), 30_000)
    await consumer.close()
    await reading
  })

  it('let the group notice a handler that is stuck, and go on after it', async () => {
    await topicOf('stuck', 20)
    const consumer = await consumerOf('stuck', { 'max.poll.interval.ms': 1000 })
    const seen: string[] = []
    let stuck = true
    const reading = readAll(consumer, async ({ partition }, offset) => {
      seen.push(`${partition}@${offset}`)
      if (partition === 1 && offset === 5 && stuck) {
        stuck = false
        await waitFor('the group has noticed', () => consumer.lastError?.code === '_MAX_POLL_EXCEEDED').catch(() => {})
      }
    })
    await waitFor('everything is read', () => new Set(seen).size === 20 * partitions)
    expect(seen.filter((name) => name === '1@5').length).toBe(2)
    await consumer.close()
    await reading
    expect(await committedOf('stuck')).toEqual([20, 20, 20, 20])
  })

  it('are one reader, and refuse nonsense', async () => {
    await topicOf('one', 1)
    const consumer = await consumerOf('one')
    expect(() => consumer.partitionStreams({ max: 0 })).toThrow(
      /max of partitionStreams\(\) is an integer from 1; got 0/,
    )
    const streams = consumer.partitionStreams()
    await streams.next()
    expect((await rejection(consumer.poll(1))).code).toBe('_CONFLICT')
    await streams.return?.()
    expect(await consumer.poll(20_000)).not.toBeNull()
    await consumer.close()
  })
})
