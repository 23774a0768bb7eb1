// Both services, on the cluster of KAFKA_BROKERS or on an embedded one. A service that dies is started again.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AdminClient, MockCluster } from 'odradek'
import { shutdownSignal } from 'odradek/processor'

const given = process.env.KAFKA_BROKERS
const kafka = given ? new AdminClient({ 'bootstrap.servers': given }) : new MockCluster({ brokers: 3 })
if (given) await kafka.ready()
await kafka.ensureTopics([{ topic: 'orders', numPartitions: 6 }, { topic: 'orders.dlq' }])
const env = { ...process.env, KAFKA_BROKERS: given || kafka.bootstrapServers }
console.log(`Kafka      ${env.KAFKA_BROKERS}${given ? '' : ' (embedded)'}. Ctrl-C ends.`)

const stopping = shutdownSignal()

/** Runs a service until the end. */
async function keep(name) {
  while (!stopping.aborted) {
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
  }
}

await Promise.all([keep('order-service'), keep('inventory-service')])
await kafka.close()
