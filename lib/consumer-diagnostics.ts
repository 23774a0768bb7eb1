// node:diagnostics_channel events of consumers. Without subscribers they cost a look at a flag for each block of messages.
import { channel } from 'node:diagnostics_channel'
import type { KafkaError } from './errors.js'
import type { TopicPartition, TopicPartitionResult } from './offset.js'

/** What `odradek:consumer:receive` publishes when a block of messages has come, before they are handed out. */
export interface ConsumerReceiveEvent {
  /** The consumer's `client.id`. */
  client: string
  /** Messages, and errors of partitions. */
  count: number
  /** Of the block. */
  bytes: number
}

/** What `odradek:consumer:commit` publishes when a commit is through, automatic ones included. */
export interface ConsumerCommitEvent {
  client: string
  results: TopicPartitionResult[]
  error: KafkaError | undefined
}

/** What `odradek:consumer:rebalance` publishes, before the hook runs. */
export interface ConsumerRebalanceEvent {
  client: string
  kind: 'assigned' | 'revoked' | 'lost'
  partitions: TopicPartition[]
}

/** @internal */
export const receiveChannel = channel('odradek:consumer:receive')
/** @internal */
export const commitChannel = channel('odradek:consumer:commit')
/** @internal */
export const rebalanceChannel = channel('odradek:consumer:rebalance')

/** @internal */
export function publishReceive(client: string, count: number, bytes: number): void {
  if (receiveChannel.hasSubscribers) receiveChannel.publish({ client, count, bytes } satisfies ConsumerReceiveEvent)
}

/** @internal */
export function publishCommit(client: string, results: TopicPartitionResult[], error: KafkaError | undefined): void {
  if (commitChannel.hasSubscribers) commitChannel.publish({ client, results, error } satisfies ConsumerCommitEvent)
}

/** @internal */
export function publishRebalance(client: string, rebalance: Omit<ConsumerRebalanceEvent, 'client'>): void {
  if (rebalanceChannel.hasSubscribers)
    rebalanceChannel.publish({ client, ...rebalance } satisfies ConsumerRebalanceEvent)
}
