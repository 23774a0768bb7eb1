// The producing path: records into slabs, reports to whoever waits for them. What a program calls is in producer.ts.

import { abortable } from './abort.js'
import type { NativeProducer } from './binding.js'
import { guard } from './client.js'
import { signalOf } from './client-check.js'
import { type DeliveryReport, DeliveryReports, ReportRows, ReportWindow } from './delivery-report.js'
import { KafkaError } from './errors.js'
import type { Balancing } from './producer-balancer.js'
import { type AnyRecord, type BatchHost, BatchSend } from './producer-batch.js'
import { DeliveryReaders } from './producer-deliveries.js'
import {
  type ProducerSendEvent,
  publishBatch,
  publishFailure,
  publishSend,
  sendChannel,
} from './producer-diagnostics.js'
import {
  bulkSlot,
  PendingBatch,
  PendingProduce,
  PendingReports,
  PendingSend,
  type ReportSink,
  type Resolve,
} from './producer-pending.js'
import type { ProducerQueue } from './producer-queue.js'
import { checkRecord, checkTopic, invalidRecord, type ProducerRecord, partitionOf } from './record.js'
import { type RecordWriter, sizeOfRecord } from './record-writer.js'
import { onNextTurn } from './turn.js'
import { WaitingRun } from './waiting-run.js'
import { Turn, type WaitingSend } from './waiting-sends.js'

// Reports settled in one turn of the event loop; the rest wait for the next one, so that it is never blocked for long.
const reportsPerTurn = 2 * ReportWindow.rows

// Takes the function of a promise out of it without a closure for each.
let resolver: unknown
const takeResolver = (resolve: unknown) => {
  resolver = resolve
}

/** @internal */
export interface CoreHost {
  readonly name: string
  readonly native: NativeProducer
  readonly onDelivery: ((reports: DeliveryReports) => void) | undefined
  /** Throws when nothing can be produced: closed, or no transaction is open. */
  assertWritable(): void
  recordFailed(error: unknown): void
  /** Why nobody answered: Client.explain. */
  explain(error: KafkaError): KafkaError
  /** A broker has taken a record: the connections work. */
  answered(): void
}

/** @internal */
export class ProducerCore implements BatchHost, ReportSink {
  readonly writer: RecordWriter
  readonly queue: ProducerQueue
  readonly pending: PendingReports
  readonly readers = new DeliveryReaders()
  readonly name: string
  /** Set when the program chooses partitions itself. */
  balancing: Balancing | undefined
  readonly #host: CoreHost
  readonly #topics = new Map<string, number>()
  readonly #topicNames: string[] = []
  // Most records go where the one before went. Nobody's topic at first.
  #lastTopic: unknown = this
  #lastTopicId = -1
  readonly #window = new ReportWindow()
  #settled = 0
  // Since the event loop has last been given a turn.
  #settledInTurn = 0
  #turnScheduled = false
  readonly #later: { work: () => void; settled: number }[] = []

  constructor(host: CoreHost, writer: RecordWriter, queue: ProducerQueue) {
    this.#host = host
    this.name = host.name
    this.writer = writer
    this.queue = queue
    this.pending = new PendingReports(this.#topicNames, this)
  }

  produce(record: ProducerRecord): void {
    this.#host.assertWritable()
    const topic = this.topicOf(checkRecord(record))
    this.#assertRoom()
    const event = sendChannel.hasSubscribers ? publishSend(this.name, record.topic, record) : undefined
    if (this.balancing && !(this.queue.nobodyWaits && this.ready(topic, record))) {
      this.queue.wait(new WaitingRecord(this, topic, record, event, undefined))
    } else {
      this.writeProduce(topic, record, event)
    }
  }

  #assertRoom(): void {
    const { queue, readers } = this
    // Those that wait come first; with a balancer they may wait for something else than room, and a record with them.
    const room = this.balancing ? queue.length.messages < queue.maxMessages : queue.nobodyWaits
    if (!room || !queue.hasRoom) {
      const { messages, bytes } = queue.length
      throw new KafkaError(
        '_QUEUE_FULL',
        `${messages} messages (${bytes} bytes) wait for their delivery: the queue is full`,
        { retriable: true },
      )
    }
    if (!readers.empty && readers.unread >= queue.maxMessages) {
      throw new KafkaError('_QUEUE_FULL', `${readers.unread} reports wait for the reader of deliveries()`, {
        retriable: true,
      })
    }
  }

  send(record: ProducerRecord, options: { signal?: AbortSignal } | undefined): Promise<DeliveryReport> {
    try {
      this.#host.assertWritable()
      const signal = signalOf(options, 'send')
      const topic = this.topicOf(checkRecord(record))
      signal?.throwIfAborted()
      const event = sendChannel.hasSubscribers ? publishSend(this.name, record.topic, record) : undefined
      const sent = new Promise<DeliveryReport>(takeResolver)
      const resolve = resolver as Resolve<DeliveryReport>
      const { queue } = this
      if (queue.nobodyWaits && queue.hasRoom && this.ready(topic, record)) {
        this.writeSend(topic, record, resolve, event)
        return signal ? abortable(sent, signal) : sent
      }
      if (signal === undefined && event === undefined) {
        this.#waitInRun(topic, record, resolve)
        return sent
      }
      const waiting = new WaitingRecord(this, topic, record, event, resolve)
      queue.wait(waiting)
      return signal ? abortable(sent, signal, () => queue.giveUp(waiting, signal.reason)) : sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #waitInRun(topic: number, record: ProducerRecord, resolve: Resolve<DeliveryReport>): void {
    const size = sizeOfRecord(record)
    const last = this.queue.lastWaiting
    if (last instanceof WaitingRun && last.open) {
      last.add(topic, record, size, resolve)
      this.queue.waitingGrew(1, size)
    } else {
      const run = new WaitingRun(this)
      run.add(topic, record, size, resolve)
      this.queue.wait(run)
    }
  }

  sendBatch(
    topic: string | undefined,
    records: readonly AnyRecord[],
    options: { signal?: AbortSignal } | undefined,
  ): Promise<DeliveryReports> {
    try {
      this.#host.assertWritable()
      const signal = signalOf(options, 'sendBatch')
      if (!Array.isArray(records)) throw invalidRecord('sendBatch takes an array of records')
      const ofAll = topic === undefined ? -1 : this.#topicId(checkTopic(topic))
      signal?.throwIfAborted()
      const events = sendChannel.hasSubscribers ? publishBatch(this.name, topic, records) : undefined
      const sent = new Promise<DeliveryReports>(takeResolver)
      const batch = new PendingBatch(resolver as Resolve<DeliveryReports>, records.length, events)
      if (records.length === 0) {
        batch.settle(this.#topicNames)
        return sent
      }
      const { queue } = this
      const send = new BatchSend(this, batch, ofAll, records)
      if (queue.nobodyWaits && send.write()) return signal ? abortable(sent, signal) : sent
      queue.wait(send.wait())
      return signal ? abortable(sent, signal, () => queue.giveUp(send, signal.reason)) : sent
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Until the queue has room and nobody waits for it; undefined when that is so now. */
  roomOrWait(signal?: AbortSignal): Promise<void> | undefined {
    const { queue } = this
    if (queue.nobodyWaits && queue.hasRoom) return undefined
    const turn = new Turn(() => {})
    queue.wait(turn)
    return signal ? abortable(turn.reached, signal, () => queue.giveUp(turn, signal.reason)) : turn.reached
  }

  get bulk(): boolean {
    return this.#host.onDelivery !== undefined || !this.readers.empty
  }

  onBulk(reports: DeliveryReports): void {
    const { onDelivery } = this.#host
    if (onDelivery) guard(() => onDelivery(reports))
    this.readers.push(reports)
  }

  onFailure(errno: number): void {
    this.#host.recordFailed(errno)
  }

  recordFailed(error: unknown): void {
    this.#host.recordFailed(error)
  }

  explain(error: KafkaError): KafkaError {
    return this.#host.explain(error)
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

  /** Whether a record can be written as far as its partition is concerned. */
  ready(topic: number, { partition }: AnyRecord): boolean {
    if (this.balancing === undefined || (partition !== undefined && partition !== null)) return true
    return this.balancing.ready(topic, this.#topicNames[topic])
  }

  /** -1 when librdkafka's partitioner chooses. */
  partitionFor(topic: number, record: AnyRecord): number {
    const partition = partitionOf(record)
    if (partition >= 0 || this.balancing === undefined) return partition
    return this.balancing.partition(record, topic, this.#topicNames[topic])
  }

  writeProduce(topic: number, record: ProducerRecord, event: ProducerSendEvent | undefined): void {
    const { opaque } = record
    const bulk = opaque === undefined && event === undefined
    this.#write(topic, record, bulk ? bulkSlot : this.pending.add(new PendingProduce(opaque, event)), event)
  }

  writeSend(
    topic: number,
    record: ProducerRecord,
    resolve: Resolve<DeliveryReport>,
    event: ProducerSendEvent | undefined,
  ): void {
    const { opaque } = record
    const alone = opaque === undefined && event === undefined
    this.#write(topic, record, this.pending.add(alone ? resolve : new PendingSend(resolve, opaque, event)), event)
  }

  #write(topic: number, record: ProducerRecord, slot: number, event: ProducerSendEvent | undefined): void {
    try {
      const { epoch } = this.pending.marks
      this.queue.taken(1, this.writer.write(topic, this.partitionFor(topic, record), record, slot, epoch))
    } catch (error) {
      if (slot !== bulkSlot) this.pending.remove(slot)
      if (event) publishFailure(event, error)
      throw error
    }
  }

  /** The reports of `produce` whose record never got as far as librdkafka after all. */
  produceFailed(topic: number, record: ProducerRecord, event: ProducerSendEvent | undefined, failure: unknown): void {
    const error =
      failure instanceof KafkaError ? failure : new KafkaError('_PURGE_QUEUE', String(failure), { cause: failure })
    if (event) publishFailure(event, error)
    this.recordFailed(error)
    if (!this.bulk) return
    const rows = new ReportRows(1)
    rows.fail(0, topic, error)
    this.onBulk(new DeliveryReports(rows, 1, this.#topicNames, [record.opaque], false))
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
      this.#settledInTurn += count
      if (this.#settledInTurn >= reportsPerTurn) {
        this.#turnScheduled = true
        onNextTurn(this.#nextTurn)
      }
      if (count < ReportWindow.rows) return
    }
  }

  readonly #nextTurn = () => {
    this.#turnScheduled = false
    this.#settledInTurn = 0
    this.reportsArrived()
    while (this.#later.length > 0 && (!this.#turnScheduled || this.#later[0].settled <= this.#settled)) {
      this.#later.shift()?.work()
    }
  }

  /** What crosses after reports is not to overtake them: done when those that have crossed by now are settled. */
  afterReports(work: () => void): void {
    this.reportsArrived()
    if (!this.#turnScheduled && this.#later.length === 0) work()
    // No more than these can have crossed; with records coming all the time there may always be some that have.
    else this.#later.push({ work, settled: this.#settled + this.queue.messages })
  }

  /** Nothing crosses any more: what has no report gets one that says so. */
  closed(error: KafkaError): void {
    const { messages, bytes } = this.queue
    this.queue.giveUpAll(error)
    if (messages > 0) {
      this.pending.failAll(messages, error)
      this.queue.reported(messages, bytes)
    }
    this.readers.close()
  }

  #settleWindow(): number {
    const count = this.#host.native.takeReports(this.#window.memory)
    if (count === 0) return 0
    if (this.#window.succeeded(0)) this.#host.answered()
    this.#settled += count
    this.queue.reported(count, this.pending.settle(this.#window, count))
    return count
  }
}

/** A `send` with a signal or an event (or, without a function to resolve, a `produce`) that waits: for room, or to know its partitions. */
class WaitingRecord implements WaitingSend {
  bytes: number
  place = 0

  constructor(
    readonly core: ProducerCore,
    readonly topic: number,
    readonly record: ProducerRecord,
    readonly event: ProducerSendEvent | undefined,
    readonly resolve: Resolve<DeliveryReport> | undefined,
  ) {
    this.bytes = sizeOfRecord(record)
  }

  get messages(): number {
    return 1
  }

  write(): boolean {
    const { core, topic, record, event, resolve } = this
    if (!core.ready(topic, record)) return false
    try {
      if (resolve) core.writeSend(topic, record, resolve, event)
      else core.writeProduce(topic, record, event)
    } catch (error) {
      // Its event has been told already.
      this.#fail(error, undefined)
    }
    return true
  }

  reject(error: unknown): void {
    this.#fail(error, this.event)
  }

  #fail(error: unknown, event: ProducerSendEvent | undefined): void {
    if (this.resolve) {
      if (event) publishFailure(event, error)
      this.core.recordFailed(error)
      this.resolve(Promise.reject(error))
    } else {
      this.core.produceFailed(this.topic, this.record, event, error)
    }
  }
}
