// POST /notify: validates, produces with the recipient as key, answers when the brokers have it. Serves the page, too.
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Producer } from 'odradek'
import { shutdownSignal } from 'odradek/processor'
import { request as notifyRequest, topic, users } from './notification.mjs'

const { KAFKA_BROKERS, API_PORT = '7083', WORKER_PORT = '7084' } = process.env
const maxBody = 16 * 1024
const page = readFileSync(new URL('page.html', import.meta.url), 'utf8').replaceAll('WORKER_PORT', WORKER_PORT)

// One for the process: a producer batches what comes at the same time.
const producer = new Producer(
  { 'bootstrap.servers': KAFKA_BROKERS, 'enable.idempotence': true, 'message.timeout.ms': 5_000 },
  {
    onError(error) {
      if (error.fatal) throw error
      console.error(`api: ${error.message}`)
    },
  },
)

async function readJson(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size <= maxBody) chunks.push(chunk)
  }
  if (size > maxBody) return [413, `the body has ${size} bytes; ${maxBody} are accepted`]
  if (size === 0) return [400, 'there is no body; it is {"sender": "alice", "recipient": "bob", "message": "hello"}']
  const body = Buffer.concat(chunks)
  if (!isUtf8(body)) return [400, 'the body is not UTF-8']
  try {
    return [200, undefined, JSON.parse(body.toString())]
  } catch (error) {
    return [400, `the body is not JSON: ${error.message}`]
  }
}

async function notify(request) {
  const [status, reason, given] = await readJson(request)
  if (reason) return [status, { reason }]
  const { data, error } = notifyRequest.safeParse(given)
  if (error) return [400, { reason: error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ') }]
  for (const name of [data.sender, data.recipient]) {
    if (!users.has(name)) return [404, { reason: `there is no user '${name}'` }]
  }
  const id = randomUUID()
  const value = JSON.stringify({ ...data, id, time: new Date().toISOString() })
  try {
    await producer.send({ topic, key: data.recipient, value })
    return [202, { id }]
  } catch (error) {
    return [500, { reason: `the notification is not confirmed: ${error.message}`, id }]
  }
}

async function answer(request) {
  const { method, url } = request
  if (method === 'POST' && url === '/notify') return notify(request)
  if (method === 'GET' && url === '/healthz') return [producer.fatalError ? 500 : 200, {}]
  if (method === 'GET' && /^\/(\?|$)/.test(url)) return [200, page]
  if (url === '/notify') return [405, { reason: `${method} is not accepted; POST is` }]
  return [404, { reason: `there is no ${method} ${url}; there are GET /, POST /notify and GET /healthz` }]
}

const stopping = shutdownSignal()
const server = createServer({ requestTimeout: 30_000 }, async (request, response) => {
  const [status, body] = await answer(request).catch((error) => [500, { reason: error.message }])
  if (stopping.aborted) response.setHeader('connection', 'close')
  const text = typeof body === 'string'
  response.writeHead(status, { 'content-type': text ? 'text/html; charset=utf-8' : 'application/json' })
  response.end(text ? body : JSON.stringify(body))
})
server.listen(Number(API_PORT), () => {
  console.log(`api     http://localhost:${server.address().port}/?user=alice  (pid ${process.pid})`)
})
stopping.addEventListener('abort', () => {
  server.close(() => producer.close())
})
