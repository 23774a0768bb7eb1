// Closing takes what its last requests take, and waits for nothing else.
import { Consumer, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

const topic = 'closing'

it('commits as soon as the coordinator is there when closed before that, not when something else wakes librdkafka', async () => {
  await using cluster = new MockCluster({ brokers: 2 })
  await cluster.createTopic(topic, { partitions: 1 })
  cluster.partition(topic, 0).leader(1)
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  await producer.send({ topic, value: 'x' })
  // The coordinator's connection is made while the message has come already.
  cluster.broker(2).rtt(40)
  const took: number[] = []
  for (let i = 0; i < 5; i++) {
    const group = `closing-${i}`
    cluster.coordinator('group', group, 2)
    const consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': group,
      'fetch.wait.max.ms': 5,
      'reconnect.backoff.ms': 1,
    })
    await consumer.assign([{ topic, partition: 0, offset: 0 }])
    for await (const _ of consumer) break
    consumer.storeOffsets([{ topic, partition: 0, offset: 1 }])
    const start = performance.now()
    await consumer.close()
    took.push(performance.now() - start)
    await using reader = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': group })
    expect(await reader.committed([{ topic, partition: 0 }])).toMatchObject([{ offset: 1 }])
  }
  // A second's timer was what woke it. One of them that takes less is enough: this machine may be slow.
  expect(Math.min(...took), `milliseconds: ${took}`).toBeLessThan(700)
})

it('commits while a partition leader does not answer, and closes when the question under way has ended', async () => {
  await using cluster = new MockCluster({ brokers: 2 })
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'leader', 'reconnect.backoff.ms': 1 }
  await cluster.createTopic(topic, { partitions: 2 })
  cluster.coordinator('group', 'leader', 1)
  cluster.partition(topic, 0).leader(1)
  cluster.partition(topic, 1).leader(2)
  const consumer = new Consumer(config)
  await consumer.assign([{ topic, partition: 0, offset: 0 }])
  await consumer.commit([{ topic, partition: 0, offset: 0 }])
  cluster.broker(2).rtt(60_000)
  const away = { topic, partition: 1 }
  let answered = 0
  const asked = [
    consumer.watermarks(away, { timeout: 6000 }),
    consumer.offsetsForTimes([{ ...away, time: 0 }], { timeout: 60_000 }),
  ].map((asking) => rejection(asking).finally(() => answered++))
  await consumer.commit([{ topic, partition: 0, offset: 0 }])
  expect(answered).toBe(0)
  await consumer.close({ timeout: 20_000 })
  expect((await Promise.all(asked))[1]).toMatchObject({ code: '_DESTROY' })
})
