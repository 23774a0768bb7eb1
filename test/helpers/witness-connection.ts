// The wire to scripts/kafka/Witness.java: requests and answers as lines of JSON.
import { connect, type Socket } from 'node:net'

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json | undefined }

interface Answer {
  id: number
  result?: unknown
  part?: unknown[]
  error?: { type: string; message: string }
}

interface Pending {
  parts: unknown[]
  resolve(value: unknown): void
  reject(error: Error): void
}

/** What the Java client threw; `name` is the class, such as TopicExistsException. */
export class WitnessError extends Error {
  constructor(type: string, message: string) {
    super(message)
    this.name = type
  }
}

export class WitnessConnection {
  #socket: Socket
  #pending = new Map<number, Pending>()
  #lastId = 0
  #unfinished: string[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => this.#receive(chunk))
    socket.on('close', () => this.#fail(new Error('The Java witness has closed the connection')))
    socket.on('error', (error) => this.#fail(error))
    this.#hold()
  }

  static open(port: number): Promise<WitnessConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new WitnessConnection(socket))
      })
    })
  }

  /** The result; with `parts`, what came in parts before it goes there. */
  request(fields: { [name: string]: Json | undefined }, parts: unknown[] = []): Promise<unknown> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { parts, resolve, reject })
      this.#hold()
      this.#socket.write(`${JSON.stringify({ id, ...fields })}\n`)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  /** An idle connection does not keep the process alive; one that owes an answer does. */
  #hold(): void {
    if (this.#pending.size > 0) this.#socket.ref()
    else this.#socket.unref()
  }

  #receive(chunk: string): void {
    // Answers can be megabytes in many chunks: joined once, when their end is there.
    const lines = chunk.split('\n')
    const rest = lines.pop() as string
    if (lines.length > 0) {
      lines[0] = this.#unfinished.join('') + lines[0]
      this.#unfinished = []
    }
    if (rest) this.#unfinished.push(rest)
    for (const line of lines) this.#answer(JSON.parse(line) as Answer)
  }

  #answer({ id, result, part, error }: Answer): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    if (part) {
      for (const item of part) pending.parts.push(item)
      return
    }
    this.#pending.delete(id)
    this.#hold()
    if (error) pending.reject(new WitnessError(error.type, error.message))
    else pending.resolve(result)
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }
}
