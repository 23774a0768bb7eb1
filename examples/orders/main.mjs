// Both services, on the cluster of KAFKA_BROKERS or on an embedded one. A service that dies is started again.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AdminClient, MockCluster } from 'odradek'
import { shutdownSignal } from 'odradek/processor'

const topics = { orders: 6, 'orders.dlq': 1 }

async function openEmbedded() {
  const cluster = new MockCluster({ brokers: 3 })
  for (const [topic, partitions] of Object.entries(topics)) await cluster.createTopic(topic, { partitions })
  return cluster
}

async function ensureTopics(brokers) {
  const admin = new AdminClient({ 'bootstrap.servers': brokers })
  try {
    await admin.ready()
    await admin.ensureTopics(Object.entries(topics).map(([topic, numPartitions]) => ({ topic, numPartitions })))
  } finally {
    await admin.close()
  }
}

const embedded = process.env.KAFKA_BROKERS ? undefined : await openEmbedded()
const brokers = process.env.KAFKA_BROKERS || embedded.bootstrapServers
if (!embedded) await ensureTopics(brokers)
console.log(`Kafka      ${brokers}${embedded ? ' (embedded)' : ''}. Ctrl-C ends.`)

const stopping = shutdownSignal()
const env = { ...process.env, KAFKA_BROKERS: brokers }

/** Runs a service until the end. */
async function keep(name) {
  for (;;) {
    const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
    const child = spawn(process.execPath, [file], { env, stdio: 'inherit' })
    // Ctrl-C reaches the children by itself, SIGTERM does not; a second signal would end them at once.
    const stop = () => stopping.reason.message.startsWith('SIGTERM') && child.kill('SIGTERM')
    stopping.addEventListener('abort', stop)
    const how = await new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)))
    stopping.removeEventListener('abort', stop)
    if (stopping.aborted) return
    console.log(`${name} ended (${how}); starting it again`)
    await new Promise((resolve) => setTimeout(resolve, 500))
    if (stopping.aborted) return
  }
}

await Promise.all([keep('order-service'), keep('inventory-service')])
await embedded?.close()
