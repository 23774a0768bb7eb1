// Takes orders over HTTP: validates, produces them keyed by their id, and answers when the brokers have them.
import { isUtf8 } from 'node:buffer'
import { createServer } from 'node:http'
import { Producer } from 'odradek'
import { prometheus } from 'odradek/metrics'
import { shutdownSignal } from 'odradek/processor'
import { Registry } from 'prom-client'
import { catalogue, order, topic } from './order.mjs'

const { KAFKA_BROKERS, ORDERS_PORT = '7081' } = process.env
const maxBody = 64 * 1024

const producer = new Producer(
  {
    'bootstrap.servers': KAFKA_BROKERS,
    'client.id': 'orders',
    'enable.idempotence': true,
    // A client waits no longer than this, and is told 503 then.
    'message.timeout.ms': 5_000,
    'statistics.interval.ms': 5_000,
  },
  {
    onError(error) {
      // After a fatal error nothing can be produced: whoever started this process starts it again.
      if (error.fatal) throw error
      console.error(`orders: ${error.message}`)
    },
  },
)
const stopping = shutdownSignal()
const register = new Registry()
prometheus(register).observe(producer)

/** What is answered instead of 202. */
class Refusal extends Error {
  constructor(status, reason, more) {
    super(reason)
    this.status = status
    this.more = more
  }
}

async function readJson(request) {
  const chunks = []
  let size = 0
  // What is too much is read, so that the client hears the answer, and dropped.
  for await (const chunk of request) {
    size += chunk.length
    if (size <= maxBody) chunks.push(chunk)
    else chunks.length = 0
  }
  if (size > maxBody) throw new Refusal(413, `the body has ${size} bytes; ${maxBody} are accepted`)
  if (size === 0) throw new Refusal(400, 'there is no body; an order is {"product": "apple", "quantity": 2}')
  const body = Buffer.concat(chunks)
  if (!isUtf8(body)) throw new Refusal(400, 'the body is not UTF-8')
  try {
    return JSON.parse(body.toString())
  } catch (error) {
    throw new Refusal(400, `the body is not JSON: ${error.message}`)
  }
}

async function placeOrder(request) {
  const parsed = order.safeParse(await readJson(request))
  if (!parsed.success) {
    const reasons = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '))
    throw new Refusal(400, reasons.join('; '))
  }
  const { id, product } = parsed.data
  if (!catalogue.has(product)) {
    throw new Refusal(404, `there is no product '${product}'; there are ${[...catalogue.keys()].join(', ')}`)
  }
  try {
    await producer.send({ topic, key: id, value: JSON.stringify(parsed.data) })
  } catch (error) {
    // It may have been delivered all the same: with the same id it is not ordered twice.
    throw new Refusal(503, `the order is not confirmed, send it again with this id: ${error.message}`, { id })
  }
  return { id }
}

async function answer(request, response) {
  const { method, url } = request
  if (method === 'POST' && url === '/orders') return [202, await placeOrder(request)]
  if (method === 'GET' && url === '/healthz') return [producer.fatalError ? 503 : 200, {}]
  if (method === 'GET' && url === '/metrics') {
    response.setHeader('content-type', register.contentType)
    return [200, await register.metrics()]
  }
  if (url === '/orders') throw new Refusal(405, `${method} is not accepted; POST is`)
  throw new Refusal(404, `there is no ${url}; there are POST /orders, GET /metrics and GET /healthz`)
}

const server = createServer({ requestTimeout: 30_000 }, async (request, response) => {
  let [status, body] = [500, { reason: 'something is wrong here' }]
  try {
    ;[status, body] = await answer(request, response)
  } catch (error) {
    if (error instanceof Refusal) [status, body] = [error.status, { reason: error.message, ...error.more }]
    else if (!request.destroyed) console.error(error)
  }
  // A connection that is kept alive would keep the process, too.
  if (stopping.aborted) response.setHeader('connection', 'close')
  if (status === 503) response.setHeader('retry-after', '1')
  if (typeof body === 'object') response.setHeader('content-type', 'application/json')
  response.writeHead(status).end(typeof body === 'object' ? JSON.stringify(body) : body)
})
server.listen(Number(ORDERS_PORT), () => {
  console.log(`orders     http://localhost:${server.address().port}/orders  (pid ${process.pid})`)
})

// SIGTERM: no new connections; what was begun is answered; then the producer ends.
stopping.addEventListener('abort', () => {
  server.close(() => producer.close())
})
