// Group metadata of nobody, in librdkafka's form.
import type { ConsumerGroupMetadata } from 'odradek'

/** Of a member that the group does not have: offsets sent with it are refused by the coordinator. */
export function staleMember(groupId: string): ConsumerGroupMetadata {
  const opaque = Buffer.concat([
    Buffer.from('CGMDv2:'),
    Buffer.from([9, 0, 0, 0]),
    Buffer.from(`${groupId}\0`),
    Buffer.from('nobody\0'),
    Buffer.from([1]),
  ])
  return { groupId, generationId: 9, memberId: 'nobody', groupInstanceId: null, opaque }
}
