// Who waits for the reports of what: found by the slot that comes back with each report.
import {
  type DeliveryReport,
  DeliveryReports,
  ReportRows,
  type ReportWindow,
  type TopicNames,
} from './delivery-report.js'
import type { KafkaError } from './errors.js'
import { deliveryChannel, type ProducerSendEvent, publishDelivery } from './producer-diagnostics.js'
import { Marks } from './producer-marks.js'

/** @internal Rejects by resolving with a rejected promise: one function instead of two is kept for each `send`. */
export type Resolve<T> = (value: T | PromiseLike<T>) => void

/** @internal A `send` with an opaque, or with an event of its sending. Without them its function alone waits. */
export class PendingSend {
  constructor(
    readonly resolve: Resolve<DeliveryReport>,
    readonly opaque: unknown,
    readonly event: ProducerSendEvent | undefined,
  ) {}
}

/** @internal A `produce` with either. */
export class PendingProduce {
  constructor(
    readonly opaque: unknown,
    readonly event: ProducerSendEvent | undefined,
  ) {}
}

/** @internal A `sendBatch`. */
export class PendingBatch {
  readonly rows: ReportRows
  readonly events: (ProducerSendEvent | undefined)[] | undefined
  #opaques: unknown[] | undefined
  remaining: number
  /** See Marks. */
  epoch = 0

  constructor(
    readonly resolve: Resolve<DeliveryReports>,
    readonly length: number,
    events: (ProducerSendEvent | undefined)[] | undefined,
  ) {
    this.events = events
    this.rows = new ReportRows(length)
    this.remaining = length
  }

  opaque(index: number): unknown {
    return this.#opaques?.[index]
  }

  setOpaque(index: number, opaque: unknown): void {
    this.#opaques ??= new Array(this.length)
    this.#opaques[index] = opaque
  }

  settle(topics: TopicNames): void {
    this.resolve(new DeliveryReports(this.rows, this.length, topics, this.#opaques, true))
  }
}

type Waiting = Resolve<DeliveryReport> | PendingSend | PendingProduce | PendingBatch

/** @internal Reports of `produce` without an opaque need no entry. */
export const bulkSlot = 0

/** @internal What becomes of reports that nobody awaits, and of failures. */
export interface ReportSink {
  /** The error of a record that nobody answered for, with what is wrong with the connections. */
  explain(error: KafkaError): KafkaError
  /** The client's name. */
  readonly name: string
  /** Whether anybody wants the reports of `produce`. */
  readonly bulk: boolean
  onBulk(reports: DeliveryReports): void
  onFailure(errno: number): void
}

/** @internal */
export class PendingReports {
  readonly marks = new Marks()
  readonly #topics: TopicNames
  readonly #sink: ReportSink
  // A free slot holds the number of the next free one.
  readonly #slots: (Waiting | number)[] = [0]
  #free = 0

  constructor(topics: TopicNames, sink: ReportSink) {
    this.#topics = topics
    this.#sink = sink
  }

  /** The slot to write into the record. */
  add(waiting: Waiting): number {
    const slot = this.#free
    if (slot === 0) return this.#slots.push(waiting) - 1
    this.#free = this.#slots[slot] as number
    this.#slots[slot] = waiting
    return slot
  }

  remove(slot: number): void {
    this.#slots[slot] = this.#free
    this.#free = slot
  }

  /** A record of a batch that is not given to librdkafka. */
  fail(slot: number, batch: PendingBatch, index: number, topic: number, error: KafkaError): void {
    batch.rows.fail(index, topic, error)
    if (--batch.remaining > 0) return
    this.remove(slot)
    batch.settle(this.#topics)
  }

  /** Settles what the rows of the window are about; returns the bytes of their records. */
  settle(window: ReportWindow, count: number): number {
    if (deliveryChannel.hasSubscribers) this.#publish(window, count)
    if (this.marks.some) this.marks.count(window, count, this.#batchEpoch)
    const { ints } = window
    let bytes = 0
    const bulk = this.#sink.bulk ? new BulkReports(count) : undefined
    for (let row = 0; row < count; row++) {
      const int = row * 16
      bytes += ints[int + 7]
      if (ints[int + 2] !== 0) this.#sink.onFailure(ints[int + 2])
      const slot = ints[int]
      if (slot === bulkSlot) {
        bulk?.add(window, row, undefined)
        continue
      }
      const waiting = this.#slots[slot] as Waiting
      if (typeof waiting === 'function') {
        this.remove(slot)
        this.#settleSend(waiting, window.report(row, this.#topics, undefined))
      } else if (waiting instanceof PendingBatch) {
        waiting.rows.set(ints[int + 1], window, row)
        if (--waiting.remaining === 0) {
          this.remove(slot)
          waiting.settle(this.#topics)
        }
      } else {
        this.remove(slot)
        if (waiting instanceof PendingSend) {
          this.#settleSend(waiting.resolve, window.report(row, this.#topics, waiting.opaque))
        } else {
          bulk?.add(window, row, waiting.opaque)
        }
      }
    }
    const reports = bulk?.reports(this.#topics)
    if (reports) this.#sink.onBulk(reports)
    return bytes
  }

  readonly #batchEpoch = (slot: number): number | undefined => {
    const waiting = slot === bulkSlot ? undefined : this.#slots[slot]
    return waiting instanceof PendingBatch ? waiting.epoch : undefined
  }

  #settleSend(resolve: Resolve<DeliveryReport>, report: DeliveryReport): void {
    resolve(report.error ? Promise.reject(this.#sink.explain(report.error)) : report)
  }

  #publish(window: ReportWindow, count: number): void {
    for (let row = 0; row < count; row++) {
      const slot = window.ints[row * 16]
      const index = window.ints[row * 16 + 1]
      const waiting = slot === bulkSlot ? undefined : (this.#slots[slot] as Waiting)
      let opaque: unknown
      let event: ProducerSendEvent | undefined
      if (waiting instanceof PendingBatch) {
        opaque = waiting.opaque(index)
        event = waiting.events?.[index]
      } else if (typeof waiting === 'object') {
        opaque = waiting.opaque
        event = waiting.event
      }
      const report = window.report(row, this.#topics, opaque)
      report.index = index
      publishDelivery(this.#sink.name, report, event)
    }
  }

  /**
   * Nothing crosses any more: settles all that still wait, and `messages` in all, with an error.
   */
  failAll(messages: number, error: KafkaError): void {
    let left = messages
    this.marks.end()
    const bulk = new BulkReports(messages)
    const entries = this.#slots.map((waiting, slot) => [slot, waiting] as const)
    for (const [slot, waiting] of entries) {
      if (typeof waiting === 'number') continue
      if (waiting instanceof PendingBatch) {
        left -= waiting.remaining
        for (let index = 0; index < waiting.length; index++) {
          if (waiting.rows.isOpen(index)) this.fail(slot, waiting, index, -1, error)
        }
        continue
      }
      left--
      this.remove(slot)
      if (typeof waiting === 'function') waiting(Promise.reject(error))
      else if (waiting instanceof PendingSend) waiting.resolve(Promise.reject(error))
      else bulk.fail(waiting.opaque, error)
    }
    while (left-- > 0) bulk.fail(undefined, error)
    const reports = bulk.reports(this.#topics)
    if (reports) this.#sink.onBulk(reports)
  }
}

/** Reports of `produce` among the rows of one window. */
class BulkReports {
  readonly #most: number
  #rows: ReportRows | undefined
  #length = 0
  #opaques: unknown[] | undefined

  constructor(most: number) {
    this.#most = most
  }

  add(window: ReportWindow, row: number, opaque: unknown): void {
    const index = this.#length++
    this.#rows ??= new ReportRows(this.#most)
    this.#rows.set(index, window, row)
    if (opaque === undefined) return
    this.#opaques ??= new Array(this.#most)
    this.#opaques[index] = opaque
  }

  fail(opaque: unknown, error: KafkaError): void {
    const index = this.#length++
    this.#rows ??= new ReportRows(this.#most)
    this.#rows.fail(index, -1, error)
    this.#opaques ??= new Array(this.#most)
    this.#opaques[index] = opaque
  }

  /** Undefined when there are none. */
  reports(topics: TopicNames): DeliveryReports | undefined {
    if (!this.#rows) return undefined
    return new DeliveryReports(this.#rows, this.#length, topics, this.#opaques, false)
  }
}
