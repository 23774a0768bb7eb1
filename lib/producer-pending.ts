// Who waits for the reports of what: found by the slot that comes back with each report.
import {
  type DeliveryReport,
  DeliveryReports,
  ReportRows,
  type ReportWindow,
  type TopicNames,
} from './delivery-report.js'
import type { KafkaError } from './errors.js'

/** @internal Rejects by resolving with a rejected promise: one function instead of two is kept for each `send`. */
export type Resolve<T> = (value: T | PromiseLike<T>) => void

/** @internal A `send` with an opaque. Without one, its function alone waits. */
export class PendingSend {
  constructor(
    readonly resolve: Resolve<DeliveryReport>,
    readonly opaque: unknown,
  ) {}
}

/** @internal The opaque of a `produce`. */
export class PendingOpaque {
  constructor(readonly opaque: unknown) {}
}

/** @internal A `sendBatch`. */
export class PendingBatch {
  readonly rows: ReportRows
  #opaques: unknown[] | undefined
  remaining: number

  constructor(
    readonly resolve: Resolve<DeliveryReports>,
    readonly length: number,
  ) {
    this.rows = new ReportRows(length)
    this.remaining = length
  }

  setOpaque(index: number, opaque: unknown): void {
    this.#opaques ??= new Array(this.length)
    this.#opaques[index] = opaque
  }

  settle(topics: TopicNames): void {
    this.resolve(new DeliveryReports(this.rows, this.length, topics, this.#opaques, true))
  }
}

type Waiting = Resolve<DeliveryReport> | PendingSend | PendingOpaque | PendingBatch

/** @internal Reports of `produce` without an opaque need no entry. */
export const bulkSlot = 0

/** @internal What becomes of reports that nobody awaits, and of failures. */
export interface ReportSink {
  /** Whether anybody wants the reports of `produce`. */
  readonly bulk: boolean
  onBulk(reports: DeliveryReports): void
  onFailure(errno: number): void
}

/** @internal */
export class PendingReports {
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
        settleSend(waiting, window.report(row, this.#topics, undefined))
      } else if (waiting instanceof PendingBatch) {
        waiting.rows.set(ints[int + 1], window, row)
        if (--waiting.remaining === 0) {
          this.remove(slot)
          waiting.settle(this.#topics)
        }
      } else {
        this.remove(slot)
        if (waiting instanceof PendingSend) {
          settleSend(waiting.resolve, window.report(row, this.#topics, waiting.opaque))
        } else {
          bulk?.add(window, row, waiting.opaque)
        }
      }
    }
    const reports = bulk?.reports(this.#topics)
    if (reports) this.#sink.onBulk(reports)
    return bytes
  }
}

function settleSend(resolve: Resolve<DeliveryReport>, report: DeliveryReport): void {
  resolve(report.error ? Promise.reject(report.error) : report)
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

  /** Undefined when there are none. */
  reports(topics: TopicNames): DeliveryReports | undefined {
    if (!this.#rows) return undefined
    return new DeliveryReports(this.#rows, this.#length, topics, this.#opaques, false)
  }
}
