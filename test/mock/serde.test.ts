// Values through producers, consumers and processors, on the embedded cluster.
import { MockCluster, Producer } from 'odradek'
import { deadLetter, Processor, retry } from 'odradek/processor'
import { DecodeError, EncodeError, json, RegistryError, string, TypedConsumer, TypedProducer } from 'odradek/serde'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let producer: TypedProducer<Order | null, string | null>
let raw: Producer

interface Order {
  id: string
  amount: number
}
const order = json(z.object({ id: z.string(), amount: z.number() }))

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 }
  producer = new TypedProducer(config, { key: string(), value: order })
  raw = new Producer(config)
})
afterAll(async () => {
  await producer.close()
  await raw.close()
  await cluster.close()
})

const config = (group: string) => ({
  'bootstrap.servers': cluster.bootstrapServers,
  'group.id': group,
  'auto.offset.reset': 'earliest' as const,
  'fetch.wait.max.ms': 20,
})

/** Three good ones, one that does not decode as the third, and a tombstone. */
async function topicOf(name: string): Promise<string> {
  await cluster.createTopic(name, { partitions: 1 })
  await producer.send({ topic: name, key: 'a', value: { id: 'a', amount: 1 }, headers: { own: 'x' } })
  await producer.sendBatch(name, [{ key: 'b', value: { id: 'b', amount: 2 } }])
  await raw.send({ topic: name, key: 'bad', value: '{"id":5}' })
  await producer.send({ topic: name, key: 'c', value: null })
  await producer.send({ topic: name, value: { id: 'd', amount: 4 } })
  return name
}

const good = [
  ['a', { id: 'a', amount: 1 }],
  ['b', { id: 'b', amount: 2 }],
  ['c', null],
  [null, { id: 'd', amount: 4 }],
]

describe('typed clients', () => {
  it('decode; what does not decode goes to onPoison, and reading goes on', async () => {
    const topic = await topicOf('typed')
    const poison: string[] = []
    await using consumer = new TypedConsumer(config('typed'), {
      key: string(),
      value: order,
      onPoison: (message, error) => void poison.push(`${message.key} ${(error as Error).name}`),
    })
    await consumer.subscribe(topic)
    const seen: unknown[] = []
    for await (const message of consumer) {
      const { decodedKey, decoded } = message
      // Typed: this compiles.
      const amount: number | undefined = decoded?.amount
      expect(amount).toBe(decoded?.amount)
      seen.push([decodedKey, decoded])
      if (seen.length === 4) break
    }
    expect(seen).toEqual(good)
    expect(poison).toEqual(['bad DecodeError'])
    await consumer.consumer.seek([{ topic, partition: 0, offset: 0 }])
    const batches = consumer.batches({ max: 5, timeout: 500 })
    const { value: batch } = await batches.next()
    await batches.return?.()
    expect(
      batch.map(({ decodedKey, decoded }: { decodedKey: string; decoded: Order }) => [decodedKey, decoded]),
    ).toEqual(good)
    await consumer.consumer.seek([{ topic, partition: 0, offset: 2 }])
    expect((await consumer.poll(5000))?.decodedKey).toBe('c')
  })

  it('without onPoison the loop rejects, and the next goes on behind it', async () => {
    const topic = await topicOf('typed-throws')
    await using consumer = new TypedConsumer(config('typed-throws'), { key: string(), value: order })
    await consumer.subscribe(topic)
    const keys: unknown[] = []
    const read = async (until: number) => {
      for await (const { decodedKey } of consumer) if (keys.push(decodedKey) === until) break
    }
    expect(await rejection(read(9))).toBeInstanceOf(DecodeError)
    await read(4)
    expect(keys).toEqual(['a', 'b', 'c', null])
  })

  it('when the registry is down reject, and begin with the same message when they are asked again', async () => {
    const topic = await topicOf('typed-down')
    let down = new Set(['b'])
    const value = {
      deserialize(bytes: Buffer | null) {
        const text = String(bytes)
        for (const id of down) if (text.includes(`"${id}"`)) throw new RegistryError('down')
        return text
      },
    }
    const poison: unknown[] = []
    const onPoison = (_: unknown, error: unknown) => void poison.push(error)
    await using consumer = new TypedConsumer(config('typed-down'), { key: string(), value, onPoison })
    await consumer.subscribe(topic)
    const keys: unknown[] = []
    const read = async (until: number) => {
      for await (const { decodedKey } of consumer) if (keys.push(decodedKey) === until) break
    }
    expect(await rejection(read(9))).toBeInstanceOf(RegistryError)
    expect(await rejection(read(9))).toBeInstanceOf(RegistryError)
    // What was read counts, what was not does not.
    await consumer.commit()
    expect(await consumer.consumer.committed([{ topic, partition: 0 }])).toMatchObject([{ offset: 1 }])
    expect(await rejection(consumer.poll(5000))).toBeInstanceOf(RegistryError)
    const batches = () => consumer.batches({ max: 4, timeout: 500 })
    expect(await rejection(batches().next())).toBeInstanceOf(RegistryError)
    down = new Set()
    const { value: batch } = await batches().next()
    expect([...keys, ...batch.map(({ decodedKey }: { decodedKey: unknown }) => decodedKey)]).toEqual([
      'a',
      'b',
      'bad',
      'c',
      null,
    ])
    expect(poison).toEqual([])
  })

  it('refuse what is not the type, and keep the order of sends', async () => {
    await cluster.createTopic('typed-order', { partitions: 1 })
    const bad = { id: 'a' } as Order
    expect(await rejection(producer.send({ topic: 'typed-order', value: bad }))).toBeInstanceOf(EncodeError)
    const slow = new TypedProducer<number, never>(
      { 'bootstrap.servers': cluster.bootstrapServers },
      {
        value: {
          serialize: async (n) => {
            if (n < 0) throw new Error('negative')
            await new Promise((resolve) => setTimeout(resolve, n % 2 ? 1 : 20))
            return String(n)
          },
        },
      },
    )
    const reports = await Promise.all([0, 1, 2, 3].map((n) => slow.send({ topic: 'typed-order', value: n })))
    // What fails at once lets nobody overtake those that are still being encoded.
    const [first, , last] = await Promise.allSettled(
      [4, -1, 5].map((n) => slow.send({ topic: 'typed-order', value: n })),
    )
    expect([first, last].map((result) => result.status === 'fulfilled' && result.value.offset)).toEqual([4, 5])
    await slow.close()
    expect(reports.map(({ offset }) => offset)).toEqual([0, 1, 2, 3])
  })
})

describe('processors', () => {
  it('hand typed values to handlers; a poison message is not tried again, and does not stop the partition', async () => {
    const topic = await topicOf('poison')
    await cluster.createTopic('poison.dlq', { partitions: 1 })
    const app = new Processor(config('poison'), { onError: () => {}, key: string() })
    app.use(retry({ attempts: 5, backoff: { initial: 10_000 } })).use(deadLetter())
    const seen: unknown[] = []
    app.topic(topic, { value: order }, (message) => {
      seen.push([message.decodedKey, message.decoded])
      expect(message.decoded?.amount === undefined).toBe(message.decoded === null)
    })
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 5)
    stop.abort()
    await done
    expect(seen).toEqual(good)
    await using consumer = new TypedConsumer(config('poison-dlq'), { key: string() })
    await consumer.subscribe('poison.dlq')
    const letter = await consumer.poll(10_000)
    expect(letter?.decodedKey).toBe('bad')
    expect(String(letter?.headers.get('dead-letter.error'))).toMatch(
      /^DecodeError: the value of poison \[0\] at 2 does not/,
    )
  })

  it('in a batch, only what does not decode fails', async () => {
    const topic = await topicOf('poison-batch')
    await cluster.createTopic('poison-batch.dlq', { partitions: 1 })
    const app = new Processor(config('poison-batch'), { onError: () => {} })
    app.use(deadLetter())
    const sizes: number[] = []
    app.batchTopic(topic, { max: 5, value: order, key: string() }, (batch) => {
      sizes.push(batch.length)
      const amounts: (number | undefined)[] = batch.map(({ decoded }) => decoded?.amount)
      expect(amounts).toEqual([1, 2, undefined, 4])
    })
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 5)
    stop.abort()
    await done
    expect(sizes).toEqual([4])
  })
})
