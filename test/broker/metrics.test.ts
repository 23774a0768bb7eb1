// Lag as a gauge against what Kafka's own tool says.
import { Producer } from 'odradek'
import { prometheus } from 'odradek/metrics'
import { Processor } from 'odradek/processor'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { bootstrapServers, createTopic, kafkaTool, uniqueGroup } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

/** Partition to lag, as kafka-consumer-groups prints it: GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG … */
async function lagByTool(group: string, topic: string): Promise<Map<string, number>> {
  const lines = (await kafkaTool('kafka-consumer-groups', ['--describe', '--group', group])).split('\n')
  const rows = lines.map((line) => line.trim().split(/\s+/)).filter((row) => row[1] === topic)
  return new Map(rows.map((row) => [row[2], Number(row[5])]))
}

it('lag per partition is what kafka-consumer-groups says, with work in hand and without', {
  timeout: 120_000,
}, async () => {
  const topic = await createTopic('lag', { partitions: 4 })
  const group = uniqueGroup('lag')
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const records = Array.from({ length: 400 }, (_, i) => ({ value: String(i), partition: i % 10 === 0 ? 0 : i % 4 }))
  await producer.sendBatch(topic, records)
  const config = {
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.commit.interval.ms': 100,
    'statistics.interval.ms': 100,
  }
  const app = new Processor(config, { onError: () => {}, concurrency: 4 })
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  app.topic(topic, async (message) => {
    if (message.offset === 20 + message.partition) await held
  })
  const register = new Registry()
  const metrics = prometheus(register).observe(app)
  const lagByGauge = async () => {
    const metric = await register.getSingleMetric('kafka_consumer_lag')?.get()
    return new Map(
      metric?.values.map(({ labels, value }) => [String(labels.messaging_destination_partition_id), value]),
    )
  }
  const stop = new AbortController()
  const done = app.run({ signal: stop.signal })
  await waitFor('each partition is held', () => app.health().running === 4)
  const sum = (lags: Map<string, number>) => [...lags.values()].reduce((all, lag) => all + lag, 0)
  // 20, 21, 22 and 23 messages are handled and committed.
  await waitFor('commits are seen', async () => sum(await lagByGauge()) === 400 - 86)
  const tool = await lagByTool(group, topic)
  expect(tool.size).toBe(4)
  expect(Object.fromEntries(await lagByGauge())).toEqual(Object.fromEntries(tool))
  release()
  await waitFor('nothing is left', async () => (await lagByGauge()).size === 4 && sum(await lagByGauge()) === 0)
  expect(sum(await lagByTool(group, topic))).toBe(0)
  stop.abort()
  await done
  metrics.stop()
})
