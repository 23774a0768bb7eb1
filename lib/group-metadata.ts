// Who a group's member is, on its way from a consumer to a transactional producer.
import type { NativeConsumer } from './binding.js'
import { KafkaError } from './errors.js'

/** Of a consumer, for a producer's transaction. A plain object: it can be posted to a worker thread. */
export interface ConsumerGroupMetadata {
  readonly groupId: string
  /** The generation, or the member's epoch (KIP-848); -1 without a membership. */
  readonly generationId: number
  /** Empty without a membership. */
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** librdkafka's own form, of this version and process only. */
  readonly opaque: Uint8Array
}

/** @internal As it crosses. */
export interface NativeGroupMetadata extends Omit<ConsumerGroupMetadata, 'opaque'> {
  bytes: Uint8Array
}

/** @internal */
export function groupMetadataOf({ bytes, ...fields }: NativeGroupMetadata): ConsumerGroupMetadata {
  return { ...fields, opaque: bytes }
}

/** @internal */
export function checkOffsetsOwner(value: unknown): asserts value is OffsetsOwner {
  if (isMembership(value as OffsetsOwner)) return
  const { groupId, opaque } = (value ?? {}) as Partial<ConsumerGroupMetadata>
  if (typeof groupId === 'string' && opaque instanceof Uint8Array && opaque.length > 0) return
  throw new KafkaError(
    '_INVALID_ARG',
    'the group metadata of offsets is what consumer.groupMetadata() resolves with; tx.sendOffsets takes a Consumer, too',
  )
}

/** @internal Tells it from whatever a program may give; the same in each copy of this file. */
export const membership: unique symbol = Symbol.for('odradek.membership')

/**
 * @internal A consumer for whom offsets are committed in a transaction: who it is is looked up when they are sent, and
 * they are refused if it has lost its membership, or dealt with a rebalance since.
 */
export interface ConsumerMembership {
  readonly [membership]: true
  readonly groupId: string | null
  readonly native: NativeConsumer
  /** How many it had dealt with; -1 when its partitions are its own by hand. */
  readonly rebalances: number
}

/** @internal */
export function isMembership(owner: OffsetsOwner): owner is ConsumerMembership {
  return membership in Object(owner)
}

/** @internal On whose behalf offsets are committed. */
export type OffsetsOwner = ConsumerGroupMetadata | ConsumerMembership
