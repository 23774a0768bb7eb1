// Metrics on the embedded cluster, with the real prom-client and OpenTelemetry SDK; for traces see metrics-traces.
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { MockCluster, Producer } from 'odradek'
import { measurePublish, openTelemetry, prometheus } from 'odradek/metrics'
import { deadLetter, Processor, Publisher, retry } from 'odradek/processor'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
beforeAll(() => {
  cluster = new MockCluster({ brokers: 1 })
})
afterAll(() => cluster.close())

const statistics = { 'statistics.interval.ms': 100 }
const producerConfig = () => ({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0, ...statistics })
const config = (group: string) => ({
  'bootstrap.servers': cluster.bootstrapServers,
  'group.id': group,
  'fetch.wait.max.ms': 20,
  'auto.commit.interval.ms': 100,
  ...statistics,
})

/** The sum of a metric's values whose labels contain these. */
async function sumOf(register: Registry, name: string, labels: Record<string, string> = {}): Promise<number> {
  const metric = await register.getSingleMetric(name)?.get()
  const values = metric?.values.filter((v) => Object.entries(labels).every(([k, value]) => v.labels[k] === value)) ?? []
  return values.filter((v) => !('le' in v.labels)).reduce((sum, { value }) => sum + value, 0)
}

/** Twenty messages, of which one fails; the others are handled. */
async function service(
  topic: string,
  observe: (producer: Producer, app: Processor) => void,
  use: (app: Processor) => void = () => {},
) {
  await cluster.createTopic(topic, { partitions: 2 })
  await cluster.createTopic(`${topic}.dlq`, { partitions: 1 })
  const producer = new Producer(producerConfig())
  const app = new Processor(config(topic), { onError: () => {} })
  app.use(retry({ attempts: 3, backoff: { initial: 1 } })).use(deadLetter())
  use(app)
  app.topic(topic, (message) => {
    if (message.text() === '7') throw new Error('seven')
  })
  observe(producer, app)
  const records = Array.from({ length: 20 }, (_, i) => ({ value: String(i), partition: i % 2 }))
  const reports = await producer.sendBatch(topic, records)
  const stop = new AbortController()
  const done = app.run({ signal: stop.signal })
  await waitFor('all is handled', () => app.counts.handled === 20)
  return {
    reports,
    end: async () => {
      stop.abort()
      await done
      await producer.close()
    },
  }
}

describe('prometheus', () => {
  it('tells what was sent, received, handled, tried again and given up, and how far behind the group is', async () => {
    const register = new Registry()
    const metrics = prometheus(register)
    const { reports, end } = await service('prom', (producer, app) => metrics.observe(producer, app))
    metrics.deliveries(reports)
    const topic = { messaging_destination_name: 'prom' }
    await waitFor(
      'statistics say so',
      async () => (await sumOf(register, 'messaging_client_consumed_messages_total', topic)) === 20,
    )
    await waitFor(
      'statistics say so',
      async () => (await sumOf(register, 'messaging_client_sent_messages_total', topic)) === 20,
    )
    await waitFor('nothing is left', async () => (await sumOf(register, 'kafka_consumer_lag', topic)) === 0)
    const handled = () => sumOf(register, 'messaging_process_messages_total', { ...topic, outcome: 'success' })
    await waitFor('all is told', async () => (await handled()) === 20)
    expect(await sumOf(register, 'kafka_processor_retries_total', topic)).toBe(2)
    expect(await sumOf(register, 'kafka_processor_dead_letters_total', topic)).toBe(1)
    expect(await sumOf(register, 'messaging_client_deliveries_total', topic)).toBe(20)
    expect(await sumOf(register, 'kafka_consumer_partitions')).toBe(2)
    expect(await sumOf(register, 'kafka_processor_rebalances_total', { kind: 'assigned' })).toBeGreaterThan(0)
    expect(await sumOf(register, 'kafka_producer_queue_messages')).toBe(0)
    const text = await register.metrics()
    expect(text).toMatch(/# TYPE messaging_process_duration_seconds histogram/)
    expect(text).toMatch(
      /messaging_process_duration_seconds_bucket\{le="\+Inf",messaging_system="kafka",messaging_operation_name="process",messaging_consumer_group_name="prom",messaging_destination_name="prom",outcome="success"\} 20/,
    )
    expect(text).toMatch(/messaging_process_duration_seconds_count\{[^}]*\} 20/)
    expect(text).toMatch(/kafka_broker_rtt_seconds\{[^}]*quantile="0.99"\} [\d.e-]+/)
    await end()
    metrics.stop()
    expect(await register.metrics()).toBe('\n')
  })

  it('counts the transactions of a producer, from zero; of one without there are none', async () => {
    const register = new Registry()
    const metrics = prometheus(register)
    const servers = { 'bootstrap.servers': cluster.bootstrapServers }
    await using plain = new Producer(servers)
    await using producer = new Producer({ ...servers, 'transactional.id': 'counted', 'client.id': 'counted' })
    metrics.observe(plain, producer)
    const ended = async () => [
      await sumOf(register, 'kafka_transactions_total', { result: 'committed' }),
      await sumOf(register, 'kafka_transactions_total', { result: 'aborted' }),
    ]
    expect(await ended()).toEqual([0, 0])
    await producer.initTransactions()
    for (let i = 0; i < 2; i++) await producer.transaction((tx) => tx.send({ topic: 'counted', value: 'v' }))
    await rejection(producer.transaction(() => Promise.reject(new Error('no'))))
    expect(await ended()).toEqual([2, 1])
    expect([plain.transactionCounts, producer.transactionCounts]).toEqual([null, { committed: 2, aborted: 1 }])
    expect(await register.metrics()).toContain(
      'kafka_transactions_total{messaging_system="kafka",messaging_client_id="counted",result="aborted"} 1',
    )
    metrics.stop()
  })

  it('counts each message, though of quick handlers only some are timed', async () => {
    const register = new Registry()
    const metrics = prometheus(register)
    const [many, slow] = ['prom-many', 'prom-slow']
    for (const topic of [many, slow]) await cluster.createTopic(topic, { partitions: 2 })
    await using producer = new Producer(producerConfig())
    await producer.sendBatch(
      many,
      Array.from({ length: 20_000 }, (_, i) => ({ value: String(i), partition: i % 2 })),
    )
    await producer.sendBatch(
      slow,
      Array.from({ length: 20 }, (_, i) => ({ value: String(i), partition: i % 2 })),
    )
    const app = new Processor(config('prom-many'), { onError: () => {}, concurrency: 4 })
    let events = 0
    app.observe(({ type }) => {
      if (type === 'handled') events++
    })
    app.topic(many, () => {})
    app.topic(slow, () => new Promise((resolve) => setTimeout(resolve, 30)))
    metrics.observe(app)
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 20_020)
    stop.abort()
    await done
    const sum = (name: string, topic: string) => sumOf(register, name, { messaging_destination_name: topic })
    expect(await sum('messaging_process_messages_total', many)).toBe(20_000)
    expect(await sum('messaging_process_messages_total', slow)).toBe(20)
    const text = await register.metrics()
    const value = (pattern: string) => Number(new RegExp(`${pattern} (\\S+)`).exec(text)?.[1])
    const labels = (topic: string) =>
      'messaging_system="kafka",messaging_operation_name="process",messaging_consumer_group_name="prom-many",' +
      `messaging_destination_name="${topic}",outcome="success"`
    const histogram = 'messaging_process_duration_seconds'
    expect(value(`${histogram}_count\\{${labels(many)}\\}`)).toBe(20_000)
    expect(value(`${histogram}_count\\{${labels(slow)}\\}`)).toBe(20)
    // A slow one is never taken for a quick one: each is timed.
    expect(value(`${histogram}_bucket\\{le="0.025",${labels(slow)}\\}`)).toBe(0)
    expect(events).toBeLessThan(20_000)
    metrics.stop()
  })

  it('never tells a time before one was taken: the first of many at once may take long', async () => {
    await cluster.createTopic('prom-first', { partitions: 1 })
    await using producer = new Producer(producerConfig())
    await producer.sendBatch(
      'prom-first',
      Array.from({ length: 2000 }, (_, i) => ({ value: String(i) })),
    )
    const options = { onError: () => {}, concurrency: 2000, orderBy: 'none' as const }
    const app = new Processor(config('prom-first'), options)
    app.topic('prom-first', () => new Promise((resolve) => setTimeout(resolve, 30)))
    const durations: number[] = []
    let count = 0
    app.observe((event) => {
      if (event.type !== 'handled') return
      durations.push(event.duration)
      count += event.count
    })
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 2000)
    stop.abort()
    await done
    expect(count).toBe(2000)
    expect(Math.min(...durations)).toBeGreaterThan(25)
  })

  it('shows the lag of every partition, of empty ones and of those without a commit, too', async () => {
    const register = new Registry()
    await cluster.createTopic('prom-empty', { partitions: 3 })
    await using producer = new Producer(producerConfig())
    await producer.sendBatch(
      'prom-empty',
      [0, 1].map((n) => ({ value: String(n), partition: 0 })),
    )
    const held: (() => void)[] = []
    for (const [group, more] of [
      ['statistics', {}],
      ['none', { 'statistics.interval.ms': 0 }],
    ] as const) {
      const app = new Processor({ ...config(`prom-empty-${group}`), ...more }, { onError: () => {} })
      app.topic('prom-empty', () => new Promise<void>((resolve) => void held.push(resolve)))
      const metrics = prometheus(register).observe(app)
      const stop = new AbortController()
      const done = app.run({ signal: stop.signal })
      const lags = async () => {
        const metric = await register.getSingleMetric('kafka_consumer_lag')?.get()
        return metric?.values
          .map(({ labels, value }) => `${labels.messaging_destination_partition_id}: ${value}`)
          .sort()
      }
      await waitFor('it has begun', () => app.health().running === 1)
      await waitFor('each has its lag', async () => (await lags())?.length === 3)
      expect((await lags())?.slice(1)).toEqual(['1: 0', '2: 0'])
      stop.abort()
      await waitFor('it stops', () => {
        for (const release of held.splice(0)) release()
        return app.health().state === 'stopped'
      })
      await done
      metrics.stop()
    }
  })

  it('measures what a publisher sends, failures by their code', async () => {
    const register = new Registry()
    await cluster.createTopic('prom-publish', { partitions: 1 })
    const producer = new Producer(producerConfig())
    const publisher = new Publisher(producer).use(measurePublish(prometheus(register)))
    await publisher.send({ topic: 'prom-publish', value: 'a' })
    await publisher.send({ topic: 'prom-publish', value: 'a', partition: 9 }).catch(() => {})
    const topic = { messaging_destination_name: 'prom-publish' }
    expect(await sumOf(register, 'messaging_client_deliveries_total', topic)).toBe(2)
    expect(
      await sumOf(register, 'messaging_client_deliveries_total', { ...topic, error_type: '_UNKNOWN_PARTITION' }),
    ).toBe(1)
    await producer.close()
    expect(() => prometheus({} as never)).toThrow(/prometheus\(\) takes a registry/)
    expect(() => prometheus(register)).toThrow()
  })
})

// What the semantic conventions have for messaging, with the attributes that they require.
const conventions = [
  ['messaging.client.sent.messages', '{message}', 'send'],
  ['messaging.client.consumed.messages', '{message}', 'poll'],
  ['messaging.client.operation.duration', 's', 'send'],
  ['messaging.process.duration', 's', 'process'],
] as const

describe('OpenTelemetry', () => {
  it('gets the same numbers, with the names of the conventions', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1 << 30 })
    const provider = new MeterProvider({ readers: [reader] })
    const metrics = openTelemetry(provider.getMeter('test'))
    const { reports, end } = await service('otel', (producer, app) => metrics.observe(producer, app))
    const points = async (name: string) => {
      await reader.forceFlush()
      const last = exporter.getMetrics().at(-1)
      const all = last?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
      return all.find((metric) => metric.descriptor.name === name)?.dataPoints ?? []
    }
    // Of quick handlers one in 32 is timed, and the others are told of a little later.
    await waitFor('all is told', async () => (await points('messaging.process.messages'))[0]?.value === 20)
    const handled = await points('messaging.process.messages')
    expect(handled).toMatchObject([
      {
        value: 20,
        attributes: {
          'messaging.system': 'kafka',
          'messaging.operation.name': 'process',
          'messaging.consumer.group.name': 'otel',
          'messaging.destination.name': 'otel',
          outcome: 'success',
        },
      },
    ])
    const [duration] = await points('messaging.process.duration')
    expect(duration.value).toMatchObject({ count: 20 })
    await waitFor('statistics say so', async () =>
      (await points('messaging.client.consumed.messages')).some(({ value }) => value === 20),
    )
    const lag = await points('kafka.consumer.lag')
    expect(lag).toHaveLength(2)
    expect(lag[0].attributes).toMatchObject({
      'messaging.consumer.group.name': 'otel',
      'messaging.destination.partition.id': '0',
    })
    metrics.deliveries(reports)
    for (const [name, unit, operation] of conventions) {
      await waitFor(`there is ${name}`, async () => (await points(name)).length > 0)
      const last = exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics)
      expect(last?.find(({ descriptor }) => descriptor.name === name)?.descriptor.unit).toBe(unit)
      for (const { attributes } of await points(name)) {
        expect(attributes).toMatchObject({ 'messaging.system': 'kafka', 'messaging.operation.name': operation })
        expect(attributes).toHaveProperty(['messaging.destination.name'])
        const consumes = operation !== 'send'
        expect('messaging.consumer.group.name' in attributes).toBe(consumes)
      }
    }
    await end()
    metrics.stop()
    await provider.shutdown()
  })
})

describe('deliveries', () => {
  it('are counted by topic and error, in one call', async () => {
    const register = new Registry()
    const metrics = prometheus(register)
    for (const topic of ['deliver-a', 'deliver-b']) await cluster.createTopic(topic, { partitions: 1 })
    await using producer = new Producer(producerConfig(), { onDelivery: (reports) => metrics.deliveries(reports) })
    for (let i = 0; i < 300; i++) {
      producer.produce({ topic: i % 3 ? 'deliver-a' : 'deliver-b', value: 'v', ...(i % 10 ? {} : { partition: 7 }) })
    }
    await producer.flush()
    const total = (labels: Record<string, string>) => sumOf(register, 'messaging_client_deliveries_total', labels)
    await waitFor('all are told', async () => (await total({})) === 300)
    expect(await total({ messaging_destination_name: 'deliver-a' })).toBe(200)
    expect(await total({ error_type: '_UNKNOWN_PARTITION' })).toBe(30)
    const timed = /messaging_client_operation_duration_seconds_count\{[^}]*deliver-b"\} (\d+)/
    expect((await register.metrics()).match(timed)?.[1]).toBe('90')
    // As tests do. What is counted afterwards is not lost.
    register.resetMetrics()
    expect((await register.metrics()).match(timed)?.[1]).toBe('0')
    producer.produce({ topic: 'deliver-b', value: 'v' })
    await producer.flush()
    await waitFor('it is told', async () => (await register.metrics()).match(timed)?.[1] === '1')
    metrics.stop()
  })
})
