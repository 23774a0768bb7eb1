// Packs records into slabs that the addon reads: nothing crosses per record. The layout is native/record_reader.h's.
import type { NativeProducer } from './binding.js'
import { KafkaError } from './errors.js'
import { type BatchRecord, bytesOf, headerPairs, type RecordBytes, timestampOf } from './record.js'

// Small enough for the processor's cache, and for the addon to begin while a batch is still being written.
const slabBytes = 64 * 1024
const headerBytes = 40
// Slabs kept for the next records; more are made while the addon is busy, and let go afterwards.
const keptSlabs = 64

interface Slab {
  id: number
  bytes: Buffer
  ints: Int32Array
  floats: Float64Array
  used: number
  count: number
}

/** @internal */
export class RecordWriter {
  readonly #native: NativeProducer
  readonly #maxBytes: number
  readonly #maxQueueBytes: number
  // What is no longer than this breaks neither limit.
  readonly #unchecked: number
  readonly #free: Slab[] = []
  readonly #handedOver = new Map<number, Slab>()
  #slab: Slab
  #scheduled = false
  readonly #flush = () => this.flush()

  /** The limits are `message.max.bytes` and, in bytes, `queue.buffering.max.kbytes`. */
  constructor(native: NativeProducer, maxBytes: number, maxQueueBytes: number) {
    this.#native = native
    this.#maxBytes = maxBytes
    this.#maxQueueBytes = maxQueueBytes
    this.#unchecked = Math.min(maxBytes, maxQueueBytes)
    this.#slab = this.#newSlab(slabBytes)
  }

  /**
   * Writes a record, for a partition or (-1) for librdkafka's partitioner; returns its size as librdkafka counts it (key and value, bytes). Throws a KafkaError for a record
   * that cannot be one, with nothing written.
   */
  write(topic: number, partition: number, record: BatchRecord, slot: number, index: number): number {
    const timestamp = timestampOf(record)
    const { key, value } = record
    const headers = record.headers ? headerPairs(record.headers) : undefined
    const bound = headerBytes + boundOf(key, 'key') + boundOf(value, 'value') + headersBound(headers) + 8
    // Before memory of its own is made for it.
    if (bound > slabBytes) this.#checkSize(sizeOf(key, 'key'), sizeOf(value, 'value'))
    const slab = this.#room(bound)
    const start = slab.used
    let at = start + headerBytes
    const keyLength = put(slab.bytes, at, key)
    if (keyLength > 0) at += keyLength
    const valueLength = put(slab.bytes, at, value)
    if (valueLength > 0) at += valueLength
    const size = at - start - headerBytes
    if (size > this.#unchecked) this.#checkSize(keyLength, valueLength)
    if (headers) at = putHeaders(slab.bytes, at, headers)
    const end = (at + 7) & ~7
    const { ints } = slab
    const word = start >> 2
    ints[word] = end - start
    ints[word + 1] = topic
    ints[word + 2] = partition
    ints[word + 3] = keyLength
    ints[word + 4] = valueLength
    ints[word + 5] = headers ? headers.length : 0
    ints[word + 6] = slot
    ints[word + 7] = index
    slab.floats[(start >> 3) + 4] = timestamp
    slab.used = end
    slab.count++
    if (!this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(this.#flush)
    }
    return size
  }

  #checkSize(keyLength: number, valueLength: number): void {
    const size = Math.max(keyLength, 0) + Math.max(valueLength, 0)
    if (size <= this.#unchecked) return
    if (size > this.#maxBytes) {
      const message = `a record of ${size} bytes (key and value); message.max.bytes is ${this.#maxBytes}`
      throw new KafkaError('MSG_SIZE_TOO_LARGE', message)
    }
    // librdkafka, which counts values here, would never have room for it.
    if (valueLength > this.#maxQueueBytes) {
      const message = `a value of ${valueLength} bytes; queue.buffering.max.kbytes allows ${this.#maxQueueBytes} in all`
      throw new KafkaError('MSG_SIZE_TOO_LARGE', message)
    }
  }

  /** Hands over what has been written. Otherwise that happens when a slab is full, and at the end of the turn. */
  flush(): void {
    this.#scheduled = false
    const slab = this.#slab
    if (slab.count === 0) return
    const size = slab.used
    const count = slab.count
    slab.used = 0
    slab.count = 0
    const free = this.#native.produce(slab.id, size, count)
    const standard = slab.bytes.length === slabBytes
    if (free && standard) return
    if (standard) this.#handedOver.set(slab.id, slab)
    else if (free) this.#native.removeSlab(slab.id)
    this.#slab = this.#free.pop() ?? this.#newSlab(slabBytes)
  }

  /** The addon is done with a slab. */
  released(id: number): void {
    const slab = this.#handedOver.get(id)
    this.#handedOver.delete(id)
    if (slab && this.#free.length < keptSlabs) this.#free.push(slab)
    else this.#native.removeSlab(id)
  }

  #room(bound: number): Slab {
    if (this.#slab.used + bound <= this.#slab.bytes.length) return this.#slab
    this.flush()
    // A record that fits no slab gets memory of its own.
    if (bound > this.#slab.bytes.length) {
      this.#free.push(this.#slab)
      this.#slab = this.#newSlab((bound + 7) & ~7)
    }
    return this.#slab
  }

  #newSlab(size: number): Slab {
    const memory = new ArrayBuffer(size)
    return {
      id: this.#native.addSlab(memory),
      bytes: Buffer.from(memory),
      ints: new Int32Array(memory),
      floats: new Float64Array(memory),
      used: 0,
      count: 0,
    }
  }
}

/** @internal The size of a record as librdkafka counts it; what is not a record has none. */
export function sizeOfRecord(record: BatchRecord): number {
  try {
    return sizeOf(record.key, 'key') + sizeOf(record.value, 'value')
  } catch {
    return 0
  }
}

function sizeOf(value: RecordBytes, what: string): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : boundOf(value, what)
}

/** The most bytes that the value can take; a string's may be three times its length. */
function boundOf(value: RecordBytes, what: string): number {
  if (typeof value === 'string') return value.length < 0x10000 ? value.length * 3 : Buffer.byteLength(value)
  if (value === null || value === undefined) return 0
  if (value instanceof Uint8Array) return value.length
  return bytesOf(value, what)?.length ?? 0
}

function headersBound(headers: (readonly [string, RecordBytes])[] | undefined): number {
  if (!headers) return 0
  let bound = 0
  for (const [name, value] of headers) bound += 8 + name.length * 3 + boundOf(value, `header '${name}'`)
  return bound
}

// Up to here a loop beats the call into Node's own writing.
const shortString = 24

/** Writes the bytes; returns their number, -1 for null. */
function put(bytes: Buffer, at: number, value: RecordBytes): number {
  if (typeof value === 'string') {
    const { length } = value
    if (length > shortString) return bytes.write(value, at, 'utf8')
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) return bytes.write(value, at, 'utf8')
      bytes[at + i] = code
    }
    return length
  }
  if (value === null || value === undefined) return -1
  const source = value instanceof Uint8Array ? value : (bytesOf(value, 'value') as Uint8Array)
  bytes.set(source, at)
  return source.length
}

function putHeaders(bytes: Buffer, start: number, headers: (readonly [string, RecordBytes])[]): number {
  let at = start
  for (const [name, value] of headers) {
    const nameLength = bytes.write(name, at + 8, 'utf8')
    const valueLength = put(bytes, at + 8 + nameLength, value)
    bytes.writeInt32LE(nameLength, at)
    bytes.writeInt32LE(valueLength, at + 4)
    at += 8 + nameLength + Math.max(valueLength, 0)
  }
  return at
}
