// Where a consumer is, and where it could be: questions to the client and to the brokers.
import type { NativeConsumer, NativePartition } from './binding.js'
import { Client, type OperationOptions } from './client.js'
import { KafkaError } from './errors.js'
import {
  checkPartitions,
  Offset,
  partitionResults,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'

/** The offsets of the oldest message and of the one that will come next. */
export interface Watermarks {
  low: number
  high: number
}

export interface PartitionLag extends TopicPartition {
  /** The next offset to read; `Offset.invalid` before the first message. */
  position: number
  /** The high watermark (with read_committed, the last stable offset); `Offset.invalid` before the first fetch. */
  end: number
  /** Messages between the two; null while one is unknown. */
  lag: number | null
}

const defaultTimeout = 10_000

export abstract class ConsumerPositions extends Client<NativeConsumer> {
  /** The partitions that are this consumer's now. */
  abstract get assignment(): TopicPartition[]

  /**
   * The next offset to be handed to the application, for each partition; `Offset.invalid` before the first message.
   * Answers at once (rd_kafka_position, less what is received but not handed out).
   */
  position(partitions: readonly TopicPartition[] = this.assignment): TopicPartitionResult[] {
    this.assertOpen()
    const results = partitionResults(this.native.position(checkPartitions(partitions, 'position')))
    const unread = this.unread()
    for (const result of results) {
      const first = unread.find((u) => u.topic === result.topic && u.partition === result.partition)
      if (first) result.offset = first.offset
    }
    return results
  }

  /** For each partition the first offset that was received and not handed out. */
  protected abstract unread(): TopicPartitionOffset[]

  /**
   * What the group has committed; `Offset.invalid` where there is nothing. Asks the coordinator; `timeout` in
   * milliseconds, 10 s without one.
   */
  async committed(
    partitions: readonly TopicPartition[] = this.assignment,
    { timeout = defaultTimeout, signal }: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const list = checkPartitions(partitions, 'committed')
    return partitionResults(await this.command((id) => this.native.committed(id, list, timeout), signal))
  }

  /** The watermarks that the last fetch brought; null before it. Answers at once. */
  cachedWatermarks({ topic, partition }: TopicPartition): Watermarks | null {
    this.assertOpen()
    checkPartitions([{ topic, partition }], 'cachedWatermarks')
    const [low, high] = this.native.cachedWatermarks(topic, partition) ?? [Offset.invalid, Offset.invalid]
    return high === Offset.invalid ? null : { low, high }
  }

  /** Asks the partition's leader for its watermarks. `timeout` in milliseconds, 10 s without one. */
  async watermarks(
    { topic, partition }: TopicPartition,
    { timeout = defaultTimeout, signal }: OperationOptions = {},
  ): Promise<Watermarks> {
    this.assertOpen()
    checkPartitions([{ topic, partition }], 'watermarks')
    const send = (id: number) => this.native.watermarks(id, topic, partition, timeout)
    const [low, high] = await this.command<[number, number]>(send, signal)
    return { low, high }
  }

  /**
   * For each partition the offset of the first message at or after `time` (a Date or milliseconds since 1970);
   * `Offset.end` where all are older.
   */
  async offsetsForTimes(
    partitions: readonly (TopicPartition & { time: Date | number })[],
    { timeout = defaultTimeout, signal }: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    checkPartitions(partitions, 'offsetsForTimes')
    const list = partitions.map(({ topic, partition, time }) => ({ topic, partition, offset: milliseconds(time) }))
    const send = (id: number) => this.native.offsetsForTimes(id, list, timeout)
    return partitionResults(await this.command<NativePartition[]>(send, signal))
  }

  /** How far this consumer is behind, for each partition, by what it knows without asking a broker. */
  lag(partitions: readonly TopicPartition[] = this.assignment): PartitionLag[] {
    return this.position(partitions).map(({ topic, partition, offset: position }) => {
      const end = this.cachedWatermarks({ topic, partition })?.high ?? Offset.invalid
      const known = position >= 0 && end >= 0
      return { topic, partition, position, end, lag: known ? Math.max(0, end - position) : null }
    })
  }

  /** This member's id in the group; empty before it has joined. */
  async memberId(): Promise<string> {
    this.assertOpen()
    return await this.command((id) => this.native.memberId(id))
  }

  /** `EAGER`, `COOPERATIVE` or `NONE`, which it is before the group has joined. */
  async rebalanceProtocol(): Promise<'EAGER' | 'COOPERATIVE' | 'NONE'> {
    this.assertOpen()
    return await this.command((id) => this.native.rebalanceProtocol(id))
  }
}

function milliseconds(time: Date | number): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new KafkaError('_INVALID_ARG', `a time is a Date or milliseconds since 1970; got ${String(time)}`)
}
