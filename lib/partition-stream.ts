// One partition's messages, for a handler of its own: what partition-streams.ts gives out.
import type { Message } from './message.js'
import type { TopicPartition, TopicPartitionOffset } from './offset.js'

type Result = IteratorResult<Message>
const done = { done: true, value: undefined } as const

/**
 * The messages of one assigned partition, in order. It ends when the partition is taken away, when the consumer closes,
 * and when the iteration that gave it out is left; it rejects with the error that ended that. A message counts as handled
 * when the next one is asked for; with `break` nothing more is read of the partition until it is assigned anew.
 */
export class PartitionStream implements AsyncIterableIterator<Message>, TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly #taken: (stream: PartitionStream) => void
  readonly #waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void }[] = []
  #queue: Message[] = []
  // The next of the queue: shifting an array costs by its length.
  #head = 0
  #inHand: Message | undefined
  // The offset after what was handed out last; of a stream that ended before, the first that it got.
  #after: number | undefined
  #handled: TopicPartitionOffset | undefined
  #ended = false
  #error: unknown
  #drained: (() => void) | undefined
  /** @internal Resolves when it has ended and its handler is through with the last message. */
  readonly drained: Promise<void>
  /** @internal Since when the handler is busy with a message. */
  busySince: number | undefined
  /** @internal Whether reading of the partition has been stopped because its handler does not keep up. */
  paused = false

  /** @internal */
  constructor({ topic, partition }: TopicPartition, taken: (stream: PartitionStream) => void) {
    this.topic = topic
    this.partition = partition
    this.#taken = taken
    this.drained = new Promise((resolve) => {
      this.#drained = resolve
    })
  }

  next(): Promise<Result> {
    if (this.#inHand) {
      const { topic, partition, offset, leaderEpoch } = this.#inHand
      this.#handled = { topic, partition, offset: offset + 1, leaderEpoch }
      this.#through()
    }
    if (this.#head < this.#queue.length) return Promise.resolve({ done: false, value: this.#take() })
    if (!this.#ended) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const error = this.#error
    this.#error = undefined
    return error === undefined ? Promise.resolve(done) : Promise.reject(error)
  }

  async return(): Promise<Result> {
    this.end()
    this.#through()
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): Message {
    const message = this.#queue[this.#head++]
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
    }
    this.#inHand = message
    this.#after = message.offset + 1
    this.busySince = performance.now()
    this.#taken(this)
    return message
  }

  #through(): void {
    this.#inHand = undefined
    this.busySince = undefined
    if (this.#ended) this.#drained?.()
  }

  /** @internal How many messages wait. */
  get length(): number {
    return this.#queue.length - this.#head
  }

  get ended(): boolean {
    return this.#ended
  }

  /** @internal */
  push(message: Message): void {
    if (this.#ended) {
      this.#after ??= message.offset
      return
    }
    this.#queue.push(message)
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve({ done: false, value: this.#take() })
  }

  /** @internal The first message that it got, or was left before, and that was not handed out. */
  get unread(): TopicPartitionOffset | undefined {
    const { topic, partition } = this
    const offset = this.#queue[this.#head]?.offset ?? (this.#ended ? this.#after : undefined)
    return offset === undefined ? undefined : { topic, partition, offset }
  }

  /** @internal The message that its handler is not through with. */
  get inHand(): TopicPartitionOffset | undefined {
    return this.#inHand && { topic: this.topic, partition: this.partition, offset: this.#inHand.offset }
  }

  /** @internal What its handler got through with since this was asked last: the offset after it. */
  handled(): TopicPartitionOffset | undefined {
    const handled = this.#handled
    this.#handled = undefined
    return handled
  }

  /** @internal No more messages; what waits is dropped. The one in hand may still be finished. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#after ??= this.#queue[this.#head]?.offset
    this.#queue = []
    this.#head = 0
    this.#error = error
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === undefined) resolve(done)
      else reject(error)
      this.#error = undefined
    }
    if (!this.#inHand) this.#drained?.()
  }
}
