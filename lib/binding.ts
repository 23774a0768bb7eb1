// The addon, typed here and nowhere else; load-addon.ts finds and loads it.
import type { NativeError } from './errors.js'
import { loadAddon } from './load-addon.js'

/** What the native side sends, as the first argument of a client's dispatch function; native/client.h has the same. */
export const Dispatch = {
  /** (error | null): rd_kafka_new is through. */
  opened: 0,
  /** (id, error | null, value): a command is through. */
  command: 1,
  /** (error) */
  error: 2,
  /** (level, facility, message) */
  log: 3,
  /** (json) */
  statistics: 4,
  /** (sasl.oauthbearer.config) */
  tokenRefresh: 5,
  /** (broker, broker id, ms) */
  throttle: 6,
  /** (): nextTurn() is to be called when the event loop has turned. */
  turn: 7,
  /** (): there are delivery reports to take. */
  delivery: 10,
  /** (slab): its records are with librdkafka, its memory is ours again. */
  slabFree: 11,
  /** (rows and bytes, count, new slots | null, last slab of the answer) */
  messages: 20,
  /** (type, partitions, lost, cooperative) */
  rebalance: 21,
  /** (error | null, partitions) */
  offsetCommit: 22,
} as const

export type DispatchFunction = (kind: number, a: unknown, b: unknown, c: unknown, d: unknown) => void

/** A partition as it crosses; null where there is none. */
export interface NativePartition {
  topic: string
  partition: number
  offset: number
  leaderEpoch: number | null
  metadata: string | null
  error: NativeError | null
}

/** What goes the other way. */
export interface NativePartitionInput {
  topic: string
  partition: number
  offset?: number
  leaderEpoch?: number | null
  metadata?: string | null
}

/** Methods with an `id` first are commands: they return at once and are answered through the dispatch function. */
export interface NativeClient {
  close(id: number, timeout: number): void
  /** Closing has come to rd_kafka_destroy. */
  destroying(): boolean
  /** After the answer to close: nothing crosses any more. */
  dispose(): void
  /** What waited for the event loop's turn is delivered. */
  nextTurn(dispatch: DispatchFunction): void
  /** The process stays alive while there are more holds than unholds. */
  hold(): void
  unhold(): void
  setToken(token: string, lifetimeMs: number, principal: string, extensions: string[]): NativeError | null
  setTokenFailure(why: string): NativeError | null
  setSaslCredentials(username: string, password: string): NativeError | null
  testFatalError(code: number, reason: string): void
  /** Answered with JSON; the arguments of each operation are in native/admin_*.cc. */
  admin(id: number, operation: string, args: unknown, settings: object): void
  /** Answered with JSON. Without all topics those that the client knows. */
  metadata(id: number, timeout: number, allTopics: boolean): void
  clusterId(id: number, timeout: number): void
  controllerId(id: number, timeout: number): void
}

/** On whose behalf offsets are sent: what groupMetadata() had as `bytes`, or a consumer. */
export type NativeOwner = Uint8Array | NativeConsumer

export interface NativeProducer extends NativeClient {
  addTopic(name: string, entries: string[] | null): number
  /** Asks a broker. */
  countPartitions(id: number, topic: number, timeout: number): void
  addSlab(memory: ArrayBuffer): number
  removeSlab(slab: number): void
  /** True when the slab is free again at once; else Dispatch.slabFree brings it back. */
  produce(slab: number, size: number, count: number): boolean
  /** Fills the window with rows of delivery reports; how many. Fewer than fit are all there were. */
  takeReports(window: ArrayBuffer): number
  /** One slice of a flush; whether nothing is left. */
  flush(id: number, timeout: number): void
  purge(id: number, flags: number): void
  /** See TransactionCall in native/transaction.h, and Committed. */
  transaction(id: number, call: number, timeout: number): void
  flushTransaction(id: number, timeout: number): void
  /** See OffsetsOwner; without a membership `rebalances` is of no account. */
  sendOffsets(id: number, list: NativePartitionInput[], who: NativeOwner, rebalances: number, timeout: number): void
  commitWithOffsets(
    id: number,
    list: NativePartitionInput[],
    who: NativeOwner,
    rebalances: number,
    timeout: number,
  ): void
  interruptTransaction(): void
}

export interface NativeConsumer extends NativeClient {
  read(want: number): void
  /** Tells the group that the application is alive; brings at most one message, and a rebalance that waits. */
  poll(id: number): void
  storeOffsets(list: NativePartitionInput[]): NativePartition[] | null
  position(list: NativePartitionInput[]): NativePartition[] | null
  cachedWatermarks(topic: string, partition: number): [low: number, high: number] | null
  subscribe(id: number, list: NativePartitionInput[]): void
  unsubscribe(id: number): void
  subscription(id: number): void
  completeRebalance(id: number, list: NativePartitionInput[] | null): void
  assign(id: number, list: NativePartitionInput[] | null): void
  incrementalAssign(id: number, list: NativePartitionInput[]): void
  incrementalUnassign(id: number, list: NativePartitionInput[]): void
  assignment(id: number): void
  pause(id: number, list: NativePartitionInput[]): void
  resume(id: number, list: NativePartitionInput[]): void
  seek(id: number, list: NativePartitionInput[], timeout: number): void
  commit(id: number, list: NativePartitionInput[] | null): void
  committed(id: number, list: NativePartitionInput[], timeout: number): void
  offsetsForTimes(id: number, list: NativePartitionInput[], timeout: number): void
  watermarks(id: number, topic: string, partition: number, timeout: number): void
  memberId(id: number): void
  rebalanceProtocol(id: number): void
  /** See Consumer::Membership. */
  rebalancesAnswered(): number
  groupMetadata(id: number): void
}

/** What an embedded cluster sends, as the first argument of its dispatch function; native/mock_cluster_host.h has the same. */
export const MockDispatch = {
  /** (): its ports are closed and its threads gone. */
  closed: 0,
  /** (level, facility, message) */
  log: 1,
} as const

/** Arguments are checked by lib/mock-cluster*.ts. Brokers: -1 is none, or all of them where a state is set. */
export interface NativeMockCluster {
  bootstrapServers(): string
  /** Answered through the dispatch function; until then the process stays alive. */
  close(): void
  /** After the answer to close. */
  dispose(): void

  createTopic(topic: string, partitions: number, replicationFactor: number): NativeError | null
  deleteTopic(topic: string): NativeError | null
  topicError(topic: string, errno: number): NativeError | null
  hasPartition(topic: string, partition: number): boolean
  leader(topic: string, partition: number, broker: number): NativeError | null
  follower(topic: string, partition: number, broker: number): NativeError | null
  followerWatermarks(topic: string, partition: number, low: number, high: number): NativeError | null
  pushLeaderResponse(topic: string, partition: number, broker: number, epoch: number): NativeError | null
  deleteRecords(topic: string, partition: number, beforeOffset: number): NativeError | null

  brokerDown(broker: number): NativeError | null
  brokerUp(broker: number): NativeError | null
  brokerRtt(broker: number, ms: number): NativeError | null
  brokerRack(broker: number, rack: string): NativeError | null
  brokerHostPort(broker: number, host: string, port: number): NativeError | null
  addBroker(broker: number): NativeError | null
  decommissionBroker(broker: number): NativeError | null
  hideBroker(broker: number): NativeError | null
  controller(broker: number): NativeError | null
  coordinator(keyType: string, key: string, broker: number): NativeError | null
  apiVersions(apiKey: number, min: number, max: number): NativeError | null
  telemetryPushInterval(ms: number): NativeError | null
  telemetryMetrics(prefixes: string[]): NativeError | null

  pushErrors(apiKey: number, errnos: Int32Array): NativeError | null
  /** Pairs of errno and milliseconds. */
  pushBrokerErrors(broker: number, apiKey: number, errors: Int32Array): NativeError | null
  pushPartitionErrors(topic: string, partition: number, apiKey: number, errnos: Int32Array): NativeError | null
  brokerErrorsLeft(broker: number, apiKey: number): number | NativeError
  clearErrors(apiKey: number): NativeError | null
  startRequests(): NativeError | null
  /** Forgets what was tracked. */
  stopRequests(): NativeError | null
  clearRequests(): NativeError | null
  /** Rows of broker, API key, milliseconds since 1970. */
  requests(): Float64Array

  groupInitialRebalanceDelay(ms: number): NativeError | null
  groupSessionTimeout(ms: number): NativeError | null
  groupHeartbeatInterval(ms: number): NativeError | null
  /** Null for the members: librdkafka's own assignment again. */
  groupTargetAssignment(
    group: string,
    members: string[] | null,
    partitions: NativePartitionInput[][],
  ): NativeError | null
  shareGroupSessionTimeout(ms: number): NativeError | null
  shareGroupHeartbeatInterval(ms: number): NativeError | null
  shareGroupMaxDeliveryAttempts(count: number): NativeError | null
  shareGroupRecordLockDuration(ms: number): NativeError | null
  shareGroupIsolationLevel(level: number): NativeError | null
  shareGroupMaxSize(count: number): NativeError | null
  shareGroupMaxFetchSessions(count: number): NativeError | null
  shareGroupMaxRecordLocks(count: number): NativeError | null
  shareGroupAutoOffsetReset(policy: number): NativeError | null
  shareGroupTargetAssignment(group: string, members: string[], partitions: NativePartitionInput[][]): NativeError | null
  shareGroupMemberIds(group: string): string[] | NativeError
}

export interface Binding {
  librdkafkaVersion: string
  features(): string
  errorDescriptions(): [code: number, name: string, description: string][]
  Producer: new (entries: string[], dispatch: DispatchFunction) => NativeProducer
  Consumer: new (entries: string[], dispatch: DispatchFunction) => NativeConsumer
  Admin: new (entries: string[], dispatch: DispatchFunction) => NativeClient
  MockCluster: new (brokers: number, logLevel: number, dispatch: DispatchFunction) => NativeMockCluster
}

export const binding = loadAddon() as Binding
