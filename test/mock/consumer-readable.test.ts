// A consumer as a Node stream, and what probes see of it.
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Consumer, type Message, MockCluster, Producer } from 'odradek'
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

async function consumerOf(topic: string, count: number) {
  if (count > 0) await cluster.createTopic(topic, { partitions: 1 })
  if (count > 0)
    await producer.sendBatch(
      topic,
      Array.from({ length: count }, (_, i) => ({ value: String(i) })),
    )
  const consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': topic,
    'group.protocol': 'consumer',
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': 50,
    'auto.commit.interval.ms': 600_000,
  })
  await consumer.subscribe(topic)
  return consumer
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe('readable', () => {
  it('streams with back-pressure, and commits what it is told was handled', async () => {
    const consumer = await consumerOf('stream', 500)
    const seen: number[] = []
    const sink = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write(message: Message, _encoding, callback) {
        seen.push(message.offset)
        consumer.storeOffsets(message)
        if (seen.length === 500) void consumer.close()
        setImmediate(callback)
      },
    })
    await pipeline(consumer.readable(), sink)
    expect(seen).toEqual(range(0, 500))
    const again = await consumerOf('stream', 0)
    expect((await again.committed([{ topic: 'stream', partition: 0 }]))[0].offset).toBe(500)
    await again.close()
  })

  it('hands out again what a destroyed stream still held, and stored none of it', async () => {
    const consumer = await consumerOf('destroyed', 100)
    const seen: number[] = []
    for await (const { offset } of consumer.readable({ highWaterMark: 8 })) if (seen.push(offset) === 10) break
    for await (const { offset } of consumer) if (seen.push(offset) === 20) break
    expect(seen).toEqual(range(0, 20))
    await consumer.commit()
    // Of the stream's nothing was said to be handled; of the loop's all but the one at which it was left.
    expect((await consumer.committed())[0].offset).toBe(19)
    await consumer.close()
  })

  it('ends with the reason of an aborted signal', async () => {
    const consumer = await consumerOf('aborted', 3)
    const controller = new AbortController()
    const stream = consumer.readable({ signal: controller.signal })
    const read = async () => {
      for await (const { offset } of stream) if (offset === 2) controller.abort(new Error('enough'))
    }
    expect((await rejection(read())).message).toBe('enough')
    await consumer.close()
  })
})

describe('probes', () => {
  it('tell a cluster that answers from one that does not', async () => {
    const consumer = await consumerOf('healthy', 3)
    await consumer.ready({ timeout: 20_000 })
    expect(consumer.health()).toMatchObject({ ok: true, connected: true, assigned: false, lastMessage: null })
    await consumer.poll(20_000)
    await waitFor('the lag is known', () => consumer.health().lag === 2)
    expect(consumer.health()).toMatchObject({ ok: true, assigned: true, fatalError: undefined })
    expect(Date.now() - (consumer.health().lastMessage ?? 0)).toBeLessThan(60_000)
    cluster.broker(1).down()
    await waitFor('the loss is seen', () => !consumer.health().ok)
    expect(consumer.health().lastError).toBeDefined()
    cluster.broker(1).up()
    await waitFor('it is well again', () => consumer.health().ok)
    await consumer.close()
    expect(consumer.health()).toMatchObject({ ok: false, connected: false })
  })

  it('tell that nobody answers', async () => {
    const consumer = new Consumer({ 'bootstrap.servers': '127.0.0.1:1' })
    expect(consumer.health()).toMatchObject({ ok: false, connected: false })
    await waitFor('the reason is known', () => consumer.health().lastError)
    expect(consumer.health().ok).toBe(false)
    await consumer.close()
  })
})
