// Consumed messages: lazy views over the slabs that native/message_slab.h describes.
// Buffer the global is a getter.
import { Buffer } from 'node:buffer'
import { inspect } from 'node:util'
import { headersEnd, MessageHeaders, readable } from './message-headers.js'

/** @internal What is known of a partition by its number in the rows. */
export interface PartitionSlot {
  readonly topic: string
  readonly partition: number
}

const rowInts = 16
const rowFloats = 8

/** @internal Rows and the bytes they point to. */
export class MessageSlab {
  readonly ints: Int32Array
  readonly floats: Float64Array
  readonly memory: ArrayBuffer
  readonly bytes: Buffer
  readonly slots: readonly PartitionSlot[]
  /** Whether there is a row that is an error and no message. */
  readonly hasErrors: boolean
  count: number

  constructor(memory: ArrayBuffer, count: number, slots: readonly PartitionSlot[], hasErrors: boolean) {
    this.ints = new Int32Array(memory, 0, count * rowInts)
    this.floats = new Float64Array(memory, 0, count * rowFloats)
    this.memory = memory
    this.bytes = Buffer.from(memory)
    this.slots = slots
    this.hasErrors = hasErrors
    this.count = count
  }

  slot(row: number): number {
    return this.ints[row * rowInts + 4]
  }

  offset(row: number): number {
    return this.floats[row * rowFloats]
  }

  leaderEpoch(row: number): number {
    return this.ints[row * rowInts + 5]
  }

  /** Bytes of key and value. */
  size(row: number): number {
    return Math.max(this.ints[row * rowInts + 7], 0) + Math.max(this.ints[row * rowInts + 9], 0)
  }

  error(row: number): number {
    return this.ints[row * rowInts + 13]
  }

  /** Its partition was lost or sought away from since it was handed out: it says nothing of where the group is. */
  forget(row: number): void {
    this.ints[row * rowInts + 15] = 1
  }

  forgotten(row: number): boolean {
    return this.ints[row * rowInts + 15] !== 0
  }

  /** Removes rows from `from` on for which `drop` says so; those before have been handed out. */
  remove(from: number, drop: (row: number) => boolean): void {
    let to = from
    for (let row = from; row < this.count; row++) {
      if (drop(row)) continue
      if (to !== row) this.ints.copyWithin(to * rowInts, row * rowInts, (row + 1) * rowInts)
      to++
    }
    this.count = to
  }
}

/** `CreateTime` is the producer's clock, `LogAppendTime` the broker's. */
export type TimestampType = 'CreateTime' | 'LogAppendTime'

const timestampTypes: readonly (TimestampType | null)[] = [null, 'CreateTime', 'LogAppendTime']

/**
 * A consumed message. It is a view: its bytes are read when asked for, and keeping it keeps the slab it came in (up to
 * about 256 KiB). Call `detach()` on messages that are kept for long.
 */
export class Message {
  /** @internal */
  _slab: MessageSlab
  /** @internal */
  _row: number

  /** @internal */
  constructor(slab: MessageSlab, row: number) {
    this._slab = slab
    this._row = row
  }

  get topic(): string {
    return this._slab.slots[this._slab.ints[this._row * rowInts + 4]].topic
  }

  get partition(): number {
    return this._slab.slots[this._slab.ints[this._row * rowInts + 4]].partition
  }

  get offset(): number {
    return this._slab.floats[this._row * rowFloats]
  }

  /** Milliseconds since 1970; null when the message has none. */
  get timestamp(): number | null {
    return this.timestampType === null ? null : this._slab.floats[this._row * rowFloats + 1]
  }

  get timestampType(): TimestampType | null {
    return timestampTypes[this._slab.ints[this._row * rowInts + 12]]
  }

  /** KIP-320; null when unknown. */
  get leaderEpoch(): number | null {
    const epoch = this._slab.ints[this._row * rowInts + 5]
    return epoch < 0 ? null : epoch
  }

  /** The key's bytes, in the message's slab; null is not empty. */
  get key(): Buffer | null {
    return this.#bytes(6)
  }

  /** The key as text; null for null. With `'latin1'` each byte is a character, so that no two keys are the same text. */
  keyText(encoding: 'utf8' | 'latin1' = 'utf8'): string | null {
    const int = this._row * rowInts
    const length = this._slab.ints[int + 7]
    if (length < 0) return null
    const position = this._slab.ints[int + 6]
    return this._slab.bytes.toString(encoding, position, position + length)
  }

  /** The value's bytes, in the message's slab; null (a tombstone) is not empty. */
  get value(): Buffer | null {
    return this.#bytes(8)
  }

  /** The value as UTF-8 text; null for null. */
  text(): string | null {
    const int = this._row * rowInts
    const length = this._slab.ints[int + 9]
    if (length < 0) return null
    const position = this._slab.ints[int + 8]
    return this._slab.bytes.toString('utf8', position, position + length)
  }

  /** The value parsed as JSON; null for null. Throws SyntaxError for what is not JSON, naming topic and offset. */
  json<T = unknown>(): T {
    const text = this.text()
    if (text === null) return null as T
    try {
      return JSON.parse(text) as T
    } catch (error) {
      throw new SyntaxError(`${this.topic} [${this.partition}] at ${this.offset}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  /** The headers in their order; names may repeat, values may be null. */
  get headers(): MessageHeaders {
    const int = this._row * rowInts
    const { ints, bytes } = this._slab
    return new MessageHeaders(bytes, ints[int + 10], ints[int + 11])
  }

  /** A copy with memory of its own, of the message's size: for messages that are kept. */
  detach(): Message {
    const int = this._row * rowInts
    const { ints, bytes, slots } = this._slab
    const start = ints[int + 6]
    const end = headersEnd(bytes, ints[int + 10], ints[int + 11])
    const memory = new ArrayBuffer(rowInts * 4 + end - start)
    const copy = new MessageSlab(memory, 1, slots, false)
    copy.ints.set(ints.subarray(int, int + rowInts))
    for (const field of [6, 8, 10]) copy.ints[field] += rowInts * 4 - start
    bytes.copy(copy.bytes, rowInts * 4, start, end)
    return new Message(copy, 0)
  }

  #bytes(field: number): Buffer | null {
    const int = this._row * rowInts
    const { ints, memory } = this._slab
    const length = ints[int + field + 1]
    // Half the cost of subarray, which asks its buffer first where it lies.
    return length < 0 ? null : Buffer.from(memory, ints[int + field], length)
  }

  /** Plain fields; key and value as text where they are UTF-8, else `{ base64 }`. */
  toJSON(): Record<string, unknown> {
    const { topic, partition, offset, timestamp } = this
    const [key, value] = [readable(this.key), readable(this.value)]
    return { topic, partition, offset, timestamp, key, value, headers: this.headers.toJSON() }
  }

  [inspect.custom](_depth: number, options: object): string {
    return `Message ${inspect(this.toJSON(), options)}`
  }
}
