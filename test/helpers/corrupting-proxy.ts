// A proxy before one broker that corrupts what comes back: of each answer in which a text stands, one byte of that text is
// flipped, as a bad network card or disk would.
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Address {
  host: string
  port: number
}

export class CorruptingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Answers in which this stands are corrupted. */
  text: string | undefined
  /** How many answers were. */
  corrupted = 0

  private constructor(target: Address) {
    this.#server = createServer((client) => this.#accept(client, connect(target)))
  }

  static open(at: Address, target: Address): Promise<CorruptingProxy> {
    const proxy = new CorruptingProxy(target)
    return new Promise((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(at, () => resolve(proxy))
    })
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #accept(client: Socket, broker: Socket): void {
    let chunks: Buffer[] = []
    let length = 0
    client.on('data', (chunk) => broker.write(chunk))
    broker.on('data', (chunk) => {
      chunks.push(chunk as Buffer)
      length += chunk.length
      // Joined only when an answer is whole: they may be megabytes.
      if (length >= 4 && length < 4 + lengthOf(chunks)) return
      const rest = this.#forward(Buffer.concat(chunks), client)
      chunks = rest.length > 0 ? [rest] : []
      length = rest.length
    })
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      // A close follows.
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }

  /** Every whole answer: its length, then its bytes. Returns what is not whole. */
  #forward(bytes: Buffer, client: Socket): Buffer {
    let rest = bytes
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      client.write(this.#corrupt(Buffer.from(rest.subarray(0, end))))
      rest = rest.subarray(end)
    }
    return rest
  }

  #corrupt(answer: Buffer): Buffer {
    const at = this.text === undefined ? -1 : answer.indexOf(this.text)
    if (at >= 0) {
      answer[at] ^= 1
      this.corrupted++
    }
    return answer
  }
}

function lengthOf(chunks: Buffer[]): number {
  return chunks[0].length >= 4 ? chunks[0].readInt32BE(0) : Buffer.concat(chunks).readInt32BE(0)
}
