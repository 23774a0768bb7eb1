// A producer: records in, delivery reports back. Nothing crosses per record: see record-writer.ts, delivery-report.ts.
import type { Writable } from 'node:stream'
import { binding, Dispatch, type NativeProducer } from './binding.js'
import {
  abortable,
  Client,
  type ClientOptions,
  closedError,
  guard,
  type OperationOptions,
  settlesWithin,
} from './client.js'
import { effective, type ProducerConfig, prepareConfig, prepareTopicConfig, type TopicConfig } from './config.js'
import { type DeliveryReport, DeliveryReports, ReportRows, reportOf } from './delivery-report.js'
import { KafkaError } from './errors.js'
import type { ConsumerGroupMetadata } from './group-metadata.js'
import type { TopicPartitionOffset } from './offset.js'
import { type WritableOptions, writableOf } from './producer-writable.js'
import { type BatchRecord, checkRecord, checkTopic, invalidRecord, type ProducerRecord } from './record.js'
import { RecordWriter } from './record-writer.js'
import { runTransaction, type Transaction } from './transaction.js'
import { Transactions } from './transactions.js'
import { type WaitingSend, WaitingSends } from './waiting-sends.js'

/** Program values of a producer. */
export interface ProducerOptions extends ClientOptions {
  /** Gets the reports of `produce`, in bulk. `send` and `sendBatch` give theirs to whoever awaits them. */
  onDelivery?: (reports: DeliveryReports) => void
  /** Properties of single topics, such as `acks` or `message.timeout.ms`. */
  topics?: Readonly<Record<string, TopicConfig>>
}

/** What is not reported yet. */
export interface ProducerLength {
  messages: number
  /** Key and value bytes. */
  bytes: number
}

/** Waits for reports: one for `send`, those of a batch, or the opaque of a `produce`. */
interface Pending {
  /** Null for `produce`. */
  resolve: ((reports: never) => void) | null
  reject: ((error: unknown) => void) | null
  rows: ReportRows | null
  remaining: number
  opaque: unknown
}

// Reports of `produce` without an opaque need no entry.
const bulkSlot = 0
const defaultFlushTimeout = 60_000
const defaultCloseTimeout = 30_000
const noTimeout = 0x7fffffff
const one = () => 1
const none = () => 0

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
  readonly #options: ProducerOptions
  readonly #writer: RecordWriter
  readonly #maxMessages: number
  readonly #maxBytes: number
  readonly #topicIds = new Map<string, number>()
  readonly #topicNames: string[] = []
  readonly #pending: (Pending | undefined)[] = [undefined]
  readonly #freeSlots: number[] = []
  readonly #waiting = new WaitingSends()
  readonly #drained: (() => void)[] = []
  readonly #transactions: Transactions
  readonly #transactional: boolean
  #messages = 0
  #bytes = 0

  constructor(config: ProducerConfig, options: ProducerOptions = {}) {
    const entries = prepareConfig('producer', config, { tokenProvider: options.tokenProvider !== undefined }).flat()
    const values = effective('producer', config)
    super((dispatch) => new binding.Producer(entries, dispatch), values['client.id'] ?? 'producer', options)
    this.#options = options
    this.#maxMessages = values['queue.buffering.max.messages'] || Number.MAX_SAFE_INTEGER
    this.#maxBytes = values['queue.buffering.max.kbytes'] * 1024
    this.#writer = new RecordWriter(this.native, values['message.max.bytes'])
    this.#transactional = values['transactional.id'] !== null
    this.#transactions = this.#makeTransactions(values['transactional.id'], values['transaction.timeout.ms'])
    for (const [topic, topicConfig] of Object.entries(options.topics ?? {})) {
      this.#addTopic(topic, prepareTopicConfig('producer', topicConfig).flat())
    }
  }

  #makeTransactions(id: string | null, timeout: number): Transactions {
    return new Transactions({
      id,
      timeout,
      name: this.name,
      native: this.native,
      assertOpen: () => this.assertOpen(),
      command: (send) => this.command(send),
      writeOut: () => this.#writer.flush(),
      unreported: () => this.#messages + this.#waiting.messages,
      dropWaiting: (error) => this.#waiting.rejectAll(error),
    })
  }

  #assertWritable(): void {
    this.assertOpen()
    if (this.#transactional) this.#transactions.assertOpenForRecords()
  }

  /** Messages and bytes that have no report yet: in the queue, in flight, or waiting for room. */
  get length(): ProducerLength {
    return { messages: this.#messages + this.#waiting.messages, bytes: this.#bytes }
  }

  /**
   * Takes a record and returns at once (rd_kafka_produceva). Its report goes to `onDelivery`.
   *
   * Throws KafkaError: `_QUEUE_FULL` when `queue.buffering.max.messages` or `.kbytes` is reached, the one to handle
   * here; `_INVALID_ARG` or `MSG_SIZE_TOO_LARGE` for the record; `_STATE` when closed.
   */
  produce(record: ProducerRecord): void {
    this.#assertWritable()
    checkRecord(record)
    checkTopic(record.topic)
    if (!this.#hasRoom()) {
      throw new KafkaError(
        '_QUEUE_FULL',
        `${this.#messages} messages (${this.#bytes} bytes) wait for their delivery: the queue is full`,
        { retriable: true },
      )
    }
    const topic = this.#topicId(record.topic)
    if (record.opaque === undefined) {
      this.#sent(1, this.#writer.write(topic, record, bulkSlot, 0))
      return
    }
    const slot = this.#takeSlot({ resolve: null, reject: null, rows: null, remaining: 1, opaque: record.opaque })
    this.#writeOrFree(topic, record, slot)
  }

  /**
   * Sends a record; waits for room in the queue, then for the report.
   *
   * Resolves with the report. Rejects with the delivery's KafkaError, or with the signal's reason: a record that was
   * already taken may still be delivered then.
   */
  send(record: ProducerRecord, options?: { signal?: AbortSignal }): Promise<DeliveryReport> {
    const signal = options?.signal
    let waiting: WaitingSend | undefined
    const sent = new Promise<DeliveryReport>((resolve, reject) => {
      this.#assertWritable()
      checkRecord(record)
      checkTopic(record.topic)
      signal?.throwIfAborted()
      const { topic } = record
      const write = () => {
        const pending = { resolve, reject, rows: null, remaining: 1, opaque: record.opaque }
        this.#writeOrFree(this.#topicId(topic), record, this.#takeSlot(pending))
        return true
      }
      if (this.#hasRoom() && this.#waiting.empty) {
        write()
        return
      }
      waiting = { messages: one, write, reject }
      this.#waiting.add(waiting)
    })
    return signal ? abortable(sent, signal, () => waiting && this.#waiting.remove(waiting, signal.reason)) : sent
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
    if (typeof first !== 'string') return this.#sendBatch(undefined, first, second as { signal?: AbortSignal })
    return this.#sendBatch(first, second as readonly BatchRecord[], third)
  }

  #sendBatch(
    topic: string | undefined,
    records: readonly (BatchRecord & { topic?: string })[],
    options: { signal?: AbortSignal } | undefined,
  ): Promise<DeliveryReports> {
    const signal = options?.signal
    let waiting: WaitingSend | undefined
    const sent = new Promise<DeliveryReports>((resolve, reject) => {
      this.#assertWritable()
      if (!Array.isArray(records)) throw invalidRecord('sendBatch takes an array of records')
      if (topic !== undefined) checkTopic(topic)
      signal?.throwIfAborted()
      const rows = new ReportRows(records.length)
      const settle = () => resolve(this.#batchReports(rows, records))
      if (records.length === 0) return settle()
      const slot = this.#takeSlot({ resolve: settle, reject, rows, remaining: records.length, opaque: undefined })
      let next = 0
      const write = () => {
        for (; next < records.length; next++) {
          if (!this.#hasRoom()) return false
          this.#writeOfBatch(topic, records[next], slot, next)
        }
        return true
      }
      if (this.#waiting.empty && write()) return
      const failRest = (error: unknown) => {
        for (; next < records.length; next++) this.#failOfBatch(slot, next, 0, error)
      }
      waiting = { messages: () => records.length - next, write, reject: failRest }
      this.#waiting.add(waiting)
    })
    return signal ? abortable(sent, signal, () => waiting && this.#waiting.remove(waiting, signal.reason)) : sent
  }

  #writeOfBatch(
    topic: string | undefined,
    record: BatchRecord & { topic?: string },
    slot: number,
    index: number,
  ): void {
    let id = 0
    try {
      checkRecord(record)
      if (topic === undefined) checkTopic(record.topic)
      id = this.#topicId(topic ?? (record.topic as string))
      this.#sent(1, this.#writer.write(id, record, slot, index))
    } catch (error) {
      this.#failOfBatch(slot, index, id, error)
    }
  }

  #failOfBatch(slot: number, index: number, topic: number, error: unknown): void {
    const pending = this.#pending[slot] as Pending
    this.#transactions.deliveryFailed(error)
    pending.rows?.fail(
      index,
      topic,
      error instanceof KafkaError ? error : new KafkaError('_PURGE_QUEUE', String(error), { cause: error }),
    )
    if (--pending.remaining === 0) queueMicrotask(() => this.#settle(slot, pending))
  }

  #batchReports(rows: ReportRows, records: readonly BatchRecord[]): DeliveryReports {
    const opaques = records.some((record) => record?.opaque !== undefined) ? records.map((r) => r?.opaque) : undefined
    return new DeliveryReports(rows.memory, records.length, this.#topicNames, opaques, rows.errors)
  }

  /**
   * Waits until every message taken so far has its report (rd_kafka_flush): `linger.ms` is ignored meanwhile.
   * `timeout` in milliseconds, a minute without one. Rejects with KafkaError `_TIMED_OUT` when messages are left.
   */
  async flush({ timeout = defaultFlushTimeout, signal }: OperationOptions = {}): Promise<void> {
    this.assertOpen()
    if (!(await this.#flush(timeout, signal))) {
      throw new KafkaError('_TIMED_OUT', `${this.length.messages} messages are not delivered after ${timeout} ms`, {
        retriable: true,
      })
    }
  }

  async #flush(timeout: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + timeout
    for (;;) {
      this.#writer.flush()
      const left = Math.min(Math.max(0, Math.ceil(deadline - performance.now())), noTimeout)
      const flushed = await this.command<boolean>((id) => this.native.flush(id, left), signal)
      if (flushed && this.#messages === 0 && this.#waiting.empty) return true
      if (performance.now() >= deadline) return false
    }
  }

  /**
   * Gives up messages (rd_kafka_purge): those waiting in the queue, those on their way to a broker, or both, which is
   * the default. Each gets its report, with the error `_PURGE_QUEUE` or `_PURGE_INFLIGHT`. Sends that wait for room are
   * part of the queue.
   */
  async purge({ queue = true, inflight = true }: { queue?: boolean; inflight?: boolean } = {}): Promise<void> {
    this.assertOpen()
    this.#writer.flush()
    if (queue) this.#waiting.rejectAll(new KafkaError('_PURGE_QUEUE'))
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
    return writableOf({ send: (record) => this.send(record), roomOrWait: () => this.#roomOrWait() }, options)
  }

  #roomOrWait(): Promise<void> | undefined {
    if (this.#hasRoom() && this.#waiting.empty) return undefined
    return new Promise((resolve, reject) => {
      const write = () => {
        resolve()
        return true
      }
      this.#waiting.add({ messages: none, write, reject })
    })
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

  /** @internal Whether a transaction can begin. */
  get transactionReady(): boolean {
    return this.#transactions.phase === 'ready' && !this.closed && !this.fatalError
  }

  /** Resolves when nothing waits for a report any more; at once if that is so now. */
  drained(): Promise<void> {
    if (this.#messages === 0 && this.#waiting.empty) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  /**
   * Flushes for up to `timeout` milliseconds (30 s without one), gives up what is left then, with a report for each,
   * and stops. An open transaction is aborted; a commit that timed out is resumed. Settles within the timeout, in every state; further calls return the same promise.
   */
  close({ timeout = defaultCloseTimeout }: { timeout?: number } = {}): Promise<void> {
    return this.closeOnce(timeout, async () => {
      // Some of the time is kept for giving up what is left, which is reported too.
      const flushing = timeout - Math.min(timeout / 5, 1000)
      if (this.#transactional) await settlesWithin(this.#transactions.endForClose(flushing), flushing)
      else if (this.#messages > 0 || !this.#waiting.empty) await this.#flush(flushing).catch(() => false)
      this.#waiting.rejectAll(closedError(this.name))
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected override dispatch(kind: number, a: unknown, b: unknown, c: unknown, d: unknown): void {
    if (kind === Dispatch.delivery) this.#deliver(a as ArrayBuffer, b as number)
    else if (kind === Dispatch.slabFree) this.#writer.released(a as number)
    else super.dispatch(kind, a, b, c, d)
  }

  #deliver(rows: ArrayBuffer, count: number): void {
    const ints = new Int32Array(rows)
    const floats = new Float64Array(rows)
    let bytes = 0
    let bulk = 0
    for (let row = 0; row < count; row++) {
      const int = row * 16
      const slot = ints[int]
      bytes += ints[int + 7]
      if (this.#transactional && ints[int + 2] !== 0) this.#transactions.deliveryFailed(ints[int + 2])
      if (slot === bulkSlot) {
        bulk++
        continue
      }
      const pending = this.#pending[slot] as Pending
      if (pending.rows) {
        pending.rows.set(ints[int + 1], ints, floats, row)
        if (--pending.remaining === 0) this.#settle(slot, pending)
      } else if (pending.resolve) {
        const report = reportOf(ints, floats, row, this.#topicNames, pending.opaque)
        this.#freeSlot(slot)
        if (report.error) (pending.reject as (error: unknown) => void)(this.explain(report.error))
        else (pending.resolve as (report: DeliveryReport) => void)(report)
      } else {
        bulk++
      }
    }
    if (bulk > 0) this.#deliverBulk(rows, ints, count, bulk)
    this.#reported(count, bytes)
  }

  #deliverBulk(rows: ArrayBuffer, ints: Int32Array, count: number, bulk: number): void {
    const { onDelivery } = this.#options
    let opaques: unknown[] | undefined
    const kept = bulk === count ? rows : new ArrayBuffer(bulk * 64)
    const keptInts = new Int32Array(kept)
    let to = 0
    for (let row = 0; row < count; row++) {
      const slot = ints[row * 16]
      const pending = slot === bulkSlot ? undefined : this.#pending[slot]
      if (slot !== bulkSlot && (pending === undefined || pending.resolve !== null)) continue
      if (pending) {
        opaques ??= []
        opaques[to] = pending.opaque
        this.#freeSlot(slot)
      }
      if (kept !== rows) keptInts.set(ints.subarray(row * 16, row * 16 + 16), to * 16)
      to++
    }
    if (onDelivery) guard(() => onDelivery(new DeliveryReports(kept, bulk, this.#topicNames, opaques)))
  }

  #settle(slot: number, pending: Pending): void {
    this.#freeSlot(slot)
    ;(pending.resolve as () => void)()
  }

  #sent(messages: number, bytes: number): void {
    if (this.#messages === 0) this.native.hold()
    this.#messages += messages
    this.#bytes += bytes
  }

  #reported(messages: number, bytes: number): void {
    this.#messages -= messages
    this.#bytes -= bytes
    if (!this.#waiting.empty) this.#waiting.run(() => this.#hasRoom())
    if (this.#messages > 0) return
    this.native.unhold()
    if (this.#waiting.empty) for (const resolve of this.#drained.splice(0)) resolve()
  }

  #hasRoom(): boolean {
    return this.#messages < this.#maxMessages && this.#bytes < this.#maxBytes
  }

  #writeOrFree(topic: number, record: BatchRecord, slot: number): void {
    try {
      this.#sent(1, this.#writer.write(topic, record, slot, 0))
    } catch (error) {
      this.#freeSlot(slot)
      throw error
    }
  }

  #takeSlot(pending: Pending): number {
    const slot = this.#freeSlots.pop() ?? this.#pending.length
    this.#pending[slot] = pending
    return slot
  }

  #freeSlot(slot: number): void {
    this.#pending[slot] = undefined
    this.#freeSlots.push(slot)
  }

  #topicId(name: string): number {
    return this.#topicIds.get(name) ?? this.#addTopic(name, null)
  }

  #addTopic(name: string, entries: string[] | null): number {
    const id = this.native.addTopic(name, entries)
    this.#topicIds.set(name, id)
    this.#topicNames[id] = name
    return id
  }
}
