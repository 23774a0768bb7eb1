// Reserves stock for orders: at least once from Kafka, and once in the database, because orders are known by their id.
import { createServer } from 'node:http'
import { prometheus } from 'odradek/metrics'
import { deadLetter, Processor, retry, shutdownSignal } from 'odradek/processor'
import { json } from 'odradek/serde'
import { Registry } from 'prom-client'
import { order, topic } from './order.mjs'
import { Stock } from './stock.mjs'

const { KAFKA_BROKERS, INVENTORY_PORT = '7082', DATABASE = 'stock.db' } = process.env

const stock = new Stock(DATABASE)
const app = new Processor(
  {
    'bootstrap.servers': KAFKA_BROKERS,
    'client.id': 'inventory',
    'group.id': 'inventory',
    // After kill -9 the group waits so long before it gives the partitions to another.
    'session.timeout.ms': 6_000,
    'statistics.interval.ms': 1_000,
  },
  { onError: (error) => console.error(`inventory: ${error.message}`) },
)
// What fails meets these in their order. A database that is down is tried again for as long as it takes: nothing is
// skipped. What can never succeed, such as bytes that are no order, goes to orders.dlq.
app.use(retry({ attempts: Number.POSITIVE_INFINITY, backoff: { initial: 100, max: 5_000 } }))
app.use(deadLetter())
app.useBatch((next) => async (batch, context) => {
  await next(batch, context)
  try {
    // Only now: the database has the reservations, and the dead-letter topic what is none.
    await app.consumer.commit(batch, { signal: context.signal })
  } catch (error) {
    // The next commit includes this one; until then a crash repeats orders, which the database knows.
    console.error(`inventory: ${error.message}`)
  }
})
app.observe((event) => {
  if (event.type === 'retry') console.error(`inventory: attempt ${event.attempt} failed: ${event.error.message}`)
  if (event.type === 'deadLetter') console.error(`inventory: to ${event.to}: ${event.error.message}`)
})
// A batch is one transaction, and one fsync.
app.batchTopic(topic, { max: 500, timeout: 10, value: json(order) }, (batch) => {
  // A null value (a tombstone) orders nothing.
  stock.reserve(batch.map(({ decoded }) => decoded).filter((one) => one !== null))
})

const register = new Registry()
prometheus(register).observe(app)

async function answer({ method, url }) {
  const [, what, id] = url.split('/')
  if (method !== 'GET') return [405, { reason: `${method} is not accepted; GET is` }]
  if (url === '/metrics') return [200, await register.metrics()]
  if (url === '/healthz') return [app.health().ok ? 200 : 503, app.health()]
  if (url === '/readyz') return [app.health().ready ? 200 : 503, app.health()]
  if (url === '/stock') return [200, stock.products()]
  if (what === 'orders' && id) {
    const found = stock.order(id)
    return found ? [200, found] : [404, { reason: `there is no order '${id}' (yet)` }]
  }
  return [404, { reason: `there is no ${url}; there are /stock, /orders/{id}, /metrics, /healthz and /readyz` }]
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [503, { reason: error.message }])
  const text = typeof body === 'string'
  response.writeHead(status, { 'content-type': text ? register.contentType : 'application/json' })
  response.end(text ? body : JSON.stringify(body))
})
server.listen(Number(INVENTORY_PORT), () => {
  console.log(`inventory  http://localhost:${server.address().port}/stock  (pid ${process.pid})`)
})

// SIGTERM: what is at work is finished and committed, and the group is left.
await app.run({ signal: shutdownSignal() }).finally(() => {
  server.close()
  stock.close()
})
