import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { KafkaError, type PartitionerName, partitionFor } from 'odradek'
import { describe, expect, it } from 'vitest'

const aligned = 'PreAmbleWillBeRemoved,ThePrePartThatIs'
const keys = ['kafka', 'giberish123456789', '1234', '234', '34', '4', ...[0, 1, 2, 3].map((n) => aligned.slice(n)), '']

// Vectors from the unit tests of librdkafka, which took them from Java's and Go's implementations.
const murmur2 = [
  0xd067cf64, 0x8f552b0c, 0x9fc97b14, 0xe7c009ca, 0x873930da, 0x5a4b5ca1, 0x78424f1c, 0x4a62b377, 0xe0e4e09e,
  0x62b8b43f, 0x106e08d9,
]
const fnv1a = [
  0xd33c4e1, 0x77a58295, 0x23bdd03, 0x2dea3cd2, 0x740fa83e, 0x310ca263, 0x65cbd69c, 0x6e49c79a, 0x69eed356, 0x6abcc023,
  0x7ee3623b,
]

// Counts whose remainders together give the hash away.
const counts = [1, 2, 3, 7, 12, 100, 65_521, 2 ** 31 - 1]

/** 10,000 keys, those of test/unit/vectors/partitioner-go.go. */
function generatedKeys(): Uint8Array[] {
  let state = 42
  return Array.from({ length: 10_000 }, (_, i) =>
    Uint8Array.from({ length: 1 + (i % 40) }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    }),
  )
}

const goVectors = JSON.parse(readFileSync(new URL('./vectors/partitioner-go.json', import.meta.url), 'utf8')) as Record<
  string,
  { sha256: string; begin: number[] }
>

describe('partitionFor', () => {
  it.each([
    ['kafka-go Hash', 'fnv1a'],
    ['kafka-go ReferenceHash', 'fnv1a_reference'],
    ['kafka-go CRC32Balancer', 'consistent'],
    ['kafka-go Murmur2Balancer', 'murmur2'],
    ['sarama HashPartitioner', 'fnv1a'],
    ['sarama ReferenceHashPartitioner', 'fnv1a_reference'],
  ] as [string, PartitionerName][])('sends 10,000 keys where %s does (%s)', (implementation, name) => {
    const partitions = generatedKeys().map((key) => partitionFor(key, 97, name) as number)
    const { sha256, begin } = goVectors[implementation]
    expect(partitions.slice(0, 20)).toEqual(begin)
    expect(createHash('sha256').update(Uint8Array.from(partitions)).digest('hex')).toBe(sha256)
  })

  it.each([
    ['murmur2', murmur2.map((hash) => hash & 0x7fffffff)],
    ['murmur2_random', murmur2.map((hash) => hash & 0x7fffffff)],
    ['fnv1a', fnv1a],
    ['fnv1a_random', fnv1a],
  ] as [PartitionerName, number[]][])('%s agrees with the other implementations', (name, hashes) => {
    keys.forEach((key, i) => {
      for (const count of counts) expect(partitionFor(key, count, name), key).toBe(hashes[i] % count)
    })
  })

  it('takes CRC32 for consistent', () => {
    // The check value of CRC-32/ISO-HDLC.
    expect(partitionFor('123456789', 2 ** 32, 'consistent')).toBe(0xcbf43926)
    expect(partitionFor('123456789', 12)).toBe(0xcbf43926 % 12)
    expect(partitionFor(new Uint8Array([0xff, 0, 0x80]), 2 ** 32, 'consistent')).toBe(
      partitionFor(Buffer.from('ff0080', 'hex'), 2 ** 32, 'consistent'),
    )
  })

  it('says null where any partition may be taken', () => {
    expect(partitionFor(null, 3)).toBeNull()
    expect(partitionFor('', 3)).toBeNull()
    expect(partitionFor('key', 3, 'random')).toBeNull()
    expect(partitionFor(null, 3, 'murmur2_random')).toBeNull()
    expect(partitionFor('', 3, 'murmur2_random')).toBe(0x106e08d9 % 3)
    expect(partitionFor(undefined, 3, 'fnv1a')).toBe(0x7ee3623b % 3)
  })

  it('refuses what it cannot answer', () => {
    expect(() => partitionFor('k', 0)).toThrow(KafkaError)
    expect(() => partitionFor('k', 3, 'java' as never)).toThrow(/unknown partitioner 'java'; there are random/)
    expect(() => partitionFor(5 as never, 3)).toThrow(/key is a string, Buffer/)
  })
})
