// A proxy before one broker that can make requests of one kind late: they arrive when the test says so, though the client
// has long given them up and closed the connection.
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Held {
  frame: Buffer
  broker: Socket
}

export class LateRequests {
  readonly #server: Server
  readonly #target: { host: string; port: number }
  readonly #sockets = new Set<Socket>()
  #apiKey: number | undefined
  readonly #held: Held[] = []

  private constructor(target: { host: string; port: number }) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  static open(at: { host: string; port: number }, target: { host: string; port: number }): Promise<LateRequests> {
    const proxy = new LateRequests(target)
    return new Promise((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(at, () => resolve(proxy))
    })
  }

  /** Requests that are held. */
  get held(): number {
    return this.#held.length
  }

  /** From now on holds requests of this kind (Kafka's API key), or none. */
  hold(apiKey: number | undefined): void {
    this.#apiKey = apiKey
  }

  /** Those that are held arrive, in their order. Resolves when the broker has answered each. */
  async deliver(): Promise<void> {
    for (const { frame, broker } of this.#held.splice(0)) {
      const answered = new Promise<void>((resolve, reject) => {
        broker.once('data', () => resolve())
        broker.once('close', () => reject(new Error('the broker has closed the connection of a late request')))
      })
      broker.write(frame)
      await answered
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #accept(client: Socket): void {
    const broker = connect(this.#target)
    let waiting: Buffer = Buffer.alloc(0)
    client.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk as Buffer])
      waiting = this.#forward(waiting, broker)
    })
    broker.on('data', (chunk) => client.writable && client.write(chunk))
    for (const socket of [client, broker]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      // A close follows.
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    broker.on('close', () => client.destroy())
    client.on('close', () => this.#held.some((held) => held.broker === broker) || broker.destroy())
  }

  /** Every whole request: its length, its API key, … Returns what is not whole. */
  #forward(bytes: Buffer, broker: Socket): Buffer {
    let rest = bytes
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      if (frame.readInt16BE(4) === this.#apiKey) this.#held.push({ frame, broker })
      else broker.write(frame)
    }
    return rest
  }
}
