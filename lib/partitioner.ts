// The partitioners of librdkafka as pure functions, so that a program can know where a key goes.
import { KafkaError } from './errors.js'
import { bytesOf, type RecordBytes } from './record.js'

/**
 * librdkafka's names for `partitioner`, and one more: `murmur2` is Java's, `consistent` librdkafka's CRC32, `fnv1a` that of
 * sarama and of kafka-go's `Hash`, `fnv1a_reference` that of kafka-go's `ReferenceHash` and sarama's reference one. With
 * `_random`, a record without a key may go anywhere.
 */
export type PartitionerName =
  | 'random'
  | 'consistent'
  | 'consistent_random'
  | 'murmur2'
  | 'murmur2_random'
  | 'fnv1a'
  | 'fnv1a_random'
  | 'fnv1a_reference'

const hashes: Readonly<Record<PartitionerName, ((bytes: Uint8Array) => number) | null>> = {
  random: null,
  consistent: crc32,
  consistent_random: crc32,
  murmur2: (bytes) => murmur2(bytes) & 0x7fffffff,
  murmur2_random: (bytes) => murmur2(bytes) & 0x7fffffff,
  fnv1a: (bytes) => Math.abs(fnv1a(bytes)),
  fnv1a_random: (bytes) => Math.abs(fnv1a(bytes)),
  fnv1a_reference: (bytes) => fnv1a(bytes) & 0x7fffffff,
}

/**
 * The partition, of `partitionCount`, that a key goes to with a partitioner (`consistent_random`, librdkafka's default,
 * without one); null when that partitioner would choose one at random. `consistent_random` takes an empty key for none.
 * Throws KafkaError `_INVALID_ARG` for an unknown partitioner or a count below 1.
 *
 * ```ts
 * partitionFor('order-1', 12, 'murmur2') // as the Java client would
 * ```
 */
export function partitionFor(
  key: RecordBytes,
  partitionCount: number,
  partitioner: PartitionerName = 'consistent_random',
): number | null {
  if (!Number.isInteger(partitionCount) || partitionCount < 1) {
    throw new KafkaError('_INVALID_ARG', `a partition count is an integer from 1; got ${partitionCount}`)
  }
  if (!Object.hasOwn(hashes, partitioner)) {
    const names = Object.keys(hashes).join(', ')
    throw new KafkaError('_INVALID_ARG', `unknown partitioner '${partitioner}'; there are ${names}`)
  }
  const hash = hashes[partitioner]
  const bytes = typeof key === 'string' ? Buffer.from(key) : bytesOf(key, 'key')
  const random =
    bytes === null ? partitioner.endsWith('_random') : bytes.length === 0 && partitioner === 'consistent_random'
  if (hash === null || random) return null
  return hash(bytes ?? new Uint8Array()) % partitionCount
}

let crcTable: Uint32Array | undefined

function crc32(bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
    return value
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** 32-bit FNV-1a, as a signed number. */
function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5 | 0
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

/** Java's Utils.murmur2, as a signed number. */
function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995
  const { length } = bytes
  let hash = 0x9747b28c ^ length
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
    k = Math.imul(k, m)
    k = Math.imul(k ^ (k >>> 24), m)
    hash = Math.imul(hash, m) ^ k
  }
  const left = length - at
  if (left > 2) hash ^= bytes[at + 2] << 16
  if (left > 1) hash ^= bytes[at + 1] << 8
  if (left > 0) hash = Math.imul(hash ^ bytes[at], m)
  hash = Math.imul(hash ^ (hash >>> 13), m)
  return hash ^ (hash >>> 15)
}
