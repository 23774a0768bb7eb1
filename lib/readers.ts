// The iterators over a consumer. Hand-written: an async function* in this path costs a quarter of the rate.
import type { Consumer } from './consumer.js'
import type { ReadingOwner } from './consumer-reading.js'
import { KafkaError } from './errors.js'
import type { Inbox } from './inbox.js'
import { Message, type MessageSlab } from './message.js'
import { MessageBatch, type Rows } from './message-batch.js'
import { nameOf, type TopicPartition, type TopicPartitionOffset } from './offset.js'

export interface BatchOptions {
  /** The most messages of a batch. */
  max?: number
  /** Milliseconds from the first message until the batch is handed out however full it is. 0 without it. */
  timeout?: number
  /** The most bytes (keys and values) of a batch; one message may be larger. */
  maxBytes?: number
  signal?: AbortSignal
}

// With a timeout and no max, a batch would grow as long as there are messages.
const defaultMax = 10_000
const done = { done: true, value: undefined } as const

abstract class Reader<T> implements AsyncIterableIterator<T>, ReadingOwner {
  protected readonly consumer: Consumer
  protected readonly inbox: Inbox
  protected readonly signal: AbortSignal | undefined
  readonly #interrupt = () => this.consumer.interrupt()
  #asking: Promise<unknown> | undefined
  #acquired = false

  // ReadingOwner
  readonly atEnd: ReadingOwner['atEnd']
  readonly byHand: boolean
  ending: Promise<unknown> | undefined

  constructor(consumer: Consumer, inbox: Inbox, signal: AbortSignal | undefined, owner: ReadingOwner = {}) {
    this.atEnd = owner.atEnd
    this.byHand = owner.byHand ?? false
    this.consumer = consumer
    this.inbox = inbox
    this.signal = signal
    signal?.addEventListener('abort', this.#interrupt, { once: true })
  }

  abstract next(): Promise<IteratorResult<T>>
  protected abstract take(): Promise<T | undefined>

  /** What the fast path cannot answer. Calls that do not await each other get their answers in turn. */
  protected ask(): Promise<IteratorResult<T>> {
    const asking = this.#asking ? this.#asking.then(() => this.#ask()) : this.#ask()
    const settled = asking
      .catch(() => {})
      .finally(() => {
        if (this.#asking === settled) this.#asking = undefined
      })
    this.#asking = settled
    return asking
  }

  async #ask(): Promise<IteratorResult<T>> {
    try {
      if (!this.#acquired) {
        if (this.consumer.closed && !this.consumer.fatalError) return done
        await this.consumer.acquire(this, this.signal)
        this.#acquired = true
      }
      const value = await this.take()
      if (value !== undefined) return { done: false, value }
    } catch (error) {
      this.#release()
      throw error
    }
    this.#release()
    return done
  }

  /** `break`: the consumer is free for another reader; the message in hand counts as handled when that one asks. */
  async return(): Promise<IteratorResult<T>> {
    this.#release()
    return done
  }

  #release(): void {
    this.signal?.removeEventListener('abort', this.#interrupt)
    this.consumer.release(this)
    this.#acquired = false
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** @internal */
export class MessageReader extends Reader<Message> {
  // Whether the rows at hand are this reader's to give out.
  #reading = false

  override next(): Promise<IteratorResult<Message>> {
    const { inbox } = this
    if (inbox.row < inbox.limit && this.#reading) {
      return Promise.resolve({ done: false, value: new Message(inbox.slab as MessageSlab, inbox.row++) })
    }
    return this.ask()
  }

  protected override async take(): Promise<Message | undefined> {
    this.#reading = false
    if (!(await this.consumer.ask(Number.POSITIVE_INFINITY, this.signal))) return undefined
    this.#reading = true
    this.consumer.inHand = 1
    return new Message(this.inbox.slab as MessageSlab, this.inbox.row++)
  }

  override return(): Promise<IteratorResult<Message>> {
    this.#reading = false
    return super.return()
  }
}

/** @internal */
export class BatchReader extends Reader<MessageBatch> {
  readonly #max: number
  readonly #timeout: number
  readonly #maxBytes: number
  // The batch that is being made.
  #ranges: Rows[] = []
  #count = 0
  #bytes = 0

  constructor(consumer: Consumer, inbox: Inbox, options: BatchOptions) {
    super(consumer, inbox, options.signal)
    this.#timeout = positive(options.timeout, 'timeout', 0, 0)
    this.#max = positive(options.max, 'max', 1, this.#timeout > 0 ? defaultMax : Number.MAX_SAFE_INTEGER)
    this.#maxBytes = positive(options.maxBytes, 'maxBytes', 1, Number.MAX_SAFE_INTEGER)
  }

  override next(): Promise<IteratorResult<MessageBatch>> {
    return this.ask()
  }

  protected override async take(): Promise<MessageBatch | undefined> {
    for (;;) {
      if (!(await this.consumer.ask(Number.POSITIVE_INFINITY, this.signal))) return undefined
      await this.#fill()
      const ranges = this.#ranges
      this.#ranges = []
      if (ranges.length > 0) return new MessageBatch(ranges)
    }
  }

  async #fill(): Promise<void> {
    const deadline = performance.now() + this.#timeout
    let taken = 0
    this.#count = 0
    this.#bytes = 0
    do {
      // An empty batch takes a message however large it is.
      const atLeast = this.#count > 0 ? 0 : 1
      const rows = this.inbox.take(this.#max - this.#count, this.#maxBytes - this.#bytes, atLeast)
      if (rows.to === rows.from) break
      this.#ranges.push(rows)
      this.#measure(rows)
      taken += rows.to - rows.from
      this.consumer.inHand = taken
    } while (
      this.#timeout > 0 &&
      this.#count < this.#max &&
      this.#bytes < this.#maxBytes &&
      (await this.#more(deadline))
    )
  }

  #measure(rows: Rows): void {
    this.#count += rows.to - rows.from
    if (this.#maxBytes !== Number.MAX_SAFE_INTEGER) this.#bytes += bytesOf(rows)
  }

  /** ReadingOwner: what was paused or sought while a batch is being made is not handed out with it. */
  retract(partitions: readonly TopicPartition[] | null): TopicPartitionOffset[] {
    const names = partitions && new Set(partitions.map(nameOf))
    const first = new Map<string, TopicPartitionOffset>()
    const ranges = this.#ranges
    this.#ranges = []
    this.#count = 0
    this.#bytes = 0
    for (const rows of ranges) {
      for (const kept of without(rows, names, first)) {
        this.#ranges.push(kept)
        this.#measure(kept)
      }
    }
    return [...first.values()]
  }

  /** Whether there is more for the batch begun. An aborted signal does not lose what is in it. */
  async #more(deadline: number): Promise<boolean> {
    try {
      return await this.consumer.more(deadline, this.signal)
    } catch {
      return false
    }
  }
}

/** The rows but for those of the named partitions, or of all, which nobody was handed; `first` gets the first of each. */
function without(
  { slab, from, to }: Rows,
  names: Set<string> | null,
  first: Map<string, TopicPartitionOffset>,
): Rows[] {
  const kept: Rows[] = []
  for (let row = from; row < to; row++) {
    const { topic, partition } = slab.slots[slab.slot(row)]
    const name = nameOf({ topic, partition })
    if (names && !names.has(name)) {
      const last = kept.at(-1)
      if (last?.to === row) last.to++
      else kept.push({ slab, from: row, to: row + 1 })
      continue
    }
    slab.forget(row)
    if (!first.has(name)) first.set(name, { topic, partition, offset: slab.offset(row) })
  }
  return kept
}

function bytesOf({ slab, from, to }: Rows): number {
  let bytes = 0
  for (let row = from; row < to; row++) bytes += slab.size(row)
  return bytes
}

function positive(value: number | undefined, name: string, least: number, fallback: number): number {
  if (value === undefined) return fallback
  if (typeof value === 'number' && value >= least) return value
  throw new KafkaError('_INVALID_ARG', `${name} of batches() is a number from ${least}; got ${String(value)}`)
}
