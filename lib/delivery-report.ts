// Delivery reports: rows of native/delivery.h, shown as objects when somebody looks.
import { errorName, KafkaError } from './errors.js'

/** How sure it is that a message was written (KIP-467's and librdkafka's rd_kafka_message_status). */
export type DeliveryStatus = 'notPersisted' | 'possiblyPersisted' | 'persisted'

const statuses: readonly DeliveryStatus[] = ['notPersisted', 'possiblyPersisted', 'persisted']

// A row, in int32s and float64s.
const rowInts = 16
const rowFloats = 8

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

/** @internal Where to look up the topic names of rows. */
export type TopicNames = readonly string[]

/**
 * The reports of a batch: an array-like view, as cheap to hold as the rows of a typed array. `failures` are those with
 * an error.
 */
export class DeliveryReports<Opaque = unknown> implements Iterable<DeliveryReport<Opaque>> {
  /** How many reports there are. */
  readonly length: number
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  readonly #topics: TopicNames
  readonly #opaques: readonly (Opaque | undefined)[] | undefined
  readonly #errors: Map<number, KafkaError> | undefined

  /** @internal */
  constructor(
    rows: ArrayBuffer,
    length: number,
    topics: TopicNames,
    opaques?: readonly (Opaque | undefined)[],
    errors?: Map<number, KafkaError>,
  ) {
    this.length = length
    this.#ints = new Int32Array(rows)
    this.#floats = new Float64Array(rows)
    this.#topics = topics
    this.#opaques = opaques
    this.#errors = errors
  }

  /** The report of the index-th record; undefined beyond the end. */
  at(index: number): DeliveryReport<Opaque> | undefined {
    const row = index < 0 ? index + this.length : index
    if (!(row >= 0 && row < this.length)) return undefined
    return this.#report(row)
  }

  #report(row: number): DeliveryReport<Opaque> {
    const report = reportOf(this.#ints, this.#floats, row, this.#topics, this.#opaques?.[row])
    const error = this.#errors?.get(row)
    if (error) report.error = error
    return report
  }

  /** The reports with an error. Empty, and cheap to ask for, when all is well. */
  get failures(): DeliveryReport<Opaque>[] {
    const failures: DeliveryReport<Opaque>[] = []
    for (let row = 0; row < this.length; row++) {
      if (this.#ints[row * rowInts + 2] !== 0) failures.push(this.#report(row))
    }
    return failures
  }

  *[Symbol.iterator](): Iterator<DeliveryReport<Opaque>> {
    for (let row = 0; row < this.length; row++) yield this.#report(row)
  }
}

/** @internal */
export function reportOf<Opaque>(
  ints: Int32Array,
  floats: Float64Array,
  row: number,
  topics: TopicNames,
  opaque: Opaque | undefined,
): DeliveryReport<Opaque> {
  const int = row * rowInts
  const float = row * rowFloats
  const topic = topics[ints[int + 3]] ?? ''
  const errno = ints[int + 2]
  return {
    topic,
    partition: ints[int + 4],
    offset: floats[float + 4],
    timestamp: floats[float + 5],
    status: statuses[ints[int + 5]],
    latency: floats[float + 6],
    brokerId: ints[int + 6],
    error: errno === 0 ? undefined : deliveryError(errno, topic, ints[int + 4]),
    opaque,
    index: ints[int + 1],
  }
}

function deliveryError(errno: number, topic: string, partition: number): KafkaError {
  const code = errorName(errno)
  const error = new KafkaError(code)
  error.message = `${error.message} (${topic}${partition >= 0 ? ` [${partition}]` : ''})`
  return error
}

/** @internal Rows of a batch, filled in as the reports arrive. */
export class ReportRows {
  readonly memory: ArrayBuffer
  readonly #ints: Int32Array
  readonly #floats: Float64Array
  errors: Map<number, KafkaError> | undefined

  constructor(length: number) {
    this.memory = new ArrayBuffer(length * rowInts * 4)
    this.#ints = new Int32Array(this.memory)
    this.#floats = new Float64Array(this.memory)
  }

  /** Copies a row of a slab to the place of its index. */
  set(index: number, ints: Int32Array, floats: Float64Array, row: number): void {
    const from = row * rowInts
    const to = index * rowInts
    for (let i = 0; i < 7; i++) this.#ints[to + i] = ints[from + i]
    this.#floats[index * rowFloats + 4] = floats[row * rowFloats + 4]
    this.#floats[index * rowFloats + 5] = floats[row * rowFloats + 5]
    this.#floats[index * rowFloats + 6] = floats[row * rowFloats + 6]
  }

  /** The record never got as far as librdkafka. */
  fail(index: number, topic: number, error: KafkaError): void {
    const to = index * rowInts
    this.#ints[to + 1] = index
    this.#ints[to + 2] = error.errno
    this.#ints[to + 3] = topic
    this.#ints[to + 4] = -1
    this.#ints[to + 6] = -1
    this.#floats[index * rowFloats + 4] = -1001
    this.#floats[index * rowFloats + 5] = -1
    this.errors ??= new Map()
    this.errors.set(index, error)
  }
}
