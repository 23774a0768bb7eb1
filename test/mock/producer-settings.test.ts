// Properties that decide when records go, where, and when they are given up; what the client tells beside reports.
import { type KafkaError, MockCluster, Producer, type Statistics } from 'odradek'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { statisticsFields } from '../../lib/statistics.generated.js'
import { runModule } from '../helpers/child.js'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let config: { 'bootstrap.servers': string }

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  config = { 'bootstrap.servers': cluster.bootstrapServers }
})
afterAll(() => cluster.close())

it('linger.ms holds records back, flush does not wait for it', async () => {
  await cluster.createTopic('linger')
  await using producer = new Producer({ ...config, 'linger.ms': 60_000 })
  let reported = false
  const sent = producer.send({ topic: 'linger', value: 'v' }).then((report) => {
    reported = true
    return report
  })
  expect(await rejection(producer.flush({ timeout: 0 }))).toMatchObject({ code: '_TIMED_OUT' })
  expect(reported).toBe(false)
  await producer.flush({ timeout: 30_000 })
  expect((await sent).latency).toBeLessThan(30_000_000)
})

it('message.timeout.ms ends what cannot be delivered, for single topics too', async () => {
  const topics = { short: { 'message.timeout.ms': 100 } }
  await using producer = new Producer(
    { 'bootstrap.servers': '127.0.0.1:1', 'message.timeout.ms': 60_000, 'linger.ms': 0 },
    { topics },
  )
  let other = false
  producer.send({ topic: 'long', value: 'v' }).catch(() => {
    other = true
  })
  const error = (await rejection(producer.send({ topic: 'short', value: 'v' }))) as KafkaError
  expect(error.code).toBe('_MSG_TIMED_OUT')
  expect(error.message).toContain('short')
  expect(other).toBe(false)
  await producer.purge()
})

it('records without a key stick to a partition for sticky.partitioning.linger.ms', async () => {
  await cluster.createTopic('sticky', { partitions: 12 })
  const partitionsOf = async (linger: number) => {
    await using producer = new Producer({ ...config, 'sticky.partitioning.linger.ms': linger, 'linger.ms': 100 })
    await producer.send({ topic: 'sticky', partition: 0, value: 'its partitions are known from here on' })
    const reports = await producer.sendBatch(
      'sticky',
      Array.from({ length: 200 }, () => ({ value: 'v' })),
    )
    expect(reports.failures).toEqual([])
    return new Set([...reports].map((report) => report.partition)).size
  }
  expect(await partitionsOf(90)).toBeLessThan(4)
  // Without it, each record is thrown for by itself.
  expect(await partitionsOf(0)).toBeGreaterThan(6)
})

it('statistics are parsed objects, log lines go to the logger, errors need no listener', async () => {
  const statistics: Statistics[] = []
  const lines: { fields: object; message: string }[] = []
  const write = (fields: object, message: string) => lines.push({ fields, message })
  const logger = { error: write, warn: write, info: write, debug: write }
  const options = { logger, onStatistics: (one: Statistics) => statistics.push(one) }
  const named = { ...config, 'client.id': 'told', 'statistics.interval.ms': 20, debug: 'broker' as const }
  await using producer = new Producer(named, options)
  await using silent = new Producer({ 'bootstrap.servers': '127.0.0.1:1' })
  await waitFor(
    'statistics, log lines and an error',
    () => statistics.length > 0 && lines.length > 0 && silent.lastError,
  )
  expect(producer.name).toBe('told')
  expect(statistics[0]).toMatchObject({ client_id: 'told', type: 'producer' })
  expect(lines[0].fields).toMatchObject({ client: 'told' })
  expect(silent.lastError?.code).toMatch(/^_(TRANSPORT|ALL_BROKERS_DOWN|RESOLVE)$/)
})

it('statistics are not parsed before somebody reads them', async () => {
  const parse = vi.spyOn(JSON, 'parse')
  const statistics: Statistics[] = []
  const named = { ...config, 'client.id': 'unread', 'statistics.interval.ms': 20 }
  await using producer = new Producer(named, { onStatistics: (one) => statistics.push(one) })
  producer.observeStatistics((one) => statistics.push(one))
  await waitFor('statistics', () => statistics.length > 5)
  const parsed = () => parse.mock.calls.filter(([text]) => text.includes('"unread"')).length
  expect(parsed()).toBe(0)
  expect(statistics[0]).toMatchObject({ client_id: 'unread', type: 'producer' })
  // Both listeners get the same.
  expect(statistics[1].name).toBe(statistics[0].name)
  expect(parsed()).toBe(1)
  parse.mockRestore()
  // All that librdkafka tells is in the type.
  expect(statisticsFields).toEqual(expect.arrayContaining(Object.keys(statistics[0])))
})

it('without a logger nothing is written but what is fatal', async () => {
  const { code, output } = await runModule(
    `
    process.stdout.write = () => true
    let errors = 0
    const config = { 'bootstrap.servers': '127.0.0.1:1', debug: 'all', 'statistics.interval.ms': 20, log_level: 7 }
    const producer = new Producer(config, { onError: () => errors++ })
    const consumer = new Consumer({ ...config, 'group.id': 'g' })
    producer.send({ topic: 't', value: 'v' }).catch(() => {})
    while (errors === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    console.error('so far')
    producer.testFatalError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'made for a test')
    while (!producer.fatalError) await new Promise((resolve) => setTimeout(resolve, 10))
    await Promise.all([producer.close({ timeout: 100 }), consumer.close({ timeout: 100 })])`,
    { timeout: 60_000 },
  )
  expect(code, output).toBe(0)
  const [before, after] = output.split('so far\n')
  expect(before).toBe('')
  expect(after).toMatch(/^odradek .*: FATAL: .*made for a test\n$/)
})
