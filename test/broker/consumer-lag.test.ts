// consumer.lag() against what Kafka's admin client says: ends less what is committed.
import { AdminClient, Consumer, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

it('lag() is what groupLag, and the committed offsets, say once all that was handled is committed', async () => {
  const partitions = 8
  const topic = await createTopic('lag', { partitions })
  const group = uniqueGroup()
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const records = Array.from({ length: 2000 }, (_, i) => ({ value: 'x', partition: i % partitions }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  await using consumer = new Consumer({
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
  })
  await consumer.subscribe(topic)
  // All of some partitions, a part of others.
  const counts = new Map<number, number>()
  const enough = (partition: number) => (partition < 4 ? 250 : 60 + partition)
  for await (const message of consumer) {
    const { partition } = message
    const count = (counts.get(partition) ?? 0) + 1
    counts.set(partition, count)
    if (count === enough(partition)) {
      await consumer.commit(message)
      await consumer.pause([{ topic, partition }])
      if ([...counts].filter(([p, n]) => n === enough(p)).length === partitions) break
    }
  }
  await waitFor('the ends are known', () => consumer.lag().every(({ lag }) => lag !== null))
  const lag = consumer.lag().sort((a, b) => a.partition - b.partition)
  const expected = Array.from({ length: partitions }, (_, p) => 250 - enough(p))
  expect(lag.map(({ lag }) => lag)).toEqual(expected)
  const committed = (await (await witness()).groupOffsets(group))[topic]
  expect(lag.map(({ partition, end }) => end - committed[partition].offset)).toEqual(expected)
  await using admin = new AdminClient({ 'bootstrap.servers': bootstrapServers() })
  expect((await admin.groupLag(group)).total).toBe(expected.reduce((a, b) => a + b))
})
