// sendBatch: many records, one promise.
import { KafkaError } from './errors.js'
import { publishFailure } from './producer-diagnostics.js'
import type { PendingBatch, PendingReports } from './producer-pending.js'
import type { ProducerQueue } from './producer-queue.js'
import { type BatchRecord, checkRecord } from './record.js'
import { type RecordWriter, sizeOfRecord } from './record-writer.js'
import type { WaitingSend } from './waiting-sends.js'

/** @internal A record of a batch, with a topic if the batch has none. */
export type AnyRecord = BatchRecord & { topic?: string }

/** @internal What a batch needs of its producer. */
export interface BatchHost {
  readonly writer: RecordWriter
  readonly queue: ProducerQueue
  readonly pending: PendingReports
  /** Whether it is known which partitions a balancer can choose from. */
  ready(topic: number, record: BatchRecord): boolean
  partitionFor(topic: number, record: BatchRecord): number
  /** The number of a record's own topic. */
  topicOf(record: AnyRecord): number
  recordFailed(error: unknown): void
}

/** @internal */
export class BatchSend implements WaitingSend {
  messages = 0
  bytes = 0
  place = 0
  readonly #host: BatchHost
  readonly #batch: PendingBatch
  readonly #slot: number
  /** -1 when each record has its own. */
  readonly #topic: number
  readonly #records: readonly AnyRecord[]
  #next = 0

  constructor(host: BatchHost, batch: PendingBatch, topic: number, records: readonly AnyRecord[]) {
    this.#host = host
    this.#batch = batch
    this.#topic = topic
    this.#records = records
    this.#slot = host.pending.add(batch)
  }

  /** Writes while there is room; true when all is written. */
  write(): boolean {
    const host = this.#host
    const { writer, queue } = host
    const records = this.#records
    const batch = this.#batch
    const slot = this.#slot
    const ofAll = this.#topic
    const { length } = batch
    batch.epoch = host.pending.marks.epoch
    const roomForMessages = queue.maxMessages - queue.messages
    const roomForBytes = queue.maxBytes - queue.bytes
    let index = this.#next
    let written = 0
    let bytes = 0
    let topic = ofAll
    for (; index < length && written < roomForMessages && bytes < roomForBytes; index++) {
      const record = records[index]
      try {
        topic = ofAll
        checkRecord(record)
        if (topic < 0) topic = host.topicOf(record)
        if (!host.ready(topic, record)) break
        if (record.opaque !== undefined) batch.setOpaque(index, record.opaque)
        bytes += writer.write(topic, host.partitionFor(topic, record), record, slot, index)
        written++
      } catch (error) {
        this.#fail(index, topic, error)
      }
    }
    this.#next = index
    if (written > 0) queue.taken(written, bytes)
    if (this.messages > 0) {
      this.messages = length - index
      this.bytes = index === length ? 0 : Math.max(0, this.bytes - bytes)
    }
    return index === length
  }

  /** What is left has to wait; counted from here on. */
  wait(): this {
    const records = this.#records
    this.messages = this.#batch.length - this.#next
    for (let i = this.#next; i < this.#batch.length; i++) this.bytes += sizeOfRecord(records[i])
    return this
  }

  /** Fails what is not written yet. */
  reject(error: unknown): void {
    while (this.#next < this.#batch.length) this.#fail(this.#next++, this.#topic, error)
  }

  #fail(index: number, topic: number, error: unknown): void {
    const opaque = this.#records[index]?.opaque
    if (opaque !== undefined) this.#batch.setOpaque(index, opaque)
    const event = this.#batch.events?.[index]
    if (event) publishFailure(event, error)
    this.#host.recordFailed(error)
    const failure =
      error instanceof KafkaError ? error : new KafkaError('_PURGE_QUEUE', String(error), { cause: error })
    this.#host.pending.fail(this.#slot, this.#batch, index, topic, failure)
  }
}
