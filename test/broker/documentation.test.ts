// The examples of the documentation that administer a cluster are run, on three brokers of their own, with the authorizer and SCRAM.
import { AdminClient, Consumer, Producer } from 'odradek'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Compiled, compileExamples, examples } from '../helpers/documentation.js'
import { needsKafka, prepareToRun, runExample } from '../helpers/documentation-run.js'
import { startCluster } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const all = examples().filter(needsKafka)
let cluster: Awaited<ReturnType<typeof startCluster>>
let admin: AdminClient
let compiled: Compiled

beforeAll(async () => {
  compiled = await compileExamples('documentation-broker', all)
  prepareToRun(compiled)
  const users = { first: 'first-secret' }
  cluster = await startCluster({
    brokers: 3,
    acls: true,
    listeners: { SCRAM: { protocol: 'SASL_PLAINTEXT', mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'], users } },
  })
  admin = new AdminClient({ 'bootstrap.servers': cluster.brokers })
})
afterAll(async () => {
  await admin?.close()
  await cluster?.stop()
})

/** What an example finds: topics with records and a group that has read them, but not the topic that it is to create. */
async function prepare(code: string) {
  const { topics } = await admin.metadata()
  const old = topics.map(({ topic }) => topic).filter((topic) => !topic.startsWith('__'))
  await admin.deleteTopics(old)
  await waitFor('they are gone', async () => !(await admin.metadata()).topics.some(({ topic }) => old.includes(topic)))
  await admin.ensureTopics([{ topic: 'audit', numPartitions: 1 }])
  await admin.alterUserScramCredentials([{ user: 'bob', mechanism: 'SCRAM-SHA-256', password: 'secret' }])
  if (code.includes('createTopics([') && !code.includes('groupLag')) return undefined
  await admin.ensureTopics([{ topic: 'orders', numPartitions: 6, replicationFactor: 3 }])
  const producer = new Producer({ 'bootstrap.servers': cluster.brokers })
  await producer.sendBatch(
    'orders',
    // In all partitions: of a few of them the group may have offsets yet, of the topic that was deleted.
    Array.from({ length: 60 }, (_, index) => ({ value: `{"id":"${index}"}`, partition: index % 6 })),
  )
  await producer.close()
  const consumer = new Consumer({
    'bootstrap.servers': cluster.brokers,
    'group.id': 'inventory',
    'auto.offset.reset': 'earliest',
  })
  try {
    await consumer.subscribe(['orders'])
    await consumer.commit((await waitFor('a message', () => consumer.poll(1000)))!)
  } catch (error) {
    // A member that nobody polls would hold up the group's next ones, and with them the next examples.
    await consumer.close()
    throw error
  }
  // An example that looks at members finds one; others want the group to be empty.
  if (code.includes('.members')) return consumer
  await consumer.close()
  return undefined
}

describe('runs', () => {
  for (const [index, { place, code }] of all.entries()) {
    test(place, async () => {
      const member = await prepare(code)
      try {
        await runExample(compiled.files[index]!, code, { brokers: cluster.brokers, files: {}, texts: {} })
      } finally {
        await member?.close()
      }
    })
  }
})
