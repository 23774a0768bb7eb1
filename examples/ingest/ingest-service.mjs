// NDJSON over HTTP into a topic. What the brokers cannot take yet is not read from the client: back-pressure is TCP's.
import { isUtf8 } from 'node:buffer'
import { createServer } from 'node:http'
import { Producer } from 'odradek'
import { prometheus } from 'odradek/metrics'
import { shutdownSignal } from 'odradek/processor'
import { Registry } from 'prom-client'

const { KAFKA_BROKERS, INGEST_PORT = '7085' } = process.env
const topic = 'events'
const maxLine = 900_000
const maxKey = 1_000
// What a connection may have on its way: reads of up to 64 KiB. The queue is shared by all connections.
const maxReads = 8
const maxConnections = 256
const maxReasons = 10

const producer = new Producer(
  {
    'bootstrap.servers': KAFKA_BROKERS,
    'client.id': 'ingest',
    'enable.idempotence': true,
    'compression.type': 'lz4',
    'linger.ms': 5,
    'batch.size': 1_000_000,
    'queue.buffering.max.kbytes': 32 * 1024,
    'message.timeout.ms': 30_000,
    'statistics.interval.ms': 5_000,
  },
  {
    onError(error) {
      if (error.fatal) throw error
      console.error(`ingest: ${error.message}`)
    },
  },
)
const register = new Registry()
prometheus(register).observe(producer)

/** Yields, for each read of the body, the lines that it completes. Of a line that is too long only that is kept. */
async function* linesOf(body) {
  let parts = []
  let size = 0
  const line = (end) => {
    if (size + end.length > maxLine) return null
    return parts.length > 0 ? Buffer.concat([...parts, end]) : end
  }
  for await (const chunk of body) {
    const lines = []
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      lines.push(line(chunk.subarray(from, end)))
      parts = []
      size = 0
      from = end + 1
    }
    const rest = chunk.subarray(from)
    if (rest.length > 0) parts.push(rest)
    size += rest.length
    if (size > maxLine) parts = []
    if (lines.length > 0) yield lines
  }
  if (size > 0) yield [line(Buffer.alloc(0))]
}

/** A record, or why there is none. */
function recordOf(line, key) {
  if (line === null) return `it is longer than ${maxLine} bytes`
  if (!isUtf8(line)) return 'it is not UTF-8'
  let value
  try {
    value = JSON.parse(line.toString())
  } catch (error) {
    return `it is not JSON: ${error.message.slice(0, 100)}`
  }
  if (key === null) return { value: line }
  const of = value?.[key]
  if (typeof of !== 'string' && typeof of !== 'number') return `it has no ${key}`
  return of.length > maxKey ? `its ${key} is longer than ${maxKey}` : { key: String(of), value: line }
}

async function ingest(request, key) {
  const result = { accepted: 0, rejected: 0, failed: 0, reasons: [] }
  const note = (reason) => result.reasons.length < maxReasons && result.reasons.push(reason)
  const sending = new Set()
  const send = async (records) => {
    const reports = await producer.sendBatch(topic, records)
    const failures = [...reports.failures]
    result.accepted += records.length - failures.length
    if (failures.length > 0 && result.failed === 0) note(`not delivered: ${failures[0].error.message}`)
    result.failed += failures.length
  }
  let number = 0
  for await (const lines of linesOf(request)) {
    const records = []
    for (const line of lines) {
      number++
      if (line?.length === 0) continue
      const record = recordOf(line, key)
      if (typeof record === 'object') records.push(record)
      else {
        result.rejected++
        note(`line ${number}: ${record}`)
      }
    }
    // After a failure the rest is read, so that the client hears of it, and not sent.
    if (result.failed > 0) result.failed += records.length
    else if (records.length > 0) {
      const sent = send(records).finally(() => sending.delete(sent))
      sending.add(sent)
      // Here is the back-pressure: as long as this waits, nothing is read.
      if (sending.size >= maxReads) await Promise.race(sending)
    }
  }
  await Promise.all(sending)
  const { accepted, rejected, failed } = result
  if (accepted + rejected + failed === 0) note('there is no record; each line of the body is one, in JSON')
  return [failed > 0 ? 503 : result.reasons.length > 0 ? 400 : 200, result]
}

async function answer(request, response) {
  if (!URL.canParse(request.url, 'http://here')) return [400, { reasons: [`${request.url} is no path`] }]
  const { pathname, searchParams } = new URL(request.url, 'http://here')
  if (pathname === '/ingest') {
    if (request.method !== 'POST') return [405, { reasons: [`${request.method} is not accepted; POST is`] }]
    return ingest(request, searchParams.get('key'))
  }
  if (pathname === '/metrics') {
    response.setHeader('content-type', register.contentType)
    return [200, await register.metrics()]
  }
  if (pathname === '/healthz') return [producer.fatalError ? 503 : 200, { rss: process.memoryUsage.rss() }]
  return [404, { reasons: [`there is no ${pathname}; there are POST /ingest?key=…, GET /metrics and GET /healthz`] }]
}

const stopping = shutdownSignal()
// A stream may take as long as it likes.
const server = createServer({ requestTimeout: 0 }, async (request, response) => {
  try {
    const [status, body] = await answer(request, response)
    if (stopping.aborted) response.setHeader('connection', 'close')
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
  } catch (error) {
    // The client has gone: what was complete has been sent.
    if (!request.destroyed) response.writeHead(500).end(JSON.stringify({ reasons: [error.message] }))
  }
})
server.maxConnections = maxConnections
server.listen(Number(INGEST_PORT), () => {
  console.log(`ingest  http://localhost:${server.address().port}/ingest  (pid ${process.pid})`)
})
stopping.addEventListener('abort', () => {
  server.close(() => producer.close())
})
