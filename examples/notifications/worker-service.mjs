// Consumes notifications, keeps them, and delivers them over WebSocket to whoever is connected, or connects later.
import { createServer } from 'node:http'
import { deadLetter, Processor, retry, shutdownSignal } from 'odradek/processor'
import { json } from 'odradek/serde'
import { WebSocketServer } from 'ws'
import { Inbox } from './inbox.mjs'
import { notification, topic, users } from './notification.mjs'

const { KAFKA_BROKERS, WORKER_PORT = '7084', DATABASE = 'notifications.db' } = process.env
// Sent and not confirmed, of each connection: a slow one fills neither its socket nor the memory.
const window = 100
const pingInterval = 15_000

const inbox = new Inbox(DATABASE)
/** User to connections. */
const connected = new Map([...users].map((user) => [user, new Set()]))

class Connection {
  #sent = 0
  #confirmed = 0
  #open = 0
  #pushing
  alive = true

  constructor(user, socket) {
    this.user = user
    this.socket = socket
    socket.on('message', (data) => this.#confirm(Number(data)))
    socket.on('pong', () => {
      this.alive = true
    })
    // Too long a frame, a broken one: `ws` closes the connection, with the reason.
    socket.on('error', () => {})
    socket.on('close', () => connected.get(user).delete(this))
    connected.get(user).add(this)
    this.push()
  }

  /** Notes what is confirmed, and sends what is not, as far as the window allows. */
  push() {
    this.#pushing = undefined
    try {
      if (this.#confirmed > 0) inbox.confirm(this.user, this.#confirmed)
      this.#confirmed = 0
      for (const one of inbox.pending(this.user, this.#sent, window - this.#open)) {
        this.socket.send(JSON.stringify(one))
        this.#sent = one.number
        this.#open++
      }
    } catch (error) {
      console.error(`worker: ${error.message}`)
      // Nothing is lost: whoever connects again gets what is not confirmed.
      this.socket.close(1011, 'the database is down: connect again')
    }
  }

  /** What is received is confirmed by its number; many at once are one write. */
  #confirm(number) {
    if (!Number.isInteger(number) || number < 1 || number > this.#sent) {
      this.socket.close(1008, 'the number of a notification that was sent confirms it')
      return
    }
    this.#open = Math.max(0, this.#open - 1)
    this.#confirmed = Math.max(this.#confirmed, number)
    this.#pushing ??= setTimeout(() => this.push(), 10)
  }
}

const app = new Processor(
  { 'bootstrap.servers': KAFKA_BROKERS, 'group.id': 'notifications', 'session.timeout.ms': 6_000 },
  { onError: (error) => console.error(`worker: ${error.message}`) },
)
app.use(retry({ attempts: Number.POSITIVE_INFINITY, backoff: { initial: 100, max: 5_000 } }))
app.use(deadLetter())
app.batchTopic(topic, { max: 1_000, timeout: 5, value: json(notification) }, (batch) => {
  const notifications = batch.map(({ decoded }) => decoded).filter((one) => one !== null)
  // Kept first: what is handled may be forgotten by Kafka.
  inbox.keep(notifications)
  for (const user of new Set(notifications.map(({ recipient }) => recipient))) {
    for (const connection of connected.get(user) ?? []) connection.push()
  }
})

const server = createServer((request, response) => {
  const known = request.url === '/healthz'
  const status = known ? (app.health().ready ? 200 : 503) : 404
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(
    JSON.stringify(known ? app.health() : { reason: 'there are GET /healthz and a WebSocket at /?user=alice' }),
  )
})
const sockets = new WebSocketServer({ noServer: true, maxPayload: 1_024 })
server.on('upgrade', (request, socket, head) => {
  const user = URL.canParse(request.url, 'ws://here') && new URL(request.url, 'ws://here').searchParams.get('user')
  if (!connected.has(user)) {
    // Who is refused may have gone before the answer.
    socket.on('error', () => {})
    const reason = JSON.stringify({ reason: user ? `there is no user '${user}'` : 'say who: /?user=alice' })
    const status = user ? '404 Not Found' : '400 Bad Request'
    const length = Buffer.byteLength(reason)
    socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${reason}`)
    return
  }
  sockets.handleUpgrade(request, socket, head, (webSocket) => new Connection(user, webSocket))
})
server.listen(Number(WORKER_PORT), () => {
  console.log(`worker  ws://localhost:${server.address().port}/?user=alice  (pid ${process.pid})`)
})

// A connection whose other end has vanished is found out.
const pings = setInterval(() => {
  for (const connection of [...connected.values()].flatMap((set) => [...set])) {
    if (!connection.alive) connection.socket.terminate()
    connection.alive = false
    connection.socket.ping()
  }
}, pingInterval)

await app.run({ signal: shutdownSignal() }).finally(() => {
  clearInterval(pings)
  for (const socket of sockets.clients) socket.terminate()
  server.close()
  inbox.close()
})
