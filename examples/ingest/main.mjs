// The service on the cluster of KAFKA_BROKERS, or on an embedded one.
import { AdminClient, MockCluster } from 'odradek'
import { shutdownSignal } from 'odradek/processor'

const [topic, numPartitions] = ['events', 6]

if (process.env.KAFKA_BROKERS) {
  const admin = new AdminClient({ 'bootstrap.servers': process.env.KAFKA_BROKERS })
  await admin.ready()
  await admin.ensureTopics([{ topic, numPartitions }])
  await admin.close()
  console.log(`Kafka   ${process.env.KAFKA_BROKERS}`)
} else {
  const cluster = new MockCluster({ brokers: 3 })
  await cluster.createTopic(topic, { partitions: numPartitions })
  process.env.KAFKA_BROKERS = cluster.bootstrapServers
  process.once('beforeExit', () => cluster.close())
  console.log(`Kafka   ${cluster.bootstrapServers} (embedded). Ctrl-C ends.`)
}
shutdownSignal()
await import('./ingest-service.mjs')
