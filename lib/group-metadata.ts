// Who a group's member is, on its way from a consumer to a transactional producer.
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
export function checkGroupMetadata(value: unknown): asserts value is ConsumerGroupMetadata {
  const { groupId, opaque } = (value ?? {}) as Partial<ConsumerGroupMetadata>
  if (typeof groupId === 'string' && opaque instanceof Uint8Array && opaque.length > 0) return
  throw new KafkaError('_INVALID_ARG', 'the group metadata of offsets is what consumer.groupMetadata() resolves with')
}

/**
 * @internal A member that the group has given up has no id until it joins again, and a broker takes offsets without one
 * from anybody: they would count although the partitions, and so the messages, are somebody else's.
 */
export function checkFenceable(metadata: ConsumerGroupMetadata, byHand: boolean, lost: boolean): void {
  if (byHand || (!lost && metadata.memberId !== '' && metadata.generationId >= 0)) return
  throw new KafkaError(
    'UNKNOWN_MEMBER_ID',
    `the consumer is not a member of group '${metadata.groupId}' (any more): what it has read is somebody else's now. ` +
      'Abort the transaction',
    { txnRequiresAbort: true },
  )
}
