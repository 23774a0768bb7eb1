// A topic with partitions and configuration, waited for until it can be used; and what its configuration is then.
import { AdminClient } from 'odradek'

const admin = new AdminClient({ 'bootstrap.servers': process.env.KAFKA_BROKERS })
const topic = `tour-${Date.now()}`
const config = { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': 60_000 }
const [{ error }] = await admin.createTopics([{ topic, numPartitions: 3, replicationFactor: 1, config }])
if (error) throw error
const { partitions } = await admin.waitForTopic(topic)
const [{ entries }] = await admin.describeConfigs([{ type: 'topic', name: topic }])
const policy = entries.find(({ name }) => name === 'cleanup.policy')
console.log(`created: ${partitions.length} partitions, cleanup.policy=${policy.value}`)
await admin.deleteTopics([topic])
await admin.close()
