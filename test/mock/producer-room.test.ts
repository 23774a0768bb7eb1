// What the queue has room for, in bytes too; who waits for room, and how that waiting ends.
import { MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
let config: { 'bootstrap.servers': string; 'linger.ms': number }

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 }
  await cluster.createTopic('room')
})
afterAll(() => cluster.close())

const topic = 'room'
const kibibyte = Buffer.alloc(1024, 'v')
/** Nothing is delivered here. */
const nowhere = (limits: object) => new Producer({ 'bootstrap.servers': '127.0.0.1:1', ...limits })

describe('queue.buffering.max.kbytes', () => {
  it.each([1, 4, 64])('of %d: produce throws when it is full, send and sendBatch wait', async (kbytes) => {
    let reported = 0
    const onDelivery = ({ length }: { length: number }) => {
      reported += length
    }
    await using producer = new Producer({ ...config, 'queue.buffering.max.kbytes': kbytes }, { onDelivery })
    const taken: number[] = []
    for (let round = 0; round < 3; round++) {
      let count = 0
      try {
        for (; count < 100; count++) producer.produce({ topic, value: kibibyte })
      } catch (error) {
        expect(error).toMatchObject({ code: '_QUEUE_FULL', retriable: true })
      }
      expect(producer.length).toEqual({ messages: count, bytes: count * 1024 })
      taken.push(count)
      await producer.flush()
    }
    expect(taken).toEqual([kbytes, kbytes, kbytes])
    expect(reported).toBe(3 * kbytes)
    const sent = Array.from({ length: 150 }, () => producer.send({ topic, value: kibibyte }))
    const batch = producer.sendBatch(
      topic,
      Array.from({ length: 150 }, () => ({ key: 'k', value: kibibyte })),
    )
    expect(producer.length).toEqual({ messages: 300, bytes: 300 * 1024 + 150 })
    expect((await Promise.all(sent)).map(({ error }) => error)).toEqual(Array(150).fill(undefined))
    expect((await batch).failures).toEqual([])
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('refuses a value for which there never will be room, and only that', async () => {
    await using producer = new Producer({ ...config, 'queue.buffering.max.kbytes': 4 })
    const sizes = [1, 4096, 4097, 4000, 600_000, 5]
    const reports = await producer.sendBatch(
      topic,
      sizes.map((size) => ({ key: 'k'.repeat(200), value: Buffer.alloc(size) })),
    )
    expect([...reports].map(({ error }) => error?.code)).toEqual([
      ...[undefined, undefined, 'MSG_SIZE_TOO_LARGE', undefined, 'MSG_SIZE_TOO_LARGE', undefined],
    ])
    expect(reports.at(2)?.error?.message).toBe('a value of 4097 bytes; queue.buffering.max.kbytes allows 4096 in all')
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('has those wait that librdkafka has no room for yet', async () => {
    await using producer = new Producer({ ...config, 'queue.buffering.max.kbytes': 4 })
    const sizes = Array.from({ length: 200 }, (_, i) => ((i * 997) % 4096) + 1)
    const sent = sizes.map((size) => producer.send({ topic, value: Buffer.alloc(size) }))
    const offsets = (await Promise.all(sent)).map(({ offset }) => offset)
    expect(offsets).toEqual(offsets.map((_, i) => offsets[0] + i))
  })
})

describe('an aborted signal', () => {
  it('ends the waiting of a batch: what was written is delivered or not, the rest never is', async () => {
    await using producer = nowhere({ 'queue.buffering.max.messages': 3 })
    const records = Array.from({ length: 10 }, (_, i) => ({ value: String(i) }))
    const before = producer.sendBatch(topic, records, { signal: AbortSignal.abort(new Error('before')) })
    expect((await rejection(before)).message).toBe('before')
    expect(producer.length.messages).toBe(0)
    const controller = new AbortController()
    const batch = rejection(producer.sendBatch(topic, records, { signal: controller.signal }))
    const mixed = rejection(producer.sendBatch([{ topic, value: 'behind it' }], { signal: controller.signal }))
    const behind = producer.sendBatch(topic, [{ value: 'stays' }])
    expect(producer.length.messages).toBe(12)
    controller.abort(new Error('enough'))
    expect((await batch).message).toBe('enough')
    expect((await mixed).message).toBe('enough')
    // Three are with librdkafka, and one waits.
    expect(producer.length.messages).toBe(4)
    await producer.purge()
    expect((await behind).failures.map(({ error }) => error.code)).toEqual(['_PURGE_QUEUE'])
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('in the middle of a batch leaves its first records to be delivered, in order', async () => {
    await cluster.createTopic('aborted-batch')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 5 })
    const controller = new AbortController()
    cluster.broker(1).rtt(100)
    const records = Array.from({ length: 100 }, (_, i) => ({ value: String(i) }))
    const batch = rejection(producer.sendBatch('aborted-batch', records, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect((await batch).message).toBe('enough')
    cluster.broker(1).rtt(0)
    await producer.flush()
    // The first five, and then what comes after.
    expect((await producer.send({ topic: 'aborted-batch', value: 'next' })).offset).toBe(5)
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('after the last report changes nothing', async () => {
    await using producer = new Producer(config)
    const controller = new AbortController()
    const { signal } = controller
    const reports = await producer.sendBatch(topic, [{ value: 'v' }], { signal })
    await producer.flush({ signal })
    await producer.room({ signal })
    controller.abort(new Error('late'))
    expect(reports.failures).toEqual([])
  })
})

describe('room', () => {
  it('lets a loop send as fast as it reads, with no more waiting than the queue has room for', async () => {
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 50 })
    let most = 0
    let delivered = 0
    for (let i = 0; i < 5000; i++) {
      await producer.room()
      producer.send({ topic, value: String(i) }).then(() => delivered++)
      most = Math.max(most, producer.length.messages)
    }
    await producer.flush()
    expect(delivered).toBe(5000)
    expect(most).toBe(50)
  })

  it('is waited for in bytes, too, and for produce', async () => {
    await using producer = new Producer({ ...config, 'queue.buffering.max.kbytes': 16 })
    for (let i = 0; i < 500; i++) {
      await producer.room()
      producer.produce({ topic, value: kibibyte })
    }
    await producer.flush()
  })

  it('is shared: several loops at once, each record once', async () => {
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 10 })
    let delivered = 0
    let most = 0
    const loop = async () => {
      for (let i = 0; i < 300; i++) {
        await producer.room()
        producer.send({ topic, value: 'v' }).then(() => delivered++)
        most = Math.max(most, producer.length.messages)
      }
    }
    await Promise.all(Array.from({ length: 8 }, loop))
    await producer.drained()
    expect(delivered).toBe(2400)
    // Each may have found the same room.
    expect(most).toBeLessThan(10 + 8)
  })

  it('rejects with the signal, and when the producer is closed; a purge makes it', async () => {
    const producer = nowhere({ 'queue.buffering.max.messages': 1 })
    await producer.room()
    const sent = [rejection(producer.send({ topic, value: 'v' }))]
    const early = producer.room({ signal: AbortSignal.abort(new Error('before')) })
    expect((await rejection(early)).message).toBe('before')
    const controller = new AbortController()
    const signalled = rejection(producer.room({ signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect((await signalled).message).toBe('enough')
    expect((await rejection(producer.room({ signal: 'now' as never }))).code).toBe('_INVALID_ARG')
    const room = producer.room()
    await producer.purge()
    await room
    sent.push(rejection(producer.send({ topic, value: 'v' })))
    const closed = rejection(producer.room())
    await producer.close({ timeout: 0 })
    expect((await closed).code).toBe('_STATE')
    expect((await rejection(producer.room())).code).toBe('_STATE')
    expect((await Promise.all(sent)).map(({ code }) => code)).toEqual(['_PURGE_QUEUE', '_PURGE_QUEUE'])
  })
})
