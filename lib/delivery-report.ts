// Delivery reports: rows of numbers, shown as objects when somebody looks.
import { errorName, KafkaError } from './errors.js'

/** How sure it is that a message was written (KIP-467's and librdkafka's rd_kafka_message_status). */
export type DeliveryStatus = 'notPersisted' | 'possiblyPersisted' | 'persisted'

const statuses: readonly DeliveryStatus[] = ['notPersisted', 'possiblyPersisted', 'persisted']

/** What became of a message. */
export interface DeliveryReport<Opaque = unknown> {
  topic: string
  partition: number
  /** -1001 when unknown: with acks=0, or when the message failed. */
  offset: number
  /** Milliseconds since 1970; -1 when unknown. */
  timestamp: number
  status: DeliveryStatus
  /** From produce to report, microseconds. */
  latency: number
  /** The broker that the message was sent to; -1 when it was sent to none. */
  brokerId: number
  error: KafkaError | undefined
  opaque: Opaque | undefined
  /** The record's place in its batch; 0 for a record of its own. */
  index: number
}

/** The report of a message that was not delivered, or perhaps not. */
export type FailedDeliveryReport<Opaque = unknown> = DeliveryReport<Opaque> & { readonly error: KafkaError }

/** @internal Where to look up the topic names of rows. */
export type TopicNames = readonly string[]

/** @internal The reports that have crossed last: native/delivery.h has the layout of a row. */
export class ReportWindow {
  static readonly rows = 1024
  readonly memory = new ArrayBuffer(ReportWindow.rows * 64)
  readonly ints = new Int32Array(this.memory)
  readonly floats = new Float64Array(this.memory)

  succeeded(row: number): boolean {
    return this.ints[row * 16 + 2] === 0
  }

  /** A report of its own. */
  report(row: number, topics: TopicNames, opaque: unknown): DeliveryReport {
    const { ints, floats } = this
    const int = row * 16
    const float = row * 8
    const topic = topics[ints[int + 3]] ?? ''
    const partition = ints[int + 4]
    const errno = ints[int + 2]
    return {
      topic,
      partition,
      offset: floats[float + 4],
      timestamp: floats[float + 5],
      status: statuses[ints[int + 5]],
      latency: floats[float + 6],
      brokerId: ints[int + 6],
      error: errno === 0 ? undefined : deliveryError(errno, topic, partition),
      opaque,
      index: 0,
    }
  }
}

/** @internal What delivery of a record failed with, as an error that names the topic. */
export function deliveryError(errno: number, topic: string, partition: number): KafkaError {
  const error = new KafkaError(errorName(errno))
  error.message = `${error.message} (${topic}${partition >= 0 ? ` [${partition}]` : ''})`
  return error
}

// A row of ReportRows is 32 bytes: offset and timestamp as float64; partition, errno and status (errno * 4 + status) and
// broker as int32; latency as float32.
const rowInts = 8
const rowFloats = 4
// Instead of a topic's number; -1 is that of a record without a topic.
const noTopic = -2
const manyTopics = -3

/** @internal Rows that are kept, filled in as the reports arrive. */
export class ReportRows {
  readonly #floats: Float64Array
  readonly #ints: Int32Array
  readonly #latencies: Float32Array
  // Of all rows, as long as there is only one.
  #topic = noTopic
  #topics: Int32Array | undefined
  #failed = 0
  #errors: Map<number, KafkaError> | undefined

  constructor(length: number) {
    const memory = new ArrayBuffer(length * rowInts * 4)
    this.#floats = new Float64Array(memory)
    this.#ints = new Int32Array(memory)
    this.#latencies = new Float32Array(memory)
  }

  get failed(): number {
    return this.#failed
  }

  /** Copies a row of the window to the place of its index. */
  set(index: number, { ints, floats }: ReportWindow, row: number): void {
    const from = row * 16
    const to = index * rowInts
    const errno = ints[from + 2]
    const topic = ints[from + 3]
    if (topic !== this.#topic) this.#setTopic(index, topic)
    if (errno !== 0) this.#failed++
    this.#floats[index * rowFloats] = floats[row * 8 + 4]
    this.#floats[index * rowFloats + 1] = floats[row * 8 + 5]
    this.#ints[to + 4] = ints[from + 4]
    this.#ints[to + 5] = errno * 4 + ints[from + 5]
    this.#ints[to + 6] = ints[from + 6]
    this.#latencies[to + 7] = floats[row * 8 + 6]
  }

  /** The record never got as far as librdkafka. */
  fail(index: number, topic: number, error: KafkaError): void {
    const to = index * rowInts
    if (topic !== this.#topic) this.#setTopic(index, topic)
    this.#failed++
    this.#floats[index * rowFloats] = -1001
    this.#floats[index * rowFloats + 1] = -1
    this.#ints[to + 4] = -1
    this.#ints[to + 5] = error.errno * 4
    this.#ints[to + 6] = -1
    this.#errors ??= new Map()
    this.#errors.set(index, error)
  }

  /** Whether there is no report yet: what was delivered has a status, what was not an error. */
  isOpen(index: number): boolean {
    return this.#ints[index * rowInts + 5] === 0
  }

  isFailed(index: number): boolean {
    return this.#ints[index * rowInts + 5] >> 2 !== 0
  }

  report<Opaque>(index: number, topics: TopicNames, opaque: Opaque | undefined): DeliveryReport<Opaque> {
    const int = index * rowInts
    const float = index * rowFloats
    const topic = topics[this.#topics ? this.#topics[index] : this.#topic] ?? ''
    const partition = this.#ints[int + 4]
    const errno = this.#ints[int + 5] >> 2
    return {
      topic,
      partition,
      offset: this.#floats[float],
      timestamp: this.#floats[float + 1],
      status: statuses[this.#ints[int + 5] & 3],
      latency: Math.round(this.#latencies[int + 7]),
      brokerId: this.#ints[int + 6],
      error: errno === 0 ? undefined : (this.#errors?.get(index) ?? deliveryError(errno, topic, partition)),
      opaque,
      index,
    }
  }

  #setTopic(index: number, topic: number): void {
    if (this.#topic === noTopic) {
      this.#topic = topic
      return
    }
    // Rows not written yet get the first one's, which their own overwrites.
    this.#topics ??= new Int32Array(this.#ints.length / rowInts).fill(this.#topic)
    this.#topics[index] = topic
    // No row compares as equal any more, so each writes its own.
    this.#topic = manyTopics
  }
}

/**
 * The reports of a batch: an array-like view, as cheap to hold as the rows of a typed array. `failures` are those with
 * an error.
 */
export class DeliveryReports<Opaque = unknown> implements Iterable<DeliveryReport<Opaque>> {
  /** How many reports there are. */
  readonly length: number
  readonly #rows: ReportRows
  readonly #topics: TopicNames
  readonly #opaques: readonly (Opaque | undefined)[] | undefined
  readonly #batch: boolean

  /** @internal Of a batch, or of records of their own. */
  constructor(
    rows: ReportRows,
    length: number,
    topics: TopicNames,
    opaques: readonly (Opaque | undefined)[] | undefined,
    batch: boolean,
  ) {
    this.length = length
    this.#rows = rows
    this.#topics = topics
    this.#opaques = opaques
    this.#batch = batch
  }

  /** The report of the index-th record; undefined beyond the end. */
  at(index: number): DeliveryReport<Opaque> | undefined {
    const row = index < 0 ? index + this.length : index
    if (!(row >= 0 && row < this.length)) return undefined
    return this.#report(row)
  }

  #report(row: number): DeliveryReport<Opaque> {
    const report = this.#rows.report(row, this.#topics, this.#opaques?.[row])
    if (!this.#batch) report.index = 0
    return report
  }

  /** The reports with an error. Empty, and cheap to ask for, when all is well. */
  get failures(): FailedDeliveryReport<Opaque>[] {
    const failures: FailedDeliveryReport<Opaque>[] = []
    for (let row = 0; failures.length < this.#rows.failed && row < this.length; row++) {
      if (this.#rows.isFailed(row)) {
        failures.push(this.#report(row) as FailedDeliveryReport<Opaque>)
      }
    }
    return failures
  }

  *[Symbol.iterator](): Iterator<DeliveryReport<Opaque>> {
    for (let row = 0; row < this.length; row++) yield this.#report(row)
  }
}
