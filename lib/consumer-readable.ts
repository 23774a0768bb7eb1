// A consumer as a Node stream.
import { Readable } from 'node:stream'
import type { Message } from './message.js'
import { nameOf, type TopicPartitionOffset } from './offset.js'

/** Of a stream. */
export interface ReadableOptions {
  /** Aborting it destroys the stream with the signal's reason. */
  signal?: AbortSignal
  /** Messages that the stream holds; 16 without it. */
  highWaterMark?: number
}

/** @internal What of a consumer a stream needs. */
export interface MessageSource {
  /** Messages none of which counts as handled by itself. */
  read(signal: AbortSignal): AsyncIterableIterator<Message> & { ending: Promise<unknown> | undefined }
  /** Goes back, so that these are read again. */
  rewind(offsets: TopicPartitionOffset[]): Promise<unknown>
}

const defaultHighWaterMark = 16

/** @internal */
export class MessageStream extends Readable {
  readonly #source: MessageSource
  readonly #reader: ReturnType<MessageSource['read']>
  readonly #stop = new AbortController()
  // The last of what was pushed: its end may still be in the stream's buffer when that is destroyed.
  readonly #pushed: Message[] = []
  #reading: Promise<void> | undefined

  constructor(source: MessageSource, { signal, highWaterMark = defaultHighWaterMark }: ReadableOptions) {
    super({ objectMode: true, highWaterMark })
    this.#source = source
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal
    this.#reader = source.read(stop)
  }

  override _read(): void {
    this.#reading ??= this.#next().finally(() => {
      this.#reading = undefined
    })
  }

  async #next(): Promise<void> {
    try {
      // While there is room: push() says when there is none.
      for (;;) {
        const { done, value: message } = await this.#reader.next()
        if (done) {
          this.push(null)
          return
        }
        if (this.#pushed.length > this.readableLength) this.#pushed.splice(0, this.#pushed.length - this.readableLength)
        this.#pushed.push(message)
        if (this.destroyed || !this.push(message)) return
      }
    } catch (error) {
      if (!this.destroyed) this.destroy(error as Error)
    }
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    // What the stream holds, and what arrives while it ends, has been handed to nobody.
    const held = this.readableLength
    const from = this.#pushed.length - held
    this.#stop.abort()
    // A partition that is gone, or a consumer that is closed, needs no going back.
    const rewound = this.#rewind(from).catch(() => {})
    this.#reader.ending = rewound
    rewound.then(() => this.#reader.return?.()).finally(() => callback(error))
  }

  async #rewind(from: number): Promise<void> {
    await this.#reading
    const first = new Map<string, TopicPartitionOffset>()
    for (const message of this.#pushed.slice(Math.max(0, from))) {
      const { topic, partition, offset } = message
      if (!first.has(nameOf(message))) first.set(nameOf(message), { topic, partition, offset })
    }
    if (first.size > 0) await this.#source.rewind([...first.values()])
  }
}
