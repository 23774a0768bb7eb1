// A TCP proxy of the tests: between clients and one broker, to cut and to silence connections.
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Pair {
  client: Socket
  broker: Socket
}

/** What of a connection gets through. `deaf`: requests reach the broker, and take effect; the answers are lost. */
export type Traffic = 'open' | 'deaf' | 'silent'

export class TcpProxy {
  readonly #server: Server
  readonly #target: { host: string; port: number }
  readonly #pairs = new Set<Pair>()
  #traffic: Traffic = 'open'

  private constructor(target: { host: string; port: number }) {
    this.#target = target
    this.#server = createServer((client) => this.#accept(client))
  }

  static open(at: { host: string; port: number }, target: { host: string; port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    return new Promise((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(at, () => resolve(proxy))
    })
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Resets every connection. */
  cut(): void {
    for (const { client, broker } of this.#pairs) {
      client.resetAndDestroy()
      broker.resetAndDestroy()
    }
    this.#pairs.clear()
  }

  /** For connections that exist and for new ones. Going back to `open` resets those that have lost bytes. */
  set traffic(traffic: Traffic) {
    if (traffic === 'open' && this.#traffic !== 'open') this.cut()
    this.#traffic = traffic
    for (const pair of this.#pairs) this.#apply(pair)
  }

  close(): void {
    this.cut()
    this.#server.close()
  }

  #apply({ client, broker }: Pair): void {
    if (this.#traffic === 'silent') {
      client.pause()
      broker.pause()
    } else {
      client.resume()
      broker.resume()
    }
  }

  #accept(client: Socket): void {
    const broker = connect(this.#target)
    const pair = { client, broker }
    this.#pairs.add(pair)
    for (const socket of [client, broker]) socket.setNoDelay(true)
    client.on('data', (chunk) => this.#forward(chunk, client, broker))
    broker.on('data', (chunk) => this.#traffic === 'deaf' || this.#forward(chunk, broker, client))
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ]) {
      // The other side learns of the end, and an error is followed by it.
      socket.on('error', () => {})
      socket.on('end', () => other.end())
      socket.on('close', () => {
        other.destroy()
        this.#pairs.delete(pair)
      })
    }
    this.#apply(pair)
  }

  #forward(chunk: Buffer | string, from: Socket, to: Socket): void {
    if (to.destroyed || to.write(chunk)) return
    from.pause()
    to.once('drain', () => this.#traffic === 'silent' || from.resume())
  }
}
