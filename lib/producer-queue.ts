// How much a producer has taken that is not reported yet, and who waits for room or for the end of it.
import type { NativeProducer } from './binding.js'
import { type WaitingSend, WaitingSends } from './waiting-sends.js'

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
  readonly #waiting = new WaitingSends()
  readonly #drained: (() => void)[] = []
  readonly #hasRoom = () => this.hasRoom
  #held = false
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

  /** Whether nobody waits before a record that is to be written now. */
  get nobodyWaits(): boolean {
    return this.#waiting.empty
  }

  get empty(): boolean {
    return this.messages === 0 && this.#waiting.empty
  }

  get length(): ProducerLength {
    return { messages: this.messages + this.#waiting.messages, bytes: this.bytes + this.#waiting.bytes }
  }

  taken(messages: number, bytes: number): void {
    // The process stays alive while somebody waits for a report.
    if (!this.#held) {
      this.#held = true
      this.#native.hold()
    }
    this.messages += messages
    this.bytes += bytes
  }

  reported(messages: number, bytes: number): void {
    this.messages -= messages
    this.bytes -= bytes
    this.runWaiting()
    if (this.messages > 0) return
    this.#held = false
    this.#native.unhold()
  }

  wait(send: WaitingSend): void {
    this.#waiting.add(send)
  }

  /** The one that came last of those that wait. */
  get lastWaiting(): WaitingSend | undefined {
    return this.#waiting.last
  }

  /** More has joined one that waits. */
  waitingGrew(messages: number, bytes: number): void {
    this.#waiting.grew(messages, bytes)
  }

  /** Lets those that wait write what there is room for. */
  runWaiting(): void {
    if (!this.#waiting.empty) this.#waiting.run(this.#hasRoom)
    this.#tellDrained()
  }

  /** It is not to be written any more. */
  giveUp(send: WaitingSend, reason: unknown): void {
    this.#waiting.remove(send, reason)
    this.runWaiting()
  }

  giveUpAll(reason: unknown): void {
    this.#waiting.rejectAll(reason)
    this.#tellDrained()
  }

  drained(): Promise<void> {
    if (this.empty) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  #tellDrained(): void {
    if (this.#drained.length > 0 && this.empty) for (const resolve of this.#drained.splice(0)) resolve()
  }
}
