// Offsets and partitions as programs write them.
import type { NativePartition, NativePartitionInput } from './binding.js'
import { KafkaError } from './errors.js'

export interface TopicPartition {
  topic: string
  partition: number
}

export interface TopicPartitionOffset extends TopicPartition {
  /** An offset, or one of `Offset`'s. */
  offset: number
  /** KIP-320; null or undefined when unknown. */
  leaderEpoch?: number | null
  /** A text stored with a committed offset. */
  metadata?: string | null
}

/** What an operation says of one partition. */
export interface TopicPartitionResult extends TopicPartitionOffset {
  leaderEpoch: number | null
  metadata: string | null
  error: KafkaError | undefined
}

/** Offsets with a name, as in librdkafka. */
export const Offset = {
  /** The oldest message. */
  beginning: -2,
  /** After the newest message. */
  end: -1,
  /** What the group has committed. */
  stored: -1000,
  /** No offset: nothing committed, position unknown. */
  invalid: -1001,
  /** The n-th last message. */
  tail(n: number): number {
    if (!Number.isSafeInteger(n) || n < 0) throw new KafkaError('_INVALID_ARG', `Offset.tail takes a count; got ${n}`)
    return -2000 - n
  },
} as const

/** @internal A key for maps. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${partition}/${topic}`
}

/** @internal Checks partitions that a program gave. */
export function checkPartitions(list: readonly TopicPartition[], what: string): NativePartitionInput[] {
  if (!Array.isArray(list)) throw new KafkaError('_INVALID_ARG', `${what} takes an array of { topic, partition }`)
  for (const item of list) {
    const { topic, partition } = (item ?? {}) as TopicPartition
    const fits = Number.isInteger(partition) && partition >= 0 && partition <= 0x7fff_ffff
    // A NUL would end the name in librdkafka, and name another topic.
    if (typeof topic !== 'string' || topic === '' || topic.includes('\0') || !fits) {
      const given = JSON.stringify({ topic, partition })
      throw new KafkaError(
        '_INVALID_ARG',
        `${what} takes { topic: a name, partition: an integer from 0 to 2147483647 }; got ${given}`,
      )
    }
  }
  return list as NativePartitionInput[]
}

/** @internal The same with offsets. */
export function checkOffsets(list: readonly TopicPartitionOffset[], what: string): NativePartitionInput[] {
  checkPartitions(list, what)
  for (const { topic, partition, offset } of list) {
    if (typeof offset !== 'number' || !Number.isInteger(offset)) {
      throw new KafkaError(
        '_INVALID_ARG',
        `${what}: the offset of ${topic} [${partition}] is an integer; got ${offset}`,
      )
    }
    if (!Number.isSafeInteger(offset)) {
      throw new RangeError(`${what}: offset ${offset} of ${topic} [${partition}] is beyond 2^53 - 1`)
    }
  }
  return list as NativePartitionInput[]
}

/** @internal Where to begin: an offset, or a named one; with `orNone` also `Offset.invalid`, which leaves it open. */
export function checkStarts(
  list: readonly TopicPartitionOffset[],
  what: string,
  { orNone = true } = {},
): NativePartitionInput[] {
  checkOffsets(list, what)
  const { beginning, end, stored, invalid } = Offset
  for (const { topic, partition, offset } of list) {
    if (offset >= 0 || offset <= Offset.tail(0) || offset === beginning || offset === end || offset === stored) continue
    if (orNone && offset === invalid) continue
    const known = 'an offset from 0, Offset.beginning, .end, .stored or .tail(n)'
    throw new KafkaError(
      '_INVALID_ARG',
      `${what}: where to begin in ${topic} [${partition}] is ${known}; got ${offset}`,
    )
  }
  return list as NativePartitionInput[]
}

/** @internal */
export function partitionResults(list: NativePartition[] | null): TopicPartitionResult[] {
  return (list ?? []).map(({ error, ...rest }) => ({ ...rest, error: error ? KafkaError.from(error) : undefined }))
}
