// Which topics are there, and with how many partitions? (kafka-go: ReadPartitions; confluent-kafka-go: GetMetadata)
import { AdminClient } from 'odradek'

const admin = new AdminClient({ 'bootstrap.servers': process.env.KAFKA_BROKERS })
const { topics } = await admin.metadata()
for (const { topic, partitions } of topics) console.log(`${topic}: ${partitions.length} partitions`)
await admin.close()
