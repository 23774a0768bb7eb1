// Kafka's Metadata request (version 4), by hand: the one question "which brokers are up, as this broker sees it".
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const CLIENT_ID = 'odradek-setup'

function request() {
  const header = Buffer.alloc(10 + CLIENT_ID.length)
  header.writeInt16BE(3, 0) // Metadata
  header.writeInt16BE(4, 2) // its version
  header.writeInt32BE(1, 4) // correlation id
  header.writeInt16BE(CLIENT_ID.length, 8)
  header.write(CLIENT_ID, 10)
  const body = Buffer.from([0, 0, 0, 0, 0]) // no topics, and none to be created
  const size = Buffer.alloc(4)
  size.writeInt32BE(header.length + body.length)
  return Buffer.concat([size, header, body])
}

/** Reads the fields of a frame one after the other. */
class Reader {
  #frame
  #at

  constructor(frame, at) {
    this.#frame = frame
    this.#at = at
  }

  #skip(bytes) {
    this.#at += bytes
    return this.#at - bytes
  }

  int32() {
    return this.#frame.readInt32BE(this.#skip(4))
  }

  string() {
    const length = this.#frame.readInt16BE(this.#skip(2))
    if (length < 0) return null
    const start = this.#skip(length)
    return this.#frame.toString('utf8', start, start + length)
  }
}

function parse(frame) {
  const reader = new Reader(frame, 12) // after size, correlation id and throttle time
  const brokers = []
  for (let left = reader.int32(); left > 0; left--) {
    brokers.push({ id: reader.int32(), host: reader.string(), port: reader.int32() })
    reader.string() // rack
  }
  return { brokers, clusterId: reader.string(), controllerId: reader.int32() }
}

/**
 * @param {string} address host:port of a PLAINTEXT listener
 * @returns {Promise<{ brokers: { id: number, host: string, port: number }[], clusterId: string | null, controllerId: number }>}
 */
export function fetchMetadata(address, timeout = 3000) {
  const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(address) ?? []
  if (!host) return Promise.reject(new Error(`"${address}" is not host:port`))
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) })
    const fail = (error) => {
      socket.destroy()
      reject(error)
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(timeout, () => fail(new Error(`${address} did not answer a Metadata request in ${timeout} ms`)))
    socket.on('error', fail)
    socket.on('close', () =>
      fail(new Error(`${address} closed the connection instead of answering a Metadata request`)),
    )
    socket.on('connect', () => socket.write(request()))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      try {
        resolve(parse(received))
        socket.destroy()
      } catch {
        fail(new Error(`${address} answered a Metadata request with something that is not Kafka's protocol`))
      }
    })
  })
}

/** Waits until the broker at `address` sees every broker in `ids`; says what it saw last when it never does. */
export async function waitForBrokers(address, ids, timeout = 30_000) {
  const deadline = Date.now() + timeout
  for (;;) {
    let seen
    try {
      const { brokers } = await fetchMetadata(address)
      if (ids.every((id) => brokers.some((broker) => broker.id === id))) return
      seen = `it saw only broker ${brokers.map((broker) => broker.id).join(', ') || 'none'}`
    } catch (error) {
      seen = error.message
    }
    if (Date.now() > deadline) {
      throw new Error(`Broker at ${address} did not see brokers ${ids.join(', ')} within ${timeout} ms: ${seen}`)
    }
    await sleep(20)
  }
}
