import { pipeline } from 'node:stream/promises'
import { Consumer, type DeliveryReports, KafkaError, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
let config: { 'bootstrap.servers': string; 'linger.ms': number }

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 }
})
afterAll(() => cluster.close())

async function readAll(topic: string, count: number) {
  await using consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': `read-${topic}`,
    'auto.offset.reset': 'earliest',
  })
  await consumer.subscribe(topic)
  const messages = []
  for await (const message of consumer) {
    messages.push(message)
    if (messages.length === count) break
  }
  return messages
}

describe('send', () => {
  it('resolves with the delivery report', async () => {
    await cluster.createTopic('send-one', { partitions: 3 })
    await using producer = new Producer(config)
    const report = await producer.send({ topic: 'send-one', partition: 2, key: 'k', value: 'v', opaque: 'mine' })
    expect(report).toMatchObject({ topic: 'send-one', partition: 2, offset: 0, status: 'persisted', opaque: 'mine' })
    expect(report.error).toBeUndefined()
    expect(report.brokerId).toBe(1)
    expect(report.latency).toBeGreaterThan(0)
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('keeps bytes as they are: null, empty, 0x00, 0xff, views, UTF-8, headers with duplicates and nulls', async () => {
    await cluster.createTopic('send-bytes')
    await using producer = new Producer(config)
    const view = new DataView(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3)
    const records = [
      { key: null, value: null },
      { key: '', value: '' },
      { key: Buffer.alloc(0), value: Buffer.alloc(0) },
      { key: Buffer.from([0]), value: Buffer.from([0xff, 0, 0xfe]) },
      { key: view, value: new Uint16Array([1, 2]) },
      { key: 'grüße 😀', value: 'ü'.repeat(40_000) },
      { key: 'x'.repeat(100), value: Buffer.alloc(600_000, 7) },
    ]
    const headers: [string, string | Buffer | null][] = [
      ['a', '1'],
      ['a', null],
      ['', Buffer.alloc(0)],
      ['ü', Buffer.from([0, 255])],
    ]
    for (const record of records) await producer.send({ topic: 'send-bytes', ...record, headers })
    const messages = await readAll('send-bytes', records.length)
    const bytes = (value: unknown) =>
      value === null ? null : typeof value === 'string' ? Buffer.from(value) : toBuffer(value as ArrayBufferView)
    messages.forEach((message, i) => {
      expect(message.key).toEqual(bytes(records[i].key))
      expect(message.value).toEqual(bytes(records[i].value))
      expect([...message.headers]).toEqual(headers.map(([name, value]) => [name, bytes(value)]))
    })
  })

  it('has the timestamp that it was given, as a number or a Date, and else the present one', async () => {
    await cluster.createTopic('send-timestamps')
    await using producer = new Producer(config)
    const from = Date.now()
    const given = [1, 1_500_000_000_123, new Date('2020-02-20T20:20:20.020Z'), null, undefined]
    for (const timestamp of given) await producer.send({ topic: 'send-timestamps', value: 'v', timestamp })
    const read = (await readAll('send-timestamps', given.length)).map(({ timestamp }) => timestamp)
    expect(read.slice(0, 3)).toEqual(given.slice(0, 3).map(Number))
    for (const now of read.slice(3)) expect(now).toBeGreaterThanOrEqual(from)
  })

  it('rejects with the error of the record, and of that record only', async () => {
    await cluster.createTopic('send-errors')
    await using producer = new Producer({ ...config, 'message.max.bytes': 2000 })
    const bad: [object, string, RegExp][] = [
      [{ topic: 'send-errors', value: 'x', partiton: 1 }, '_INVALID_ARG', /unknown field 'partiton'/],
      [{ value: 'x' }, '_INVALID_ARG', /topic/],
      [{ topic: 'send-errors', value: 5 }, '_INVALID_ARG', /value is a string, Buffer.*got number/],
      [{ topic: 'send-errors', key: {}, value: 'x' }, '_INVALID_ARG', /key/],
      [{ topic: 'send-errors', value: 'x', partition: 1.5 }, '_INVALID_ARG', /partition/],
      [{ topic: 'send-errors', value: 'x', timestamp: -1 }, '_INVALID_ARG', /timestamp/],
      [
        { topic: 'send-errors', value: 'x', timestamp: 0 },
        '_INVALID_ARG',
        /timestamp.*from 1; got 0, which librdkafka/,
      ],
      [{ topic: 'send-errors', value: 'x', timestamp: new Date(0) }, '_INVALID_ARG', /timestamp/],
      [{ topic: 'send-errors', value: 'x', timestamp: new Date('never') }, '_INVALID_ARG', /timestamp/],
      [{ topic: 'send-errors', value: 'x', headers: [['a', 7]] }, '_INVALID_ARG', /header 'a'/],
      [{ topic: 'send-errors', value: 'x'.repeat(3000) }, 'MSG_SIZE_TOO_LARGE', /3000 bytes.*2000/],
      [{ topic: 'send-errors', partition: 77, value: 'x' }, '_UNKNOWN_PARTITION', /send-errors \[77\]/],
    ]
    await producer.send({ topic: 'send-errors', value: 'metadata is known from here on' })
    for (const [record, code, message] of bad) {
      const error = await rejection(producer.send(record as never))
      expect(error, JSON.stringify(record)).toBeInstanceOf(KafkaError)
      expect(error.code).toBe(code)
      expect(error.message).toMatch(message)
    }
    expect(producer.length.messages).toBe(0)
    expect((await producer.send({ topic: 'send-errors', value: 'still works' })).offset).toBe(1)
  })

  it('waits for room instead of failing, and keeps the order', async () => {
    await cluster.createTopic('send-room')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 10 })
    const reports = await Promise.all(
      Array.from({ length: 500 }, (_, i) => producer.send({ topic: 'send-room', value: String(i) })),
    )
    expect(reports.map((report) => report.offset)).toEqual(Array.from({ length: 500 }, (_, i) => i))
    expect((await readAll('send-room', 500)).map((m) => m.text())).toEqual(reports.map((_, i) => String(i)))
  })

  it('many may share a signal without a warning, and all stop with it', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    await using producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1', 'queue.buffering.max.messages': 5 })
    const controller = new AbortController()
    const { signal } = controller
    const sent = Array.from({ length: 50 }, () => rejection(producer.send({ topic: 't', value: 'v' }, { signal })))
    controller.abort(new Error('enough'))
    expect((await Promise.all(sent)).map(({ message }) => message)).toEqual(Array(50).fill('enough'))
    // Those that were taken may still be delivered.
    expect(producer.length.messages).toBe(5)
    await producer.purge()
    await new Promise(setImmediate)
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('stops waiting when the signal aborts', async () => {
    await using producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1', 'queue.buffering.max.messages': 1 })
    producer.send({ topic: 't', value: 'first' }).catch(() => {})
    const controller = new AbortController()
    const second = rejection(producer.send({ topic: 't', value: 'second' }, { signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect((await second).message).toBe('enough')
    expect(producer.length.messages).toBe(1)
    await producer.close({ timeout: 0 })
  })
})

describe('sendBatch', () => {
  it('gives a report for each record, in their order, failures as values', async () => {
    await cluster.createTopic('batch', { partitions: 2 })
    await using producer = new Producer(config)
    await producer.send({ topic: 'batch', value: 'metadata' })
    const records = Array.from({ length: 3000 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, opaque: i }))
    records[7] = { ...records[7], partition: 9 } as never
    records[8] = { nope: 1 } as never
    const reports = await producer.sendBatch('batch', records)
    expect(reports.length).toBe(3000)
    expect(reports.failures.map(({ index, error }) => [index, error?.code])).toEqual([
      [7, '_UNKNOWN_PARTITION'],
      [8, '_INVALID_ARG'],
    ])
    expect(reports.at(2999)).toMatchObject({ topic: 'batch', index: 2999, opaque: 2999, status: 'persisted' })
    expect([...reports].map((report) => report.index)).toEqual(records.map((_, i) => i))
    expect((await producer.sendBatch('batch', [])).length).toBe(0)
  })

  it('goes on after a bad record though there is room for one only', async () => {
    await cluster.createTopic('batch-bad')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 1 })
    const records = [{ value: 5 as never }, { value: 'a' }, { value: 6 as never }, { value: 'b' }]
    const reports = await producer.sendBatch('batch-bad', records)
    expect([...reports].map(({ error, offset }) => error?.code ?? offset)).toEqual([
      '_INVALID_ARG',
      0,
      '_INVALID_ARG',
      1,
    ])
  })

  it('takes records for several topics and waits for room', async () => {
    await cluster.createTopic('batch-a')
    await cluster.createTopic('batch-b')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 7 })
    const records = Array.from({ length: 100 }, (_, i) => ({ topic: i % 2 ? 'batch-a' : 'batch-b', value: String(i) }))
    const reports = await producer.sendBatch(records)
    expect(reports.failures).toEqual([])
    expect([...reports].map((report) => report.topic)).toEqual(records.map((record) => record.topic))
    expect([...reports].map((report) => report.offset)).toEqual(records.map((_, i) => Math.floor(i / 2)))
  })
})

describe('produce', () => {
  it('throws _QUEUE_FULL and reports in bulk, the opaque once', async () => {
    await cluster.createTopic('produce')
    const seen: unknown[] = []
    const onDelivery = (reports: DeliveryReports) => seen.push(...[...reports].map((report) => report.opaque))
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 50 }, { onDelivery })
    let full: unknown
    let taken = 0
    try {
      for (; taken < 100; taken++) producer.produce({ topic: 'produce', value: 'x', opaque: taken })
    } catch (error) {
      full = error
    }
    expect(full).toMatchObject({ code: '_QUEUE_FULL', retriable: true })
    expect(taken).toBe(50)
    await producer.drained()
    producer.produce({ topic: 'produce', value: 'no opaque' })
    await producer.flush()
    expect(seen).toEqual([...Array.from({ length: 50 }, (_, i) => i), undefined])
  })
})

describe('a topic that cannot be written', () => {
  it.each([
    ['TOPIC_AUTHORIZATION_FAILED', /^TOPIC_AUTHORIZATION_FAILED$/],
    ['UNKNOWN_TOPIC_OR_PART', /^(_UNKNOWN_TOPIC|UNKNOWN_TOPIC_OR_PART)$/],
  ] as const)('%s: fails its records with an error that names it', async (error, code) => {
    const topic = `cannot-${error}`
    await cluster.createTopic(topic)
    cluster.topicError(topic, error)
    await using producer = new Producer({ ...config, 'topic.metadata.propagation.max.ms': 1000 })
    const failure = await rejection(producer.send({ topic, value: 'v' }))
    expect(failure.code).toMatch(code)
    expect(failure.message).toContain(topic)
    const reports = await producer.sendBatch(topic, [{ value: '1' }, { value: '2' }])
    expect(reports.failures.length).toBe(2)
    expect(reports.failures[1].error?.message).toContain(topic)
  })
})

describe('writable', () => {
  it('ends a pipeline when each record has its report, with back-pressure', async () => {
    await cluster.createTopic('writable')
    await using producer = new Producer({ ...config, 'queue.buffering.max.messages': 20 })
    let most = 0
    const values = function* () {
      for (let i = 0; i < 2000; i++) {
        most = Math.max(most, producer.length.messages)
        yield `v${i}`
      }
    }
    const options = { topic: 'writable', key: (value: string) => value.slice(1), highWaterMark: 10 }
    await pipeline(values(), producer.writable(options))
    expect(producer.length.messages).toBe(0)
    expect(most).toBeLessThan(60)
    const messages = await readAll('writable', 2000)
    expect(messages.map((m) => `${m.key}=${m.text()}`)).toEqual(Array.from({ length: 2000 }, (_, i) => `${i}=v${i}`))
  })

  it('fails the pipeline with the error of a delivery', async () => {
    await using producer = new Producer(config)
    const error = await rejection(pipeline(['ok', 5], producer.writable({ topic: 'writable' })))
    expect(error).toMatchObject({ code: '_INVALID_ARG' })
  })
})

describe('the end', () => {
  it('reports what close gives up', async () => {
    const failed: string[] = []
    const onDelivery = (reports: DeliveryReports) => failed.push(...reports.failures.map((r) => r.error?.code ?? ''))
    const producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' }, { onDelivery })
    for (let i = 0; i < 100; i++) producer.produce({ topic: 't', value: 'x' })
    const sent = rejection(producer.send({ topic: 't', value: 'y' }))
    const batch = producer.sendBatch('t', [{ value: '1' }, { value: '2' }])
    const from = performance.now()
    await Promise.all([producer.close({ timeout: 300 }), producer.close()])
    expect(performance.now() - from).toBeLessThan(20_000)
    expect(failed.length).toBe(100)
    expect((await sent).code).toMatch(/^_PURGE/)
    expect((await batch).failures.length).toBe(2)
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
    expect((await rejection(producer.send({ topic: 't', value: 'z' }))).code).toBe('_STATE')
    expect(() => producer.produce({ topic: 't', value: 'z' })).toThrow(/closed/)
  })

  it('settles what is left when librdkafka does not stop in time', async () => {
    const bulk: unknown[] = []
    const onDelivery = (reports: DeliveryReports) =>
      bulk.push(...[...reports].map(({ opaque, error }) => [opaque, error?.code]))
    const producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' }, { onDelivery })
    const sent = [
      rejection(producer.send({ topic: 't', value: '1' })),
      rejection(producer.send({ topic: 't', value: '2', opaque: 'mine' })),
    ]
    const batch = producer.sendBatch('t', [{ value: 7 as never }, { value: '3', opaque: 3 }])
    producer.produce({ topic: 't', value: '4' })
    producer.produce({ topic: 't', value: '5', opaque: 'o' })
    const drained = producer.drained()
    // As when a thread of librdkafka is stuck: the answer never comes.
    const { native } = producer as unknown as { native: object }
    Object.defineProperty(native, 'close', { value: () => {} })
    expect((await rejection(producer.close({ timeout: 100 }))).code).toBe('_TIMED_OUT')
    expect((await Promise.all(sent)).map(({ code }) => code)).toEqual(['_DESTROY', '_DESTROY'])
    expect([...(await batch)].map(({ opaque, error }) => [opaque, error?.code])).toEqual([
      [undefined, '_INVALID_ARG'],
      [3, '_DESTROY'],
    ])
    expect(bulk).toEqual([
      ['o', '_DESTROY'],
      [undefined, '_DESTROY'],
    ])
    await drained
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('flush says what it could not do, purge gives up', async () => {
    await using producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' })
    const sent = rejection(producer.send({ topic: 't', value: 'y' }))
    expect(await rejection(producer.flush({ timeout: 50 }))).toMatchObject({ code: '_TIMED_OUT', retriable: true })
    await producer.purge()
    expect((await sent).code).toBe('_PURGE_QUEUE')
    await producer.flush({ timeout: 1000 })
  })
})

function toBuffer(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}
