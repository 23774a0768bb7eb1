// The service on the cluster of KAFKA_BROKERS, or on an embedded one.
import { AdminClient, MockCluster } from 'odradek'

const given = process.env.KAFKA_BROKERS
const kafka = given ? new AdminClient({ 'bootstrap.servers': given }) : new MockCluster({ brokers: 3 })
if (given) await kafka.ready()
await kafka.ensureTopics([{ topic: 'events', numPartitions: 6 }])
process.env.KAFKA_BROKERS = given || kafka.bootstrapServers
console.log(`Kafka   ${process.env.KAFKA_BROKERS}${given ? '' : ' (embedded)'}. Ctrl-C ends.`)
process.once('beforeExit', () => kafka.close())
await import('./ingest-service.mjs')
