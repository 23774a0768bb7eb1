// Closing takes what its last requests take, and waits for nothing else.
import { Consumer, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'

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
