// Edges of reading, seeking and assigning: each of these once lost messages, hung, or was taken without a word.
import { Consumer, type ConsumerConfig, type ConsumerOptions, MockCluster, Offset, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let producer: Producer
beforeAll(() => {
  cluster = new MockCluster({ brokers: 1 })
  producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
})
afterAll(async () => {
  await producer.close()
  await cluster.close()
})

async function topicOf(topic: string, count: number, size = 1) {
  await cluster.createTopic(topic, { partitions: 1 })
  const records = Array.from({ length: count }, (_, i) => ({ value: String(i).padEnd(size), partition: 0 }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  return topic
}

async function consumerOf(topic: string, config: ConsumerConfig = {}, options: ConsumerOptions = {}) {
  const base = {
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': topic,
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': 50,
    'auto.commit.interval.ms': 600_000,
  } as const
  const consumer = new Consumer({ ...base, ...config }, options)
  await consumer.subscribe(topic)
  return consumer
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('poll(0)', () => {
  it.each(['classic', 'consumer'] as const)('joins, reads, and keeps the member in its group: %s', async (protocol) => {
    const topic = await topicOf(`poll-0-${protocol}`, 3)
    const lost: unknown[] = []
    const options = { onLost: (partitions: unknown) => void lost.push(partitions) }
    const config = { 'group.protocol': protocol, 'max.poll.interval.ms': 1000 } as const
    const classic = { 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 100 }
    const more = protocol === 'classic' ? classic : {}
    await using consumer = await consumerOf(topic, { ...config, ...more } as ConsumerConfig, options)
    const seen: number[] = []
    await waitFor('all of it', async () => {
      const message = await consumer.poll(0)
      if (message) seen.push(message.offset)
      return seen.length === 3
    })
    // Nothing comes for longer than the interval, and the application goes on asking.
    const until = performance.now() + 2500
    while (performance.now() < until) {
      expect(await consumer.poll(0)).toBeNull()
      await pause(20)
    }
    await producer.send({ topic, partition: 0, value: 'later' })
    const later = await waitFor('the next', () => consumer.poll(0))
    expect({ seen, later: later.offset, lost }).toEqual({ seen: [0, 1, 2], later: 3, lost: [] })
  })

  it('leaves the event loop free though nothing else is awaited', async () => {
    const topic = await topicOf('poll-0-tight', 1)
    await using consumer = await consumerOf(topic, { 'group.protocol': 'consumer' })
    let message = null
    const until = performance.now() + 30_000
    while (!message && performance.now() < until) message = await consumer.poll(0)
    expect(message?.offset).toBe(0)
  })
})

describe('partition streams', () => {
  it('give back what came for a stream that was left before anything was taken of it', async () => {
    const topic = await topicOf('left-unread', 10)
    await using consumer = await consumerOf(topic, { 'group.protocol': 'consumer' })
    const streams = consumer.partitionStreams()
    const stream = (await streams.next()).value
    await stream.return()
    // Its messages come meanwhile: the partition is paused when they have.
    await waitFor('they have come', () => consumer.cachedWatermarks({ topic, partition: 0 }) !== null)
    await pause(200)
    await streams.return?.()
    expect((await consumer.poll(20_000))?.offset).toBe(0)
  })

  it('do not keep who leaves from going on, though a message is in hand: it comes again', async () => {
    const topic = await topicOf('in-hand', 10)
    await using consumer = await consumerOf(topic, { 'group.protocol': 'consumer' })
    for await (const stream of consumer.partitionStreams({ timeout: 200 })) {
      expect((await stream.next()).value.offset).toBe(0)
      break
    }
    expect((await consumer.poll(20_000))?.offset).toBe(0)
    expect((await consumer.poll(20_000))?.offset).toBe(1)
  })

  it('end with the reason of the signal though a handler is stuck, and commit nothing of its message', async () => {
    const topic = await topicOf('stuck-aborted', 10)
    const consumer = await consumerOf(topic, { 'group.protocol': 'consumer' })
    const stop = new AbortController()
    let started = 0
    const error = await rejection(
      (async () => {
        for await (const stream of consumer.partitionStreams({ signal: stop.signal, timeout: 200 })) {
          void (async () => {
            for await (const { offset } of stream) {
              started = offset
              if (offset === 3) await new Promise(() => {})
            }
          })()
          await waitFor('it is stuck', () => started === 3)
          stop.abort(new Error('enough'))
        }
      })(),
    )
    expect(error.message).toBe('enough')
    expect((await consumer.poll(20_000))?.offset).toBe(3)
    await consumer.close()
    await using next = await consumerOf(topic)
    expect((await next.committed([{ topic, partition: 0 }]))[0].offset).toBe(3)
  })

  it('let who reads next give up waiting for them', async () => {
    const topic = await topicOf('waits-for-streams', 10)
    await using consumer = await consumerOf(topic, { 'group.protocol': 'consumer' })
    const streams = consumer.partitionStreams({ timeout: 60_000 })
    const stream = (await streams.next()).value
    await stream.next()
    const left = streams.return?.()
    expect(await consumer.poll(100)).toBeNull()
    const stop = new AbortController()
    const waiting = rejection(consumer.poll(60_000, { signal: stop.signal }))
    stop.abort(new Error('enough'))
    expect((await waiting).message).toBe('enough')
    const iterating = rejection(consumer.messages({ signal: stop.signal }).next())
    expect((await iterating).message).toBe('enough')
    await stream.next()
    await left
    expect((await consumer.poll(20_000))?.offset).toBe(1)
  })

  it('refuse a timeout that is none', async () => {
    const topic = await topicOf('streams-timeout', 1)
    await using consumer = await consumerOf(topic)
    expect(() => consumer.partitionStreams({ timeout: -1 })).toThrow(/timeout is milliseconds from 0/)
  })
})

describe('batches', () => {
  it('have at most maxBytes, made of several answers or of one; a message that is larger comes alone', async () => {
    const topic = await topicOf('max-bytes', 20, 100)
    await using consumer = await consumerOf(topic)
    const sizes: number[] = []
    for await (const batch of consumer.batches({ maxBytes: 350, timeout: 500 })) {
      sizes.push(batch.length)
      if (sizes.reduce((a, b) => a + b) === 20) break
    }
    expect(sizes.slice(0, -1)).toEqual(sizes.slice(0, -1).map(() => 3))
    const large = await topicOf('max-bytes-large', 0)
    for (const size of [100, 100, 5000, 100])
      await producer.send({ topic: large, partition: 0, value: 'x'.repeat(size) })
    await using other = await consumerOf(large)
    const bytes: number[][] = []
    for await (const batch of other.batches({ maxBytes: 1000, timeout: 500 })) {
      bytes.push(batch.map((message) => message.value?.length ?? 0))
      if (bytes.flat().length === 4) break
    }
    for (const batch of bytes) {
      if (batch.length > 1) expect(batch.reduce((a, b) => a + b)).toBeLessThanOrEqual(1000)
    }
    expect(bytes.flat()).toEqual([100, 100, 5000, 100])
    expect(bytes).toContainEqual([5000])
  })
})

describe('seek', () => {
  it('goes to what is stored, or to where auto.offset.reset says; refuses what is no offset; loses nothing', async () => {
    const topic = await topicOf('seek-stored', 20)
    await using consumer = await consumerOf(topic)
    const at = (offset: number) => [{ topic, partition: 0, offset }]
    for (let i = 0; i < 5; i++) expect((await consumer.poll(20_000))?.offset).toBe(i)
    expect((await consumer.seek(at(Offset.stored)))[0]).toMatchObject({ error: undefined })
    expect((await consumer.poll(20_000))?.offset).toBe(0)
    await consumer.commit(at(7))
    expect((await consumer.seek(at(Offset.stored)))[0]).toMatchObject({ error: undefined })
    expect((await consumer.poll(20_000))?.offset).toBe(7)
    for (const nonsense of [Offset.invalid, -3, -1999]) {
      expect(await rejection(consumer.seek(at(nonsense)))).toMatchObject({ code: '_INVALID_ARG' })
    }
    expect((await rejection(consumer.seek(at(Offset.invalid)))).message).toMatch(
      /seek: .*seek-stored \[0\] is an offset from 0, Offset\.beginning, \.end, \.stored or \.tail\(n\); got -1001/,
    )
    expect((await consumer.poll(20_000))?.offset).toBe(8)
  })

  it('leaves what was fetched of a partition that cannot be sought', async () => {
    const topic = await topicOf('seek-refused', 20)
    await using consumer = await consumerOf(topic, {
      'auto.offset.reset': 'error',
      'partition.assignment.strategy': 'range',
    })
    await consumer.unsubscribe()
    await consumer.assign([{ topic, partition: 0, offset: 0 }])
    expect((await consumer.poll(20_000))?.offset).toBe(0)
    // All of it is here, and librdkafka has stopped at what it cannot pass.
    cluster.topicError(topic, 'NO_ERROR')
    const both = [7, 8].map((partition) => ({ topic, partition, offset: 3 }))
    for (const { error } of await consumer.seek(both)) expect(error?.code).toMatch(/_UNKNOWN_PARTITION|_STATE/)
    for (let i = 1; i < 20; i++) expect((await consumer.poll(20_000))?.offset).toBe(i)
  })

  it('to what is stored needs a group', async () => {
    const topic = await topicOf('seek-no-group', 1)
    await using consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers })
    await consumer.assign([{ topic, partition: 0 }])
    const error = await rejection(consumer.seek([{ topic, partition: 0, offset: Offset.stored }]))
    expect(error).toMatchObject({ code: '_UNKNOWN_GROUP' })
  })
})

describe('assign', () => {
  it.each([
    [Number.NaN, '_INVALID_ARG', /assign: the offset of t \[0\] is an integer; got NaN/],
    ['5', '_INVALID_ARG', /is an integer; got 5/],
    [1.5, '_INVALID_ARG', /is an integer; got 1\.5/],
    [null, '_INVALID_ARG', /is an integer; got null/],
    [-7, '_INVALID_ARG', /got -7/],
    [2 ** 53, undefined, /beyond 2\^53 - 1/],
  ])('refuses the offset %s', async (offset, code, message) => {
    await using consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'assign' })
    const error = await rejection(consumer.assign([{ topic: 't', partition: 0, offset: offset as number }]))
    expect(error.message).toMatch(message)
    if (code) expect(error.code).toBe(code)
    else expect(error).toBeInstanceOf(RangeError)
    expect(consumer.assignment).toEqual([])
  })

  it('asks no coordinator where to begin without a group: nothing is stored', async () => {
    const topic = await topicOf('assign-no-group', 5)
    for (const [reset, first] of [
      [undefined, 0],
      ['smallest', 0],
      ['latest', 5],
    ] as const) {
      cluster.requests.start()
      await using consumer = new Consumer({
        'bootstrap.servers': cluster.bootstrapServers,
        'fetch.wait.max.ms': 50,
        ...(reset && { 'auto.offset.reset': reset }),
      })
      await consumer.assign([{ topic, partition: 0 }])
      const next = consumer.poll(20_000)
      await waitFor('it has begun', () => cluster.requests.list('Fetch').length > 0)
      if (first === 5) await producer.send({ topic, partition: 0, value: 'later' })
      expect((await next)?.offset).toBe(first)
      expect(cluster.requests.list('OffsetFetch')).toEqual([])
      cluster.requests.stop()
    }
  })

  it('takes what committed() answers, and every named offset', async () => {
    const topic = await topicOf('assign-named', 5)
    await using consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'assign-named',
      'auto.offset.reset': 'earliest',
      'fetch.wait.max.ms': 50,
    })
    const starts = await consumer.committed([{ topic, partition: 0 }])
    expect(starts[0].offset).toBe(Offset.invalid)
    for (const [offset, first] of [
      [starts[0].offset, 0],
      [Offset.stored, 0],
      [Offset.beginning, 0],
      [Offset.tail(2), 3],
      [4, 4],
    ]) {
      await consumer.assign([{ topic, partition: 0, offset }])
      expect((await consumer.poll(20_000))?.offset).toBe(first)
      await consumer.assign(null)
      await consumer.commit([{ topic, partition: 0, offset: 0 }])
    }
  })
})

it('close() waits for commits under way, which leaving would refuse', async () => {
  const topic = await topicOf('commit-and-close', 1)
  for (let round = 0; round < 5; round++) {
    const consumer = await consumerOf(topic, { 'group.id': `commit-and-close-${round}`, 'enable.auto.commit': false })
    const message = await waitFor('it', () => consumer.poll(1000))
    cluster.brokers.rtt(100)
    const committed = consumer.commit(message ?? expect.unreachable())
    await consumer.close()
    expect(await committed).toMatchObject([{ topic, offset: 1 }])
    cluster.brokers.rtt(0)
  }
})
