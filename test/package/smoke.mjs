// Produces and consumes on the embedded cluster with the installed package.
import * as odradek from 'odradek'

async function smoke({ Consumer, MockCluster, Producer, librdkafka }) {
  const cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('smoke', { partitions: 1, replicationFactor: 1 })
  const config = { 'bootstrap.servers': cluster.bootstrapServers }
  const producer = new Producer({ ...config, 'compression.type': 'zstd' })
  await producer.sendBatch(
    'smoke',
    ['a', 'b', 'c'].map((value) => ({ value })),
  )
  const consumer = new Consumer({ ...config, 'group.id': 'smoke', 'auto.offset.reset': 'earliest' })
  await consumer.subscribe(['smoke'])
  const seen = []
  for await (const message of consumer) {
    seen.push(message.value.toString())
    if (seen.length === 3) break
  }
  await consumer.close()
  await producer.close()
  await cluster.close()
  console.log(`SMOKE ${librdkafka.version} ${seen}`)
}

await smoke(odradek)
