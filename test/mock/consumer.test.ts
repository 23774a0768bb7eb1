import {
  Consumer,
  type ConsumerOptions,
  KafkaError,
  type Message,
  type MessageBatch,
  MockCluster,
  Offset,
  Producer,
} from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let producer: Producer

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
})
afterAll(async () => {
  await producer.close()
  await cluster.close()
})

function consumerOf(group: string, options: ConsumerOptions = {}, config: object = {}) {
  return new Consumer(
    {
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'fetch.wait.max.ms': 50,
      'auto.commit.interval.ms': 60_000,
      ...config,
    },
    options,
  )
}

/** A topic with values '0', '1', … round robin over its partitions. */
async function topicOf(name: string, count: number, partitions = 1) {
  await cluster.createTopic(name, { partitions })
  await producer.sendBatch(
    name,
    Array.from({ length: count }, (_, i) => ({ value: String(i), key: `k${i}`, partition: i % partitions })),
  )
  return name
}

async function committedOf(group: string, topic: string, partition = 0) {
  await using consumer = consumerOf(group)
  const [{ offset }] = await consumer.committed([{ topic, partition }])
  return offset
}

describe('reading', () => {
  it('iterates, goes on after break, and commits what was followed by another ask', async () => {
    const topic = await topicOf('iterate', 100)
    const consumer = consumerOf('iterate')
    await consumer.subscribe(topic)
    const seen: (string | null)[] = []
    for await (const message of consumer) {
      seen.push(message.text())
      if (seen.length === 30) break
    }
    await consumer.commit()
    expect(await committedOf('iterate', topic)).toBe(29)
    for await (const message of consumer) {
      seen.push(message.text())
      if (seen.length === 100) break
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => String(i)))
    await consumer.close()
    expect(await committedOf('iterate', topic)).toBe(99)
  })

  it('commits exactly what was handled when a signal ends the reading', async () => {
    const topic = await topicOf('abort', 100)
    const consumer = consumerOf('abort')
    await consumer.subscribe(topic)
    const controller = new AbortController()
    let handled = 0
    const read = async () => {
      for await (const _ of consumer.messages({ signal: controller.signal })) {
        if (++handled === 42) controller.abort(new Error('stop'))
      }
    }
    expect((await rejection(read())).message).toBe('stop')
    expect(handled).toBe(42)
    await consumer.close()
    expect(await committedOf('abort', topic)).toBe(42)
  })

  it('does not lose a message to an aborted or timed out receive', async () => {
    await cluster.createTopic('poll')
    await using consumer = consumerOf('poll')
    await consumer.subscribe('poll')
    expect(await consumer.poll(50)).toBeNull()
    expect((await rejection(consumer.poll(10_000, { signal: AbortSignal.timeout(30) }))).name).toBe('TimeoutError')
    const next = consumer.poll(10_000)
    await producer.sendBatch('poll', [{ value: 'a' }, { value: 'b' }])
    expect((await next)?.text()).toBe('a')
    expect((await consumer.poll(1000))?.text()).toBe('b')
  })

  it('hands out nothing after an abort, whatever was paused or sought since', async () => {
    const topic = await topicOf('abort-pause', 200, 2)
    await using consumer = consumerOf('abort-pause')
    await consumer.subscribe(topic)
    const controller = new AbortController()
    const reader = consumer.messages({ signal: controller.signal })
    const { partition, offset } = (await reader.next()).value
    controller.abort(new Error('stop'))
    await consumer.pause([{ topic, partition: 1 - partition }])
    expect((await rejection(reader.next())).message).toBe('stop')
    expect(await consumer.poll(5000)).toMatchObject({ partition, offset: offset + 1 })
  })

  it('has one reader at a time', async () => {
    const topic = await topicOf('one-reader', 3)
    await using consumer = consumerOf('one-reader')
    await consumer.subscribe(topic)
    const first = consumer.messages()
    await first.next()
    expect((await rejection(consumer.poll(10))).code).toBe('_CONFLICT')
    expect((await rejection(consumer.messages().next())).message).toMatch(/one reader at a time/)
    await first.return?.()
    expect((await consumer.poll(1000))?.text()).toBe('1')
  })

  it('answers calls of next() that do not wait for each other in turn', async () => {
    const topic = await topicOf('concurrent-next', 50)
    await using consumer = consumerOf('concurrent-next')
    await consumer.subscribe(topic)
    const reader = consumer.messages()
    const results = await Promise.all(Array.from({ length: 50 }, () => reader.next()))
    expect(results.map((r) => r.value.text())).toEqual(Array.from({ length: 50 }, (_, i) => String(i)))
  })

  it('makes batches by count, bytes and time', async () => {
    const topic = await topicOf('batches', 1000, 3)
    await using consumer = consumerOf('batches')
    await consumer.subscribe(topic)
    const sizes: number[] = []
    const seen = new Set<string | null>()
    for await (const batch of consumer.batches({ max: 300, timeout: 200 })) {
      sizes.push(batch.length)
      for (const m of batch) seen.add(m.text())
      expect(batch.at(-1)?.offset).toBe([...batch].at(-1)?.offset)
      if (seen.size === 1000) break
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(300)
    expect(seen.size).toBe(1000)
    await producer.sendBatch(
      'batches',
      Array.from({ length: 10 }, () => ({ value: 'x'.repeat(100), partition: 0 })),
    )
    for await (const batch of consumer.batches({ maxBytes: 350, timeout: 100 })) {
      expect(batch.length).toBeLessThanOrEqual(4)
      break
    }
    expect(() => consumer.batches({ max: 0 })).toThrow(/max of batches/)
  })

  it('hands a batch out at the deadline of the whole, though messages keep coming', async () => {
    await cluster.createTopic('deadline')
    await using consumer = consumerOf('deadline')
    await consumer.subscribe('deadline')
    let sent = 0
    const trickle = setInterval(() => producer.produce({ topic: 'deadline', value: String(sent++) }), 30)
    try {
      const reader = consumer.batches({ max: 10_000, timeout: 300 })
      const from = performance.now()
      const { value: batch } = await reader.next()
      expect(performance.now() - from).toBeGreaterThan(290)
      // A timeout for each message would not end while they come; and they come until it is here.
      expect(batch.length).toBeGreaterThan(0)
      await waitFor('more', () => sent > batch.length + 5)
      const { value: next } = await reader.next()
      expect(next.at(0).offset).toBe(batch.length)
    } finally {
      clearInterval(trickle)
    }
  })

  it('hands nothing out with a batch that was paused or sought while it was made, and loses none of it', async () => {
    const topic = await topicOf('batch-barriers', 20, 2)
    await using consumer = consumerOf('batch-barriers')
    await consumer.subscribe(topic)
    const reader = consumer.batches({ max: 30, timeout: 3000 })
    const offsetsOf = (batch: MessageBatch, partition: number) =>
      batch.filter((m) => m.partition === partition).map((m) => m.offset)
    const first = reader.next()
    const places = () => consumer.position().map(({ offset }) => offset)
    await waitFor('all is in the batch', () => places().length === 2 && places().every((offset) => offset === 10))
    await consumer.pause([{ topic, partition: 0 }])
    await consumer.seek([{ topic, partition: 1, offset: 7 }])
    const { value: batch } = await first
    expect(offsetsOf(batch, 0)).toEqual([])
    expect(offsetsOf(batch, 1)).toEqual([7, 8, 9])
    expect(consumer.position([{ topic, partition: 0 }])[0].offset).toBe(0)
    await consumer.resume([{ topic, partition: 0 }])
    const { value: next } = await reader.next()
    expect(offsetsOf(next, 0)).toEqual(Array.from({ length: 10 }, (_, i) => i))
    await consumer.commit()
    expect(await committedOf('batch-barriers', topic, 1)).toBe(10)
  })

  it('keeps what was detached', async () => {
    const topic = await topicOf('detach', 5)
    await using consumer = consumerOf('detach')
    await consumer.subscribe(topic)
    const kept: Message[] = []
    for await (const message of consumer) {
      kept.push(message.detach())
      if (kept.length === 5) break
    }
    expect(kept.map((m) => `${m.key}=${m.text()}@${m.offset}`)).toEqual(
      Array.from({ length: 5 }, (_, i) => `k${i}=${i}@${i}`),
    )
    expect(kept[0]._slab.bytes.length).toBeLessThan(100)
  })

  it('reports the end of a partition where asked, and reads on', async () => {
    const topic = await topicOf('eof', 3)
    const ends: number[] = []
    const onPartitionEof = ({ offset }: { offset: number }) => ends.push(offset)
    await using consumer = consumerOf('eof', { onPartitionEof }, { 'enable.partition.eof': true })
    await consumer.subscribe(topic)
    for (let i = 0; i < 3; i++) await consumer.poll(5000)
    const next = consumer.poll(10_000)
    await waitFor('the end', () => ends.length > 0)
    expect(ends).toEqual([3])
    await producer.send({ topic, value: 'more' })
    expect((await next)?.text()).toBe('more')
  })
})

describe('positions', () => {
  it('pauses without losing what was fetched, and resumes with the next', async () => {
    const topic = await topicOf('pause', 2000, 2)
    await using consumer = consumerOf('pause')
    await consumer.subscribe(topic)
    const seen: number[][] = [[], []]
    let paused = false
    for await (const message of consumer) {
      expect(paused && message.partition === 0, 'a message of a paused partition').toBe(false)
      seen[message.partition].push(message.offset)
      if (seen[0].length === 10 && !paused && seen[1].length < 1000) {
        await consumer.pause([{ topic, partition: 0 }])
        paused = true
      }
      if (seen[1].length === 1000 && paused) {
        await consumer.resume([{ topic, partition: 0 }])
        paused = false
      }
      if (seen[0].length === 1000 && seen[1].length === 1000) break
    }
    for (const offsets of seen) expect(offsets).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it('seeks: nothing fetched before is handed out, and the sought away is not committed', async () => {
    const topic = await topicOf('seek', 500)
    const consumer = consumerOf('seek')
    await consumer.subscribe(topic)
    const seen: number[] = []
    for await (const message of consumer) {
      seen.push(message.offset)
      if (seen.length === 20) await consumer.seek([{ topic, partition: 0, offset: 400 }])
      if (seen.length === 25) await consumer.seek([{ topic, partition: 0, offset: Offset.beginning }])
      if (seen.length === 28) break
    }
    const expected = [...Array.from({ length: 20 }, (_, i) => i), 400, 401, 402, 403, 404, 0, 1, 2]
    expect(seen).toEqual(expected)
    await consumer.close()
    expect(await committedOf('seek', topic)).toBe(2)
  })

  it('assigns by hand, without subscribing', async () => {
    const topic = await topicOf('assign', 100, 2)
    await using consumer = consumerOf('assign')
    await consumer.assign([
      { topic, partition: 0, offset: 40 },
      { topic, partition: 1, offset: Offset.tail(3) },
    ])
    const seen: number[][] = [[], []]
    while (seen[0].length < 10 || seen[1].length < 3) {
      const message = await consumer.poll(5000)
      if (message) seen[message.partition].push(message.offset)
    }
    expect(seen[0]).toEqual(Array.from({ length: 10 }, (_, i) => 40 + i))
    expect(seen[1]).toEqual([47, 48, 49])
    await consumer.assign(null)
    expect(consumer.assignment).toEqual([])
    expect(await consumer.poll(100)).toBeNull()
  })

  it('commits a message, messages, a batch and offsets, one after', async () => {
    const topic = await topicOf('commit', 50)
    await using consumer = consumerOf('commit', {}, { 'enable.auto.commit': false })
    await consumer.subscribe(topic)
    const committed = async () => (await consumer.committed([{ topic, partition: 0 }]))[0].offset
    expect(await consumer.commit()).toEqual([])
    const reader = consumer.batches({ max: 10, timeout: 100 })
    const { value: batch } = await reader.next()
    await consumer.commit(batch.at(2))
    expect(await committed()).toBe(3)
    await consumer.commit([batch.at(3), batch.at(5), batch.at(4)])
    expect(await committed()).toBe(5)
    await consumer.commit(batch)
    expect(await committed()).toBe(10)
    const [result] = await consumer.commit([{ topic, partition: 0, offset: 7, metadata: 'mine' }])
    expect(result).toMatchObject({ topic, partition: 0, offset: 7, error: undefined })
    expect((await consumer.committed([{ topic, partition: 0 }]))[0]).toMatchObject({ offset: 7, metadata: 'mine' })
    await reader.next()
    await consumer.commit()
    expect(await committed()).toBe(10)
    await consumer.commit([{ topic, partition: 0, offset: Number.MAX_SAFE_INTEGER }])
    expect(await committed()).toBe(Number.MAX_SAFE_INTEGER)
    expect((await rejection(consumer.commit([{ topic, partition: 0, offset: 2 ** 53 }]))).name).toBe('RangeError')
  })

  it('stores nothing by itself with enable.auto.offset.store=false', async () => {
    const topic = await topicOf('store', 20)
    await using consumer = consumerOf('store', {}, { 'enable.auto.offset.store': false })
    await consumer.subscribe(topic)
    for (let i = 0; i < 10; i++) await consumer.poll(5000)
    expect(await consumer.commit()).toEqual([])
    expect(consumer.storeOffsets([{ topic, partition: 0, offset: 4 }])[0].error).toBeUndefined()
    expect((await consumer.commit())[0].offset).toBe(4)
    expect(consumer.storeOffsets([{ topic: 'other', partition: 0, offset: 4 }])[0].error).toBeInstanceOf(KafkaError)
  })
})

describe('the group', () => {
  it('starts where onAssigned says, and commits in onRevoked', async () => {
    const topic = await topicOf('hooks', 100)
    const committing: number[] = []
    const consumer = consumerOf('hooks', {
      onAssigned: async ([{ topic, partition }]) => [{ topic, partition, offset: 90 }],
      onRevoked: async ([{ topic, partition }]) => {
        const [result] = await consumer.commit([{ topic, partition, offset: 93 }])
        if (!result.error) committing.push(result.offset)
      },
    })
    await consumer.subscribe(topic)
    const seen: number[] = []
    for await (const { offset } of consumer) if (seen.push(offset) === 5) break
    expect(seen).toEqual([90, 91, 92, 93, 94])
    await consumer.close()
    expect(committing).toEqual([93])
  })

  it('reports a hook that throws and goes on', async () => {
    const topic = await topicOf('bad-hooks', 10)
    const errors: KafkaError[] = []
    const fail = () => {
      throw new Error('mine')
    }
    const consumer = consumerOf('bad-hooks', { onAssigned: fail, onRevoked: fail, onError: (e) => errors.push(e) })
    await consumer.subscribe(topic)
    expect((await consumer.poll(10_000))?.text()).toBe('0')
    await consumer.close()
    expect(errors.map((e) => e.message)).toEqual([
      'the onAssigned hook failed: mine',
      'the onRevoked hook failed: mine',
    ])
  })
})

describe('the end', () => {
  it('closes from inside the loop, twice, and ends the iteration', async () => {
    const topic = await topicOf('close-inside', 100)
    const consumer = consumerOf('close-inside')
    await consumer.subscribe(topic)
    let count = 0
    for await (const _ of consumer) {
      if (++count === 10) await Promise.all([consumer.close(), consumer.close()])
    }
    expect(count).toBe(10)
    expect(await committedOf('close-inside', topic)).toBe(9)
    expect((await rejection(consumer.poll(1))).code).toBe('_STATE')
  })

  it('ends a waiting reader, and closes before anything happened or without a broker', async () => {
    const consumer = consumerOf('close-waiting')
    await consumer.subscribe('nowhere')
    const next = consumer.messages().next()
    await consumer.close()
    expect((await next).done).toBe(true)
    await new Consumer({ 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g' }).close()
    const lost = new Consumer({ 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g' })
    await lost.subscribe('t')
    const polled = lost.poll(60_000)
    const from = performance.now()
    await lost.close({ timeout: 500 })
    expect(performance.now() - from).toBeLessThan(20_000)
    expect(await polled).toBeNull()
  })
})
