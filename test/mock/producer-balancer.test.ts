// Partitions that the program chooses, deliveries() and the diagnostics channels.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type Balancer,
  type DeliveryReports,
  leastBytes,
  MockCluster,
  Producer,
  type ProducerDeliveryEvent,
  type ProducerSendEvent,
  roundRobin,
} from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
let config: { 'bootstrap.servers': string; 'linger.ms': number }

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 }
})
afterAll(() => cluster.close())

describe('balancer', () => {
  it('roundRobin takes one partition after the other, for each topic; an explicit partition stands', async () => {
    await cluster.createTopic('rr-a', { partitions: 3 })
    await cluster.createTopic('rr-b', { partitions: 2 })
    await using producer = new Producer(config, { balancer: roundRobin() })
    const records = Array.from({ length: 12 }, (_, i) => ({ topic: i % 2 ? 'rr-b' : 'rr-a', key: 'same', value: 'v' }))
    const explicit = { topic: 'rr-a', partition: 2, value: 'v' }
    const reports = await producer.sendBatch([...records, explicit])
    expect(reports.failures).toEqual([])
    const of = (topic: string) => [...reports].filter((report) => report.topic === topic).map((r) => r.partition)
    expect(of('rr-a')).toEqual([0, 1, 2, 0, 1, 2, 2])
    expect(of('rr-b')).toEqual([0, 1, 0, 1, 0, 1])
  })

  it('leastBytes evens out what the partitions get', async () => {
    await cluster.createTopic('lb', { partitions: 3 })
    await using producer = new Producer(config, { balancer: leastBytes() })
    const sizes = [100, 10, 10, 10, 10, 80, 5]
    const reports = await producer.sendBatch(
      'lb',
      sizes.map((size) => ({ value: 'x'.repeat(size) })),
    )
    expect([...reports].map((report) => report.partition)).toEqual([0, 1, 2, 1, 2, 1, 2])
  })

  it('is called in the order of the records, before any of them crosses, while the partitions are not known yet', async () => {
    await cluster.createTopic('order', { partitions: 4 })
    const seen: unknown[] = []
    const balancer: Balancer = (record, partitionCount, topic) => {
      seen.push([record.opaque, partitionCount, topic])
      return 3
    }
    const delivered: unknown[] = []
    const onDelivery = (reports: DeliveryReports) => delivered.push(...[...reports].map((r) => [r.opaque, r.partition]))
    await using producer = new Producer(config, { balancer, onDelivery })
    // None of these can know the partitions.
    producer.produce({ topic: 'order', value: '0', opaque: 0 })
    const sent = producer.send({ topic: 'order', value: '1', opaque: 1 })
    const batch = producer.sendBatch('order', [
      { value: '2', opaque: 2 },
      { value: '3', opaque: 3 },
    ])
    producer.produce({ topic: 'order', value: '4', opaque: 4 })
    expect(producer.length).toEqual({ messages: 5, bytes: 5 })
    await producer.flush()
    expect(seen).toEqual([0, 1, 2, 3, 4].map((i) => [i, 4, 'order']))
    expect((await sent).offset).toBe(1)
    expect([...(await batch)].map((report) => report.offset)).toEqual([2, 3])
    expect(delivered).toEqual([
      [0, 3],
      [4, 3],
    ])
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('fails the record, and only that, for which it throws or chooses what does not exist', async () => {
    await cluster.createTopic('wrong', { partitions: 2 })
    const balancer: Balancer = ({ opaque }) => {
      if (opaque === 'throw') throw new Error('no idea')
      return opaque as number
    }
    await using producer = new Producer(config, { balancer })
    const value = 'v'
    const reports = await producer.sendBatch(
      'wrong',
      [1, 2, -1, 0.5, 'throw', undefined, 0].map((opaque) => ({ value, opaque })),
    )
    expect([...reports].map(({ partition, error }) => error?.code ?? partition)).toEqual([
      1,
      ...Array(3).fill('_INVALID_ARG'),
      '_PURGE_QUEUE',
      '_INVALID_ARG',
      0,
    ])
    expect(reports.at(1)?.error?.message).toBe('the balancer chose partition 2 of wrong, which has 2')
    expect((await rejection(producer.send({ topic: 'wrong', value, opaque: 'throw' }))).message).toBe('no idea')
    expect(() => producer.produce({ topic: 'wrong', value, opaque: 9 })).toThrow(/chose partition 9/)
    expect(producer.length.messages).toBe(0)
  })

  it('rejects with the reason when the partitions cannot be known, within seconds, and gives up when told to', async () => {
    await using producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' }, { balancer: roundRobin() })
    const from = performance.now()
    const error = await rejection(producer.send({ topic: 'nowhere', value: 'v' }))
    expect(error.message).toMatch(/\(nowhere\): its partitions are not known/)
    expect(performance.now() - from).toBeLessThan(20_000)
    const controller = new AbortController()
    const other = rejection(producer.send({ topic: 'elsewhere', value: 'v' }, { signal: controller.signal }))
    const purged = rejection(producer.send({ topic: 'elsewhere', value: 'v' }))
    controller.abort(new Error('enough'))
    expect((await other).message).toBe('enough')
    const drained = producer.drained()
    await producer.purge()
    expect((await purged).code).toBe('_PURGE_QUEUE')
    await drained
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('refuses what is no function', () => {
    expect(() => new Producer(config, { balancer: 'roundRobin' as never })).toThrow(/balancer is a function/)
  })
})

describe('deliveries', () => {
  it('iterates over the reports of produce to the end, beside onDelivery', async () => {
    await cluster.createTopic('deliveries')
    let told = 0
    const onDelivery = (reports: DeliveryReports) => {
      told += reports.length
    }
    const producer = new Producer(config, { onDelivery })
    const deliveries = producer.deliveries()
    for (let i = 0; i < 5000; i++) producer.produce({ topic: 'deliveries', value: 'v', opaque: i })
    await producer.send({ topic: 'deliveries', value: 'not of produce' })
    const closed = producer.close()
    const read: unknown[] = []
    for await (const reports of deliveries) read.push(...[...reports].map(({ opaque }) => opaque))
    await closed
    expect(read).toEqual(Array.from({ length: 5000 }, (_, i) => i))
    expect(told).toBe(5000)
    expect(await deliveries.next()).toEqual({ value: undefined, done: true })
    expect((await producer.deliveries().next()).done).toBe(true)
  })

  it('holds produce up while its reader does not read, and stops when it is left', async () => {
    await cluster.createTopic('unread')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 10 })
    const deliveries = producer.deliveries()
    for (let i = 0; i < 10; i++) producer.produce({ topic: 'unread', value: 'v' })
    await producer.flush()
    const record = { topic: 'unread', value: 'v' }
    expect(() => producer.produce(record)).toThrow(/10 reports wait for the reader/)
    let read = 0
    while (read < 10) read += (await deliveries.next()).value?.length ?? 0
    producer.produce(record)
    await producer.flush()
    for await (const reports of deliveries) {
      expect(reports.length).toBe(1)
      break
    }
    for (let i = 0; i < 10; i++) producer.produce(record)
    await producer.flush()
    producer.produce(record)
  })
})

describe('diagnostics channels', () => {
  async function recorded(work: () => Promise<void>) {
    const sends: ProducerSendEvent[] = []
    const deliveries: ProducerDeliveryEvent[] = []
    const onSend = (event: unknown) => {
      const send = event as ProducerSendEvent
      sends.push(send)
      // As a tracer would.
      send.record.headers = [['trace', String(sends.length)]]
    }
    const onDelivery = (event: unknown) => deliveries.push(event as ProducerDeliveryEvent)
    subscribe('odradek:producer:send', onSend)
    subscribe('odradek:producer:delivery', onDelivery)
    try {
      await work()
    } finally {
      unsubscribe('odradek:producer:send', onSend)
      unsubscribe('odradek:producer:delivery', onDelivery)
    }
    return { sends, deliveries }
  }

  it('tell of each record once when it is sent and once when it is delivered or has failed', async () => {
    await cluster.createTopic('diagnostics')
    const topic = 'diagnostics'
    await using producer = new Producer({ ...config, 'client.id': 'traced', 'message.max.bytes': 1000 })
    const { sends, deliveries } = await recorded(async () => {
      await producer.send({ topic, value: 'send' })
      await producer.send({ topic, value: 'send', opaque: 'o' })
      producer.produce({ topic, value: 'produce' })
      producer.produce({ topic, value: 'produce', opaque: 'p' })
      await producer.sendBatch(topic, [{ value: 'batch' }, { value: 'batch', opaque: 'b' }, { value: 7 as never }])
      await rejection(producer.send({ topic, value: 'x'.repeat(2000) }))
      await producer.flush()
    })
    expect(sends.map(({ client, topic }) => `${client} ${topic}`)).toEqual(Array(8).fill('traced diagnostics'))
    expect(deliveries.length).toBe(8)
    // Each send has its delivery.
    expect(new Set(deliveries.map(({ send }) => send))).toEqual(new Set(sends))
    for (const { send, report } of deliveries) {
      expect(report.topic).toBe(topic)
      expect(report.opaque).toBe(send?.record.opaque)
      const bad = send?.record.value === (7 as never) || String(send?.record.value).length > 1000
      expect(report.error?.code).toBe(
        bad ? (send?.record.value === (7 as never) ? '_INVALID_ARG' : 'MSG_SIZE_TOO_LARGE') : undefined,
      )
      expect(report.status).toBe(bad ? 'notPersisted' : 'persisted')
    }
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('tell of sends that wait for room where they were called', async () => {
    await cluster.createTopic('diagnostics-wait')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 1 })
    const { sends, deliveries } = await recorded(async () => {
      const all = Array.from({ length: 20 }, (_, i) => producer.send({ topic: 'diagnostics-wait', value: String(i) }))
      await Promise.all(all)
    })
    expect(sends.map(({ record }) => record.value)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    expect(deliveries.map(({ send }) => send)).toEqual(sends)
  })
})
