// How much a producer has taken that is not reported yet, and who waits for room or for the end of it.
import type { NativeProducer } from './binding.js'
import { WaitingSends } from './waiting-sends.js'

/** What is not reported yet. */
export interface ProducerLength {
  messages: number
  /** Key and value bytes. */
  bytes: number
}

/** @internal */
export class ProducerQueue {
  readonly #native: NativeProducer
  readonly maxMessages: number
  readonly maxBytes: number
  readonly waiting = new WaitingSends()
  readonly #drained: (() => void)[] = []
  readonly #hasRoom = () => this.hasRoom
  /** With librdkafka, or on their way there. */
  messages = 0
  bytes = 0

  constructor(native: NativeProducer, maxMessages: number, maxBytes: number) {
    this.#native = native
    this.maxMessages = maxMessages
    this.maxBytes = maxBytes
  }

  get hasRoom(): boolean {
    return this.messages < this.maxMessages && this.bytes < this.maxBytes
  }

  /** Whether a record can be written now, before nobody else's. */
  get open(): boolean {
    return this.waiting.empty && this.messages < this.maxMessages && this.bytes < this.maxBytes
  }

  get empty(): boolean {
    return this.messages === 0 && this.waiting.empty
  }

  get length(): ProducerLength {
    return { messages: this.messages + this.waiting.messages, bytes: this.bytes + this.waiting.bytes }
  }

  taken(messages: number, bytes: number): void {
    // The process stays alive while somebody waits for a report.
    if (this.messages === 0) this.#native.hold()
    this.messages += messages
    this.bytes += bytes
  }

  reported(messages: number, bytes: number): void {
    this.messages -= messages
    this.bytes -= bytes
    if (!this.waiting.empty) this.waiting.run(this.#hasRoom)
    if (this.messages > 0) return
    this.#native.unhold()
    if (this.waiting.empty) for (const resolve of this.#drained.splice(0)) resolve()
  }

  drained(): Promise<void> {
    if (this.empty) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }
}
