// odradek/pipeline: consume, transform, produce, exactly once.
import { guard } from './client.js'
import { Consumer } from './consumer.js'
import { type ErrorCode, KafkaError } from './errors.js'
import type { Message } from './message.js'
import type { MessageBatch } from './message-batch.js'
import type { TopicPartition } from './offset.js'
import { PipelineCounters, type PipelineMetrics } from './pipeline-metrics.js'
import { type ExactlyOnceOptions, type PipelineSettings, settingsOf } from './pipeline-options.js'
import { PipelineProducer } from './pipeline-producer.js'
import type { ProducerRecord } from './record.js'
import type { Transaction } from './transaction.js'

export type { PipelineMetrics } from './pipeline-metrics.js'
export type {
  ExactlyOnceOptions,
  PipelineConfig,
  PipelineTransaction,
  PoisonPolicy,
  Transform,
  TransformContext,
} from './pipeline-options.js'

/** What `transform` threw, so that it is told from what Kafka did. */
class TransformError extends Error {
  constructor(override readonly cause: unknown) {
    super('transform failed')
  }
}

/**
 * Reads topics, makes records of the messages and writes them, exactly once: each batch is a transaction that holds the
 * records and the offsets. Resolves, with what it has done, when the signal aborts; rejects when it cannot go on.
 *
 * ```ts
 * await exactlyOnce({
 *   config: { 'bootstrap.servers': brokers }, group: 'delays', topics: ['flights'],
 *   transform: (batch) => batch.map((m) => ({ topic: 'delays', key: m.key, value: summarize(m.json()) })),
 *   signal,
 * })
 * ```
 */
export async function exactlyOnce(options: ExactlyOnceOptions): Promise<PipelineMetrics> {
  return await new Pipeline(options).run()
}

/** The same as an object, whose `metrics` can be looked at while it runs. */
export class Pipeline {
  readonly #settings: PipelineSettings
  readonly #counters = new PipelineCounters()
  readonly #producer: PipelineProducer
  readonly #signal: AbortSignal
  #consumer: Consumer | undefined
  #failures = 0
  #running = false

  constructor(options: ExactlyOnceOptions) {
    this.#settings = settingsOf(options)
    this.#producer = new PipelineProducer(this.#settings)
    this.#signal = options.signal ?? new AbortController().signal
  }

  get metrics(): PipelineMetrics {
    return { ...this.#counters, producersReplaced: this.#producer.replaced, latency: { ...this.#counters.latency } }
  }

  /** See exactlyOnce. Once. */
  async run(): Promise<PipelineMetrics> {
    if (this.#running) throw new KafkaError('_STATE', 'a pipeline runs once: make another')
    this.#running = true
    try {
      // Before the group is joined, so that no partition waits for it.
      await this.#attempt(() => this.#producer.ready(this.#signal))
      if (!this.#signal.aborted) await this.#read()
    } catch (error) {
      if (!this.#signal.aborted || error !== this.#signal.reason) throw error
    } finally {
      // The consumer last: what follows in its group finds no open transaction.
      await this.#producer.close()
      await this.#consumer?.close().catch((error) => this.#report(error))
    }
    return this.metrics
  }

  async #read(): Promise<void> {
    const { consumer: config, options, maxBatch, maxLatency } = this.#settings
    const { logger, onStatistics, tokenProvider, onRevoked, onLost } = options
    const onError = (error: unknown) => this.#report(error)
    // Where to start is the group's to say: what the hook returns is not passed on.
    const onAssigned = async (partitions: TopicPartition[]) => void (await options.onAssigned?.(partitions))
    const hooks = { onAssigned, onRevoked, onLost }
    const consumer = new Consumer(config, { logger, onStatistics, tokenProvider, onError, ...hooks })
    this.#consumer = consumer
    await consumer.subscribe(options.topics)
    // A rebalance waits until the next batch is asked for: the transaction is over by then, either way.
    for await (const batch of consumer.batches({ max: maxBatch, timeout: maxLatency, signal: this.#signal })) {
      try {
        await this.#process(batch)
        this.#failures = 0
      } catch (error) {
        await this.#failed(error)
        // First the outcome of what was cut off: the group is where that leaves it, and tells nobody until then.
        await this.#attempt(() => this.#producer.ready(this.#signal))
        // To where the group is, with whatever was fetched from here on dropped.
        await this.#attempt(() => consumer.rewind({ signal: this.#signal }))
      }
      if (this.#signal.aborted) break
    }
    if (consumer.fatalError) throw consumer.fatalError
  }

  async #process(batch: MessageBatch): Promise<void> {
    try {
      await this.#transact(batch, (tx) => this.#transform(batch, tx))
    } catch (error) {
      if (!(error instanceof TransformError) || this.#settings.poison === 'fail') throw error
      // It may be the stop that transform minds, not a message: what is not committed is for the next run.
      if (this.#signal.aborted) throw this.#signal.reason
      if (batch.length === 1) return await this.#giveUp(batch, error.cause)
      // Which message it is shows in ever smaller transactions.
      for (const half of batch.halves()) await this.#process(half)
    }
  }

  async #giveUp(batch: MessageBatch, error: unknown): Promise<void> {
    const letter = this.#deadLetter(batch.at(0) as Message, error)
    await this.#transact(batch, async () => [letter])
    this.#counters.deadLettered++
  }

  async #transform(batch: MessageBatch, tx: Transaction): Promise<ProducerRecord[]> {
    const { transform } = this.#settings.options
    try {
      const records = await transform(batch, { tx, signal: this.#signal })
      return records ? [...records] : []
    } catch (error) {
      // What it has awaited of the transaction is Kafka's failure, which may pass, unless it is the record's.
      if (error instanceof KafkaError && !impossible.has(error.code)) throw error
      throw new TransformError(error)
    }
  }

  /** One transaction with the records and the batch's offsets. */
  async #transact(batch: MessageBatch, make: (tx: Transaction) => Promise<ProducerRecord[]>): Promise<void> {
    const from = performance.now()
    const producer = await this.#producer.ready(this.#signal)
    let records = 0
    const ended = (committed: boolean, error: unknown) => {
      const latency = performance.now() - from
      const transaction = { committed, messages: batch.length, records, latency, error }
      this.#counters.count(transaction)
      guard(() => this.#settings.options.onTransaction?.(transaction))
    }
    try {
      await producer.transaction(async (tx) => {
        tx.reserve(this.#settings.options.group)
        const made = await make(tx)
        records = made.length
        if (records > 0) void tx.sendBatch(made)
        // The batch's own: it may be a part of what the consumer has handed out. Not awaited: see Transaction.sendOffsets.
        void tx.sendOffsets(batch.offsets(), this.#consumer as Consumer)
      })
    } catch (thrown) {
      const error = impossibleRecord(thrown) ?? thrown
      ended(false, error instanceof TransformError ? error.cause : error)
      throw error
    }
    ended(true, undefined)
  }

  #deadLetter(message: Message, error: unknown): ProducerRecord {
    const { deadLetter } = this.#settings.poison as Exclude<PipelineSettings['poison'], 'fail'>
    if (typeof deadLetter === 'function') return deadLetter(message, error)
    const headers = [
      ...message.headers,
      ['dead-letter.topic', message.topic],
      ['dead-letter.partition', String(message.partition)],
      ['dead-letter.offset', String(message.offset)],
      ['dead-letter.error', error instanceof Error ? `${error.name}: ${error.message}` : String(error)],
    ] as [string, string | Buffer | null][]
    return { topic: deadLetter, key: message.key, value: message.value, headers }
  }

  // --- When something fails

  /** Repeats what fails, until it is clear that it never will succeed. */
  async #attempt<T>(action: () => Promise<T>): Promise<T | undefined> {
    while (!this.#signal.aborted) {
      try {
        return await action()
      } catch (error) {
        await this.#failed(error)
      }
    }
    return undefined
  }

  /** Waits before the next attempt; throws when there should be none. */
  async #failed(error: unknown): Promise<void> {
    const { attempts, backoff } = this.#settings
    if (error instanceof TransformError) throw error.cause
    // Told to stop, which is what this promise waits for.
    if (this.#signal.aborted && error === this.#signal.reason) throw error
    // Not Kafka's: the program's.
    if (!(error instanceof KafkaError) || error.code === '_INVALID_ARG') throw error
    if (!this.#producer.survives(error)) throw error
    if (this.#consumer?.fatalError) throw this.#consumer.fatalError
    if (++this.#failures >= attempts) {
      const message = `the pipeline gives up after ${attempts} failing attempts in a row; the last: ${error.message}`
      throw new KafkaError(error.code, message, { cause: error })
    }
    this.#report(error)
    // With a random part: instances that failed together do not come back together.
    const delay = Math.min(backoff.max, backoff.initial * 2 ** (this.#failures - 1)) * (0.5 + Math.random() / 2)
    await sleep(delay, this.#signal)
  }

  #report(error: unknown): void {
    guard(() => this.#settings.options.onError?.(error))
  }
}

// Of records that no attempt could ever deliver; a broker refuses what came with one in a request, too.
const impossible = new Set<ErrorCode>([
  '_INVALID_ARG',
  'MSG_SIZE_TOO_LARGE',
  '_UNKNOWN_PARTITION',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  '_INVALID_DIFFERENT_RECORD',
])

/** A record that cannot be produced is transform's fault, as if it had thrown. */
function impossibleRecord(error: unknown): TransformError | undefined {
  const { code, cause } = error as Partial<KafkaError>
  if (code !== '_INCONSISTENT' || !(cause instanceof KafkaError) || !impossible.has(cause.code)) return undefined
  return new TransformError(cause)
}

/** Ends early, without an error, when the signal aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}
