// The pure functions against librdkafka itself: where does a key really go?
import { MockCluster, type PartitionerName, Producer, partitionFor } from 'odradek'
import { expect, it } from 'vitest'

it.each(['consistent', 'consistent_random', 'murmur2', 'murmur2_random', 'fnv1a', 'fnv1a_random'] as const)(
  '%s sends 10,000 keys where partitionFor says',
  async (partitioner: PartitionerName) => {
    await using cluster = new MockCluster()
    await cluster.createTopic('t', { partitions: 13 })
    await using producer = new Producer({
      'bootstrap.servers': cluster.bootstrapServers,
      partitioner: partitioner as never,
    })
    const keys = Array.from({ length: 10_000 }, (_, i) =>
      i % 3 ? `key-${i}` : Buffer.from([i >> 8, i, 0xff, 0, i % 7].slice(0, 1 + (i % 5))),
    )
    const reports = await producer.sendBatch(
      't',
      keys.map((key) => ({ key, value: 'v' })),
    )
    expect(reports.failures).toEqual([])
    expect([...reports].map((report) => report.partition)).toEqual(
      keys.map((key) => partitionFor(key, 13, partitioner)),
    )
  },
)
