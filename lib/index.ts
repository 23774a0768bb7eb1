// The public surface of the package.
import { binding } from './binding.js'

export { AdminClient } from './admin.js'
export type {
  AclBinding,
  AclFilter,
  AclOperation,
  AclPatternType,
  AclPermission,
  AclResourceType,
  CreateAclResult,
  DeleteAclsResult,
  NewAcl,
} from './admin-acls.js'
export type { ClusterDescription, ElectionResult, ElectionType } from './admin-cluster.js'
export type {
  ConfigAlteration,
  ConfigDescription,
  ConfigEntry,
  ConfigResource,
  ConfigResourceType,
  ConfigResult,
  ConfigSynonym,
} from './admin-configs.js'
export type { GroupLag, GroupPartitionLag, ResetOffsetsOptions, ResetTarget } from './admin-conveniences.js'
export type {
  GroupDescription,
  GroupListing,
  GroupListings,
  GroupMember,
  GroupResult,
  GroupState,
  GroupType,
  ListGroupOffsetsOptions,
  ListGroupsOptions,
} from './admin-groups.js'
export type {
  AdminOperationOptions,
  AdminOptions,
  AuthorizedOperationsOptions,
  ValidateOptions,
} from './admin-request.js'
export type { ScramAlteration, ScramDescription, ScramMechanism, ScramResult } from './admin-scram.js'
export type {
  ListOffsetsOptions,
  ListOffsetsResult,
  NewPartitions,
  NewTopic,
  Node,
  OffsetSpec,
  PartitionDescription,
  TopicDescription,
  TopicResult,
} from './admin-topics.js'
export type { ClientOptions, LogEntry, Logger, OperationOptions, Throttle } from './client.js'
export type { AdminConfig, ConsumerConfig, ProducerConfig, ShareConsumerConfig, TopicConfig } from './config.js'
export type { ConsumerHealth } from './connection.js'
export { Consumer, type ConsumerOptions } from './consumer.js'
export type { ConsumerCommitEvent, ConsumerRebalanceEvent, ConsumerReceiveEvent } from './consumer-diagnostics.js'
export type { PartitionLag, Watermarks } from './consumer-positions.js'
export type { ReadableOptions } from './consumer-readable.js'
export {
  type DeliveryReport,
  DeliveryReports,
  type DeliveryStatus,
  type FailedDeliveryReport,
} from './delivery-report.js'
export { type ErrorCode, ErrorCodes, KafkaError } from './errors.js'
export type { ConsumerGroupMetadata } from './group-metadata.js'
export { Message, type TimestampType } from './message.js'
export { MessageBatch } from './message-batch.js'
export { MessageHeaders } from './message-headers.js'
export type { BrokerMetadata, Metadata, PartitionMetadata, TopicMetadata } from './metadata.js'
export { MockCluster, type MockClusterOptions } from './mock-cluster.js'
export { Offset, type TopicPartition, type TopicPartitionOffset, type TopicPartitionResult } from './offset.js'
export type { PartitionStream } from './partition-stream.js'
export type { PartitionStreamsOptions } from './partition-streams.js'
export { type PartitionerName, partitionFor } from './partitioner.js'
export { Producer, type ProducerOptions } from './producer.js'
export { type Balancer, leastBytes, roundRobin } from './producer-balancer.js'
export type { ProducerDeliveryEvent, ProducerSendEvent } from './producer-diagnostics.js'
export type { ProducerLength } from './producer-queue.js'
export type { WritableOptions } from './producer-writable.js'
export type { ReadOptions } from './range.js'
export type { BatchOptions } from './readers.js'
export type { RebalanceHooks } from './rebalance.js'
export type { BatchRecord, HeadersInput, ProducerRecord, RecordBytes } from './record.js'
export type { Statistics } from './statistics.generated.js'
export type { OAuthBearerToken, TokenProvider } from './token-provider.js'
export type { Transaction } from './transaction.js'
export type { TransactionCounts } from './transactions.js'

/** The version of the linked librdkafka, and what it was built with (`builtin.features`). */
export const librdkafka: { readonly version: string; readonly features: readonly string[] } = {
  version: binding.librdkafkaVersion,
  features: binding.features().split(','),
}
