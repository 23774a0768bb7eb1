// What a program gives to a producer, and its validation.
import { KafkaError } from './errors.js'

/** Bytes of a record: a string is written as UTF-8. */
export type RecordBytes = string | Uint8Array | ArrayBufferView | ArrayBuffer | null | undefined

/** Ordered pairs, in which names may repeat; an object for the simple case. Null is a header without a value. */
export type HeadersInput = Iterable<readonly [name: string, value: RecordBytes]> | Readonly<Record<string, RecordBytes>>

/** A record of a batch whose topic is given for all of it. */
export interface BatchRecord {
  /** The partition; without one the partitioner of the configuration chooses. */
  partition?: number | null
  key?: RecordBytes
  /** Null is a tombstone, and is not the same as empty. */
  value?: RecordBytes
  headers?: HeadersInput | null
  /** Milliseconds since 1970, from 1, or a Date. Now, when there is none. */
  timestamp?: number | Date | null
  /** Comes back in the delivery report. */
  opaque?: unknown
}

export interface ProducerRecord extends BatchRecord {
  topic: string
}

const fields = ['topic', 'partition', 'key', 'value', 'headers', 'timestamp', 'opaque']

/** Names that the engine keeps once compare as pointers; looking one up in a Set costs ten times that. */
function isField(name: string): boolean {
  return (
    name === 'key' ||
    name === 'value' ||
    name === 'topic' ||
    name === 'partition' ||
    name === 'headers' ||
    name === 'timestamp' ||
    name === 'opaque'
  )
}

export function invalidRecord(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}

/** Throws a KafkaError `_INVALID_ARG` for what is not a record: a wrong type, or a field that does not exist. */
export function checkRecord<R>(record: R): R {
  if (typeof record !== 'object' || record === null) {
    throw invalidRecord(`a record is an object such as { topic, key, value }; got ${typeName(record)}`)
  }
  for (const name in record) {
    if (!isField(name)) {
      throw invalidRecord(`unknown field '${name}' in a record; its fields are ${fields.join(', ')}`)
    }
  }
  return record
}

export function checkTopic(topic: unknown): string {
  if (typeof topic === 'string' && topic !== '') return topic
  throw invalidRecord(`a record's topic is a name; got ${topic === '' ? "''" : typeName(topic)}`)
}

export function partitionOf(record: BatchRecord): number {
  const { partition } = record
  if (partition === undefined || partition === null) return -1
  if (Number.isInteger(partition) && partition >= 0 && partition <= 0x7fffffff) return partition
  throw invalidRecord(`a record's partition is an integer from 0; got ${String(partition)}`)
}

export function timestampOf(record: BatchRecord): number {
  const { timestamp } = record
  if (timestamp === undefined || timestamp === null) return 0
  const ms = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms > 0) return ms
  const hint = ms === 0 ? ', which librdkafka takes for none' : ''
  throw invalidRecord(
    `a record's timestamp is a Date or milliseconds since 1970, from 1; got ${String(timestamp)}${hint}`,
  )
}

/** The bytes of a key, value or header that is not a string; null for null and undefined. */
export function bytesOf(value: Exclude<RecordBytes, string>, what: string): Uint8Array | null {
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw invalidRecord(
    `a record's ${what} is a string, Buffer, ArrayBufferView, ArrayBuffer or null; got ${typeName(value)}`,
  )
}

/** Headers as pairs of name and value. */
export function headerPairs(headers: HeadersInput): (readonly [string, RecordBytes])[] {
  if (typeof headers !== 'object') {
    throw invalidRecord(`a record's headers are [name, value] pairs or an object; got ${typeName(headers)}`)
  }
  const pairs =
    Symbol.iterator in headers ? [...(headers as Iterable<readonly [string, RecordBytes]>)] : Object.entries(headers)
  for (const pair of pairs) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string') {
      throw invalidRecord("a record's headers are pairs such as ['name', value], the name a string")
    }
  }
  return pairs as (readonly [string, RecordBytes])[]
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'object') return value.constructor?.name ?? 'object'
  return typeof value
}
