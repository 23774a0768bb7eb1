// The producing path: records into slabs, reports to whoever waits for them. What a program calls is in producer.ts.
import type { NativeProducer } from './binding.js'
import { abortable } from './client.js'
import { type DeliveryReport, type DeliveryReports, ReportWindow } from './delivery-report.js'
import { KafkaError } from './errors.js'
import { type AnyRecord, type BatchHost, BatchSend } from './producer-batch.js'
import {
  bulkSlot,
  PendingBatch,
  PendingOpaque,
  PendingReports,
  PendingSend,
  type ReportSink,
  type Resolve,
} from './producer-pending.js'
import type { ProducerQueue } from './producer-queue.js'
import { checkRecord, checkTopic, invalidRecord, type ProducerRecord } from './record.js'
import { type RecordWriter, sizeOfRecord } from './record-writer.js'
import type { WaitingSend } from './waiting-sends.js'

// Reports settled in one turn of the event loop; the rest wait for the next one, so that it is never blocked for long.
const reportsPerTurn = 2 * ReportWindow.rows

// Takes the function of a promise out of it without a closure for each.
let resolver: unknown
const takeResolver = (resolve: unknown) => {
  resolver = resolve
}

/** @internal */
export interface CoreHost extends ReportSink {
  readonly native: NativeProducer
  /** Throws when nothing can be produced: closed, or no transaction is open. */
  assertWritable(): void
  recordFailed(error: unknown): void
}

/** @internal */
export class ProducerCore implements BatchHost {
  readonly writer: RecordWriter
  readonly queue: ProducerQueue
  readonly pending: PendingReports
  readonly #host: CoreHost
  readonly #topics = new Map<string, number>()
  readonly #topicNames: string[] = []
  // Most records go where the one before went. Nobody's topic at first.
  #lastTopic: unknown = this
  #lastTopicId = -1
  readonly #window = new ReportWindow()
  // Settled since the event loop has last been given a turn.
  #settled = 0
  #turnScheduled = false

  constructor(host: CoreHost, writer: RecordWriter, queue: ProducerQueue) {
    this.#host = host
    this.writer = writer
    this.queue = queue
    this.pending = new PendingReports(this.#topicNames, host)
  }

  produce(record: ProducerRecord): void {
    this.#host.assertWritable()
    const topic = this.topicOf(checkRecord(record))
    const { queue } = this
    if (!queue.hasRoom) {
      throw new KafkaError(
        '_QUEUE_FULL',
        `${queue.messages} messages (${queue.bytes} bytes) wait for their delivery: the queue is full`,
        { retriable: true },
      )
    }
    const { opaque } = record
    if (opaque === undefined) queue.taken(1, this.writer.write(topic, record, bulkSlot, 0))
    else this.#write(topic, record, this.pending.add(new PendingOpaque(opaque)))
  }

  send(record: ProducerRecord, signal: AbortSignal | undefined): Promise<DeliveryReport> {
    try {
      this.#host.assertWritable()
      const topic = this.topicOf(checkRecord(record))
      signal?.throwIfAborted()
      const sent = new Promise<DeliveryReport>(takeResolver)
      const resolve = resolver as Resolve<DeliveryReport>
      if (this.queue.open) {
        this.writeSend(topic, record, resolve)
        return signal ? abortable(sent, signal) : sent
      }
      const waiting = new WaitingRecord(this, topic, record, resolve)
      this.queue.waiting.add(waiting)
      return signal ? abortable(sent, signal, () => this.queue.waiting.remove(waiting, signal.reason)) : sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  sendBatch(
    topic: string | undefined,
    records: readonly AnyRecord[],
    signal: AbortSignal | undefined,
  ): Promise<DeliveryReports> {
    try {
      this.#host.assertWritable()
      if (!Array.isArray(records)) throw invalidRecord('sendBatch takes an array of records')
      const ofAll = topic === undefined ? -1 : this.#topicId(checkTopic(topic))
      signal?.throwIfAborted()
      const sent = new Promise<DeliveryReports>(takeResolver)
      const batch = new PendingBatch(resolver as Resolve<DeliveryReports>, records.length)
      if (records.length === 0) {
        batch.settle(this.#topicNames)
        return sent
      }
      const send = new BatchSend(this, batch, ofAll, records)
      if (this.queue.waiting.empty && send.write()) return signal ? abortable(sent, signal) : sent
      this.queue.waiting.add(send.wait())
      return signal ? abortable(sent, signal, () => this.queue.waiting.remove(send, signal.reason)) : sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Until the queue has room and nobody waits for it; undefined when that is so now. */
  roomOrWait(): Promise<void> | undefined {
    if (this.queue.open) return undefined
    return new Promise((resolve, reject) => {
      const write = () => {
        resolve()
        return true
      }
      this.queue.waiting.add({ messages: 0, bytes: 0, place: 0, write, reject })
    })
  }

  recordFailed(error: unknown): void {
    this.#host.recordFailed(error)
  }

  topicOf({ topic }: AnyRecord): number {
    if (topic === this.#lastTopic) return this.#lastTopicId
    return this.#topicId(checkTopic(topic))
  }

  addTopic(name: string, entries: string[] | null): number {
    const id = this.#host.native.addTopic(name, entries)
    this.#topics.set(name, id)
    this.#topicNames[id] = name
    return id
  }

  writeSend(topic: number, record: ProducerRecord, resolve: Resolve<DeliveryReport>): void {
    const { opaque } = record
    this.#write(topic, record, this.pending.add(opaque === undefined ? resolve : new PendingSend(resolve, opaque)))
  }

  #write(topic: number, record: ProducerRecord, slot: number): void {
    try {
      this.queue.taken(1, this.writer.write(topic, record, slot, 0))
    } catch (error) {
      this.pending.remove(slot)
      throw error
    }
  }

  #topicId(name: string): number {
    const id = this.#topics.get(name) ?? this.addTopic(name, null)
    this.#lastTopic = name
    this.#lastTopicId = id
    return id
  }

  /** There are reports: those of this turn now, the rest in the next ones. */
  reportsArrived(): void {
    while (!this.#turnScheduled) {
      const count = this.#settleWindow()
      this.#settled += count
      if (this.#settled >= reportsPerTurn) {
        this.#turnScheduled = true
        setImmediate(this.#nextTurn)
      }
      if (count < ReportWindow.rows) return
    }
  }

  readonly #nextTurn = () => {
    this.#turnScheduled = false
    this.#settled = 0
    this.reportsArrived()
  }

  /** Whatever crosses after reports is not to overtake them. */
  settleAll(): void {
    while (this.#settleWindow() === ReportWindow.rows) {}
  }

  #settleWindow(): number {
    const count = this.#host.native.takeReports(this.#window.memory)
    if (count > 0) this.queue.reported(count, this.pending.settle(this.#window, count))
    return count
  }
}

/** A `send` that waits for room. */
class WaitingRecord implements WaitingSend {
  messages = 1
  bytes: number
  place = 0

  constructor(
    readonly core: ProducerCore,
    readonly topic: number,
    readonly record: ProducerRecord,
    readonly resolve: Resolve<DeliveryReport>,
  ) {
    this.bytes = sizeOfRecord(record)
  }

  write(): boolean {
    this.core.writeSend(this.topic, this.record, this.resolve)
    return true
  }

  reject(error: unknown): void {
    this.resolve(Promise.reject(error))
  }
}
