// Whoever closes tells the group, which would wait for it otherwise: in each rebalance, until its session times out.
import { Consumer, MockCluster } from 'odradek'
import { expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

const protocols = {
  eager: { 'partition.assignment.strategy': 'range' },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky' },
} as const

it.each(['eager', 'cooperative'] as const)('a member without partitions leaves its group (%s)', async (protocol) => {
  await using cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('one', { partitions: 1 })
  const join = async () => {
    const consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'leave',
      'heartbeat.interval.ms': 100,
      // The embedded cluster keeps who comes second waiting for most of a session's time.
      'session.timeout.ms': 6000,
      ...protocols[protocol],
    })
    await consumer.subscribe('one')
    const stop = new AbortController()
    const read = async () => {
      for await (const _ of consumer.messages({ signal: stop.signal }));
    }
    const reading = read().catch(() => {})
    return { consumer, stop, reading }
  }
  const generation = async ({ consumer }: { consumer: Consumer }) => (await consumer.groupMetadata()).generationId
  const members = [await join(), await join()]
  await waitFor('both have joined', async () => {
    const [first, second] = await Promise.all(members.map(generation))
    return first > 0 && first === second && members.some(({ consumer }) => consumer.assignment.length === 1)
  })
  members.sort((a, b) => a.consumer.assignment.length - b.consumer.assignment.length)
  for (const [left, { consumer, stop, reading }] of members.entries()) {
    cluster.requests.start()
    stop.abort()
    await reading
    await consumer.close()
    expect(cluster.requests.list('LeaveGroup'), `with ${left} partition(s)`).toHaveLength(1)
  }
})
