// A program that looks at its cluster all the time, while the brokers restart in turn.
import { AdminClient, KafkaError } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const restarts = 10
const every = 100

let cluster: Awaited<ReturnType<typeof startCluster>>
beforeAll(async () => {
  cluster = await startCluster({ brokers: 3 })
})
afterAll(() => cluster?.stop())

it(`describes every ${every} ms through ${restarts} restarts: each request settles, and all is well in the end`, {
  timeout: 240_000,
}, async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  const topic = uniqueTopic()
  const kafka = (await witness()).at(cluster.brokers)
  await kafka.createTopic(topic, { partitions: 3, replication: 3 })
  await using admin = new AdminClient({ 'bootstrap.servers': cluster.brokers })
  const group = uniqueGroup()
  await admin.resetOffsets(group, topic, { to: 'beginning' })

  const count = { made: 0, answered: 0, failed: 0 }
  const settle = (request: Promise<unknown>) => {
    count.made++
    request.then(
      () => count.answered++,
      (error) => {
        expect(error).toBeInstanceOf(KafkaError)
        count.failed++
      },
    )
  }
  const timer = setInterval(() => {
    const options = { timeout: 2000 }
    settle(admin.describeTopics(undefined, options))
    settle(admin.describeConsumerGroups([group], options))
    settle(admin.describeCluster(options))
    settle(admin.groupLag(group, options))
  }, every)
  try {
    for (let i = 0; i < restarts; i++) {
      const node = cluster.nodes[i % 3]
      await (i % 2 ? node.kill() : node.stop())
      await node.start()
      await waitFor('all replicas in sync', async () => {
        const { partitions } = await kafka.describeTopic(topic)
        return partitions.every(({ isr }) => isr.length === 3)
      })
    }
  } finally {
    clearInterval(timer)
  }
  await waitFor('every request has settled', () => count.answered + count.failed === count.made)
  expect(count.answered).toBeGreaterThan(count.made / 2)
  expect((await admin.groupLag(group)).partitions).toHaveLength(3)
  expect((await admin.describeCluster()).nodes).toHaveLength(3)
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})
