// A producer: records in, delivery reports back. Nothing crosses per record: see record-writer.ts, delivery-report.ts.
import type { Writable } from 'node:stream'
import { binding, Dispatch, type NativeProducer } from './binding.js'
import { Client, type ClientOptions, closedError, type OperationOptions, settlesWithin } from './client.js'
import {
  checkClientOptions,
  checkFlag,
  checkObject,
  checkOptions,
  checkTimed,
  refuseClose,
  signalOf,
} from './client-check.js'
import { effective, type ProducerConfig, prepareConfig, prepareTopicConfig, type TopicConfig } from './config.js'
import type { DeliveryReport, DeliveryReports } from './delivery-report.js'
import { KafkaError } from './errors.js'
import type { ConsumerGroupMetadata } from './group-metadata.js'
import type { TopicPartitionOffset } from './offset.js'
import { type Balancer, Balancing } from './producer-balancer.js'
import { type CoreHost, ProducerCore } from './producer-core.js'
import { markTaken, type Taken } from './producer-marks.js'
import { type ProducerLength, ProducerQueue } from './producer-queue.js'
import { type WritableOptions, writableOf } from './producer-writable.js'
import type { BatchRecord, ProducerRecord } from './record.js'
import { RecordWriter } from './record-writer.js'
import { runTransaction, type Transaction } from './transaction.js'
import { type TransactionCounts, Transactions } from './transactions.js'

/** Program values of a producer. */
export interface ProducerOptions extends ClientOptions {
  /** Gets the reports of `produce`, in bulk. `send` and `sendBatch` give theirs to whoever awaits them. */
  onDelivery?: (reports: DeliveryReports) => void
  /**
   * Chooses the partition of each record that names none, instead of `partitioner`: `roundRobin()`, `leastBytes()` or a
   * function of one's own. How many partitions there are is asked of a broker with the first record for a topic, and
   * again every five seconds (`topic.metadata.refresh.interval.ms` if that is less) while there are records for it.
   */
  balancer?: Balancer
  /** Properties of single topics, such as `acks` or `message.timeout.ms`. */
  topics?: Readonly<Record<string, TopicConfig>>
}

const hasRoom = Promise.resolve()
const defaultFlushTimeout = 60_000
const defaultCloseTimeout = 30_000
// Milliseconds. Others, close() among them, have their turn after so much of a flush.
const flushSlice = 50
// A timer takes no Infinity.
const longWait = 1_000_000_000

/**
 * Sends records to Kafka. Construction does not block and connects in the background.
 *
 * ```ts
 * await using producer = new Producer({ 'bootstrap.servers': 'localhost:9092' })
 * const { partition, offset } = await producer.send({ topic: 'orders', key: 'a', value: 'b' })
 * ```
 *
 * The constructor throws a KafkaError `_INVALID_ARG` that names the property for a configuration that is not accepted.
 */
export class Producer extends Client<NativeProducer> implements AsyncDisposable {
  readonly #queue: ProducerQueue
  readonly #core: ProducerCore
  readonly #transactions: Transactions
  #closing: Promise<void> | undefined

  constructor(config: ProducerConfig, options: ProducerOptions = {}) {
    checkClientOptions(options, 'Producer', ['onDelivery', 'balancer'], ['topics'])
    if (options.topics !== undefined) checkObject(options.topics, 'Producer: topics')
    const entries = prepareConfig('producer', config, { tokenProvider: options.tokenProvider !== undefined }).flat()
    const values = effective('producer', config)
    super((dispatch) => new binding.Producer(entries, dispatch), values['client.id'] ?? 'producer', options)
    this.resources = { TRANSACTIONAL_ID_AUTHORIZATION_FAILED: values['transactional.id'] ?? '' }
    const maxMessages = values['queue.buffering.max.messages'] || Number.MAX_SAFE_INTEGER
    const maxBytes = values['queue.buffering.max.kbytes'] * 1024
    this.#queue = new ProducerQueue(this.native, maxMessages, maxBytes)
    const writer = new RecordWriter(this.native, values['message.max.bytes'], maxBytes)
    this.#transactions = new Transactions({
      id: values['transactional.id'],
      timeout: values['transaction.timeout.ms'],
      name: this.name,
      native: this.native,
      assertOpen: () => this.assertOpen(),
      closed: () => this.closed,
      command: (send) => this.command(send),
      writeOut: () => writer.flush(),
      unreported: () => this.#queue.length.messages,
      waiting: () => !this.#queue.nobodyWaits,
      dropWaiting: (error) => this.#queue.giveUpAll(error),
    })
    this.#core = new ProducerCore(this.#coreHost(options), writer, this.#queue)
    const { balancer } = options
    if (balancer) this.#core.balancing = this.#balancing(balancer, values['topic.metadata.refresh.interval.ms'])
    for (const [topic, topicConfig] of Object.entries(options.topics ?? {})) {
      this.#core.addTopic(topic, prepareTopicConfig('producer', topicConfig).flat())
    }
  }

  #coreHost({ onDelivery }: ProducerOptions): CoreHost {
    const transactions = this.#transactions
    const transactional = transactions.id !== null
    return {
      name: this.name,
      native: this.native,
      onDelivery,
      assertWritable: () => {
        this.assertOpen()
        if (transactional) transactions.assertOpenForRecords()
      },
      recordFailed: (error) => transactions.deliveryFailed(error),
      explain: (error) => this.explain(error),
      answered: () => this.answered(),
    }
  }

  #balancing(balancer: Balancer, refreshInterval: number): Balancing {
    const closed = () => this.closed
    const source = {
      countPartitions: (topic: number, timeout: number) =>
        this.command<number>((id) => this.native.countPartitions(id, topic, timeout)),
      get closed() {
        return closed()
      },
      onCount: () => this.#queue.runWaiting(),
    }
    return new Balancing(balancer, source, refreshInterval)
  }

  /** Messages and bytes that have no report yet: in the queue, in flight, or waiting for room. */
  get length(): ProducerLength {
    return this.#queue.length
  }

  /**
   * Takes a record and returns at once (rd_kafka_produceva). Its report goes to `onDelivery`.
   *
   * Throws KafkaError: `_QUEUE_FULL` when `queue.buffering.max.messages` or `.kbytes` is reached, the one to handle
   * here; `_INVALID_ARG` or `MSG_SIZE_TOO_LARGE` for the record; `_STATE` when closed.
   */
  produce(record: ProducerRecord): void {
    this.#core.produce(record)
  }

  /**
   * Sends a record; waits for room in the queue, then for the report.
   *
   * Resolves with the report. Rejects with the delivery's KafkaError, or with the signal's reason: a record that was
   * already taken may still be delivered then.
   */
  send(record: ProducerRecord, options?: { signal?: AbortSignal }): Promise<DeliveryReport> {
    return this.#core.send(record, options)
  }

  /**
   * Sends records to one topic, or records that name their topics. One promise for all; it resolves when each has its
   * report, in the order of the records. Failures are values (`reports.failures`), not a rejection.
   *
   * Rejects only when the producer is closed or the signal aborts.
   */
  sendBatch(
    topic: string,
    records: readonly BatchRecord[],
    options?: { signal?: AbortSignal },
  ): Promise<DeliveryReports>
  sendBatch(records: readonly ProducerRecord[], options?: { signal?: AbortSignal }): Promise<DeliveryReports>
  sendBatch(
    first: string | readonly ProducerRecord[],
    second?: readonly BatchRecord[] | { signal?: AbortSignal },
    third?: { signal?: AbortSignal },
  ): Promise<DeliveryReports> {
    if (typeof first !== 'string') {
      return this.#core.sendBatch(undefined, first, second as { signal?: AbortSignal } | undefined)
    }
    return this.#core.sendBatch(first, second as readonly BatchRecord[], third)
  }

  /**
   * Waits until every message taken so far has its report (rd_kafka_flush), whatever is taken meanwhile: `linger.ms` is
   * ignored until then. `timeout` in milliseconds, a minute without one. Holds up no other call. Rejects with KafkaError
   * `_TIMED_OUT` when some of them are left, or with the signal's reason.
   */
  async flush(options: OperationOptions = {}): Promise<void> {
    this.assertOpen()
    const { timeout = defaultFlushTimeout, signal } = checkTimed(options, 'flush')
    signal?.throwIfAborted()
    if (!(await this.#flush(timeout, signal))) {
      throw new KafkaError('_TIMED_OUT', `${this.length.messages} messages are not delivered after ${timeout} ms`, {
        retriable: true,
      })
    }
  }

  async #flush(timeout: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeout
    // A balancer has called it, in the middle of a batch.
    if (this.#core.balancing?.choosing) await undefined
    const taken = markTaken(this.#queue, this.#core.pending.marks)
    try {
      while (!taken.done) {
        const left = Math.min(Math.max(0, deadline - performance.now()), longWait)
        await this.#flushSlice(taken, left, signal)
        if (left === 0) return taken.done
      }
      return true
    } finally {
      taken.forget()
    }
  }

  /** Lingering records go while a slice lasts, of which one begins where the other ends; until it is over, or all is reported. */
  async #flushSlice(taken: Taken, left: number, signal?: AbortSignal): Promise<void> {
    this.#core.writer.flush()
    const slice = Math.ceil(Math.min(left, flushSlice))
    const flushed = this.command<boolean>((id) => this.native.flush(id, slice), signal)
    const over = Promise.race([flushed, taken.reported])
    // The addon may have something else to wait for first.
    if (!(await settlesWithin(over, left + flushSlice))) return
    // All that is left waits for its topic's partitions to be known.
    if ((await over) && this.#queue.messages === 0) await settlesWithin(taken.reported, Math.min(left, flushSlice))
  }

  /**
   * Gives up messages (rd_kafka_purge): those waiting in the queue, those on their way to a broker, or both, which is
   * the default. Each gets its report, with the error `_PURGE_QUEUE` or `_PURGE_INFLIGHT`. Sends that wait for room are
   * part of the queue.
   */
  async purge(options: { queue?: boolean; inflight?: boolean } = {}): Promise<void> {
    this.assertOpen()
    const { queue = true, inflight = true } = checkOptions(options, 'purge', ['queue', 'inflight'])
    checkFlag(queue, 'purge: queue')
    checkFlag(inflight, 'purge: inflight')
    this.#core.writer.flush()
    if (queue) this.#queue.giveUpAll(new KafkaError('_PURGE_QUEUE'))
    const flags = (queue ? 1 : 0) | (inflight ? 2 : 0)
    if (flags !== 0) await this.command<void>((id) => this.native.purge(id, flags))
  }

  /**
   * A Node stream into this producer, with back-pressure: for `pipeline()`. Chunks are records, or values when a `topic`
   * is given. The stream finishes when each record has its report; a delivery that fails destroys it with its error.
   *
   * ```ts
   * await pipeline(createReadStream('flights.ndjson'), split2(), producer.writable({ topic: 'flights' }))
   * ```
   */
  writable<Chunk = unknown>(options: WritableOptions<Chunk> = {}): Writable {
    this.assertOpen()
    checkOptions(options, 'writable', ['topic', 'key', 'value', 'headers', 'highWaterMark'])
    return writableOf({ send: (record) => this.send(record), roomOrWait: () => this.#core.roomOrWait() }, options)
  }

  // --- Transactions

  /**
   * Once, before the first transaction: ends what an earlier producer with this `transactional.id` has left open, and
   * fences that producer. `timeout` in milliseconds, twice `transaction.timeout.ms` without one.
   *
   * Rejections of the five calls: `error.fatal`: close this producer; `error.txnRequiresAbort`: call abortTransaction();
   * `error.retriable`: call the same again, which goes on with it. The message says so, too.
   */
  initTransactions(options?: OperationOptions): Promise<void> {
    return this.#transactions.init(options)
  }

  /** What is produced from here on is part of the transaction. */
  beginTransaction(options?: OperationOptions): Promise<void> {
    return this.#transactions.begin(options)
  }

  /**
   * Commits a consumer's offsets (each that of the next message to read) with the transaction. What has been produced is
   * flushed first. `timeout` in milliseconds, `transaction.timeout.ms` without one; so for the calls below.
   */
  sendOffsetsToTransaction(
    offsets: readonly TopicPartitionOffset[],
    groupMetadata: ConsumerGroupMetadata,
    options?: OperationOptions,
  ): Promise<void> {
    return this.#transactions.sendOffsets(offsets, groupMetadata, options)
  }

  /** Flushes and commits. Rejects with `_INCONSISTENT` (abort then) when a message of the transaction failed. */
  commitTransaction(options?: OperationOptions): Promise<void> {
    return this.#transactions.commit(options)
  }

  /** Gives the transaction up, with what waits to be sent: those messages are reported with `_PURGE_QUEUE`. */
  abortTransaction(options?: OperationOptions): Promise<void> {
    return this.#transactions.abort(options)
  }

  /**
   * Runs a function in a transaction: commits when it returns (or resolves), with its result; aborts when it throws, when
   * the signal aborts, or when anything sent in it failed, awaited or not, and rejects with that error. Calls that fail
   * with a retriable error are repeated for `timeout` milliseconds (`transaction.timeout.ms` without one) each.
   *
   * ```ts
   * await producer.transaction(async (tx) => {
   *   await tx.send({ topic: 'ledger', key: from, value: debit })
   *   await tx.sendOffsets(consumer)
   * })
   * ```
   */
  transaction<T>(body: (tx: Transaction) => T | Promise<T>, options?: OperationOptions): Promise<T> {
    return runTransaction(this, this.#transactions, body, options)
  }

  /** How many transactions it has committed and aborted; null without a `transactional.id`. Answers at once, also when closed. */
  get transactionCounts(): TransactionCounts | null {
    return this.#transactions.id === null ? null : this.#transactions.counts
  }

  /** @internal Whether a transaction can begin. */
  get transactionReady(): boolean {
    return this.#transactions.phase === 'ready' && !this.closed && !this.fatalError
  }

  /**
   * The reports of `produce` from here on, in batches: another way to what `onDelivery` gets. Ends when the producer is
   * closed and all is read. While as many reports as `queue.buffering.max.messages` are not read, `produce` throws
   * `_QUEUE_FULL`.
   *
   * ```ts
   * for await (const reports of producer.deliveries()) failed += reports.failures.length
   * ```
   */
  deliveries(): AsyncIterableIterator<DeliveryReports> {
    return this.#core.readers.open()
  }

  /**
   * Resolves when the queue has room for a record (`queue.buffering.max.messages`, `.kbytes`) that does not have to wait:
   * at once if that is so now. For a loop that sends as fast as it reads, in bounded memory: only a full queue holds it up.
   *
   * ```ts
   * for await (const line of createReadStream('flights.ndjson').pipe(split2())) {
   *   await producer.room()
   *   producer.send({ topic: 'flights', value: line }).catch(() => failed++)
   * }
   * await producer.flush()
   * ```
   *
   * Rejects with KafkaError `_STATE` when closed, or with the signal's reason.
   */
  room(options?: { signal?: AbortSignal }): Promise<void> {
    try {
      this.assertOpen()
      const signal = signalOf(options, 'room')
      signal?.throwIfAborted()
      const wait = this.#core.roomOrWait(signal)
      return wait ? wait.catch((error) => this.#roomAfter(error, signal)) : hasRoom
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** What waited has been given up: by a purge or an abort, which makes room, by the signal, or for good. */
  #roomAfter(error: unknown, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted()
    this.assertOpen()
    if (!(error instanceof KafkaError)) throw error
  }

  /** Resolves when nothing waits for a report any more; at once if that is so now. */
  drained(): Promise<void> {
    return this.#queue.drained()
  }

  /**
   * Flushes for up to `timeout` milliseconds (30 s without one), gives up what is left then, with a report for each,
   * and stops. An open transaction is aborted; a commit that timed out is resumed. Settles within the timeout, in every state; further calls return the same promise.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    if (!this.#closing) {
      const refused = refuseClose(options)
      if (refused) return refused
      this.#closing = this.#close(options.timeout ?? defaultCloseTimeout)
    }
    return this.#closing
  }

  async #close(timeout: number): Promise<void> {
    try {
      await this.closeOnce(timeout, async () => {
        // Some of the time is kept for giving up what is left, which is reported too.
        const flushing = timeout - Math.min(timeout / 5, 1000)
        if (this.#transactions.id !== null) await settlesWithin(this.#transactions.endForClose(flushing), flushing)
        else if (!this.#queue.empty) await settlesWithin(this.#flush(flushing), flushing)
        this.#queue.giveUpAll(closedError(this.name))
      })
    } finally {
      // Only when librdkafka did not stop in time is there anything left.
      this.#core.closed(new KafkaError('_DESTROY', `${this.name} was closed before the report came`))
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected override dispatch(kind: number, a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (kind === Dispatch.delivery) this.#core.reportsArrived()
    else if (kind === Dispatch.slabFree) this.#core.writer.released(a as number)
    else if (kind === Dispatch.command) this.#core.afterReports(() => super.dispatch(kind, a, b, c, d))
    else super.dispatch(kind, a, b, c, d)
  }
}
