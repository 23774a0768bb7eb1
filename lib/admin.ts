// An admin client: typed methods over the one generic request (admin-request.ts). What each sends and makes of the
// answer is in admin-topics.ts, admin-configs.ts and so on.
import { whenAborted } from './abort.js'
import * as acls from './admin-acls.js'
import { checkText } from './admin-check.js'
import * as cluster from './admin-cluster.js'
import * as configs from './admin-configs.js'
import * as conveniences from './admin-conveniences.js'
import * as groups from './admin-groups.js'
import {
  type AdminOperationOptions,
  type AdminOptions,
  type Ask,
  type AuthorizedOperationsOptions,
  asSaid,
  checkOptions,
  checkTimeout,
  settingsOf,
  type ValidateOptions,
} from './admin-request.js'
import * as scram from './admin-scram.js'
import * as topics from './admin-topics.js'
import { binding, type NativeClient } from './binding.js'
import { Client, type ClientOptions, closedError, type OperationOptions } from './client.js'
import { checkClientOptions, checkTimed, refuseClose } from './client-check.js'
import { type AdminConfig, effective, prepareConfig } from './config.js'
import { Consumer } from './consumer.js'
import { KafkaError } from './errors.js'
import { type Metadata, metadataFrom, topicMetadata } from './metadata.js'
import type { TopicPartition, TopicPartitionOffset, TopicPartitionResult } from './offset.js'
import { Producer } from './producer.js'

/** A handle of its own. */
class AdminHandle extends Client<NativeClient> {
  constructor(config: AdminConfig, options: ClientOptions) {
    checkClientOptions(options, 'AdminClient')
    const entries = prepareConfig('admin', config, { tokenProvider: options.tokenProvider !== undefined }).flat()
    super(
      (dispatch) => new binding.Admin(entries, dispatch),
      effective('admin', config)['client.id'] ?? 'admin',
      options,
    )
  }

  close(timeout: number): Promise<void> {
    return this.closeOnce(timeout, async () => {})
  }
}

const defaultCloseTimeout = 30_000

/**
 * Administers a cluster. Construction does not block and connects in the background.
 *
 * ```ts
 * await using admin = new AdminClient({ 'bootstrap.servers': brokers })
 * await admin.createTopics([{ topic: 'orders', numPartitions: 12, replicationFactor: 3 }])
 * ```
 *
 * Operations on several things resolve with a result for each, in which `error` says that this one failed. They reject,
 * with a KafkaError, when the request as a whole failed: `_TIMED_OUT`, `_INVALID_ARG` (an option that the operation does
 * not have, too), `_STATE` when closed.
 */
export class AdminClient implements AsyncDisposable {
  readonly #client: Client<NativeClient>
  readonly #own: AdminHandle | undefined
  // Stop what waits, when this is closed.
  readonly #waiting = new Set<AbortController>()
  #closed: Promise<void> | undefined

  constructor(config: AdminConfig, options: ClientOptions = {}) {
    const shared = (config as { [sharing]?: Client<NativeClient> } | undefined)?.[sharing]
    this.#own = shared ? undefined : new AdminHandle(config, options)
    this.#client = shared ?? (this.#own as AdminHandle)
  }

  /** Shares the connections of a producer or consumer; closing this does not close that. */
  static from(client: Producer | Consumer): AdminClient {
    if (client instanceof Producer || client instanceof Consumer) {
      return new AdminClient({ [sharing]: client } as AdminConfig)
    }
    throw new KafkaError('_INVALID_ARG', 'AdminClient.from takes a Producer or a Consumer')
  }

  /** The name in logs and statistics: `client.id`. */
  get name(): string {
    return this.#client.name
  }

  /** True from the call of `close` on; and when the client that this shares is closed. */
  get closed(): boolean {
    return this.#closed !== undefined || this.#client.closed
  }

  /** The last error of `onError`, for probes. */
  get lastError(): KafkaError | undefined {
    return this.#client.lastError
  }

  /**
   * Waits until a broker can be used. Rejects within `timeout` milliseconds (5 s without one), with a KafkaError whose
   * message says what to check; the codes are those of `producer.ready()`.
   */
  async ready(options: OperationOptions = {}): Promise<void> {
    checkTimed(options, 'ready')
    await this.#orClosed(options.signal, (signal) => this.#client.ready({ ...options, signal }))
  }

  /** A new user name and password for the connections made from now on; of the client that this shares, too. */
  setSaslCredentials(username: string, password: string): void {
    this.#client.setSaslCredentials(username, password)
  }

  // --- Topics

  /** Creates topics. */
  async createTopics(
    list: readonly topics.NewTopic[],
    options: AdminOperationOptions & ValidateOptions = {},
  ): Promise<topics.TopicResult[]> {
    return topics.createTopics(this.#ask, list, options)
  }

  /** Deletes topics, with what is in them. */
  async deleteTopics(list: readonly string[], options: AdminOperationOptions = {}): Promise<topics.TopicResult[]> {
    return topics.deleteTopics(this.#ask, list, options)
  }

  /** Gives topics more partitions. */
  async createPartitions(
    list: readonly topics.NewPartitions[],
    options: AdminOperationOptions & ValidateOptions = {},
  ): Promise<topics.TopicResult[]> {
    return topics.createPartitions(this.#ask, list, options)
  }

  /** Describes topics: these, or all. Never creates one. */
  async describeTopics(
    list?: readonly string[],
    options: AuthorizedOperationsOptions = {},
  ): Promise<topics.TopicDescription[]> {
    const all = async (left: OperationOptions) => (await this.metadata(left)).topics.map(({ topic }) => topic)
    return topics.describeTopics(this.#ask, list ?? all, options)
  }

  /**
   * Deletes the records before these offsets; `Offset.end` deletes all there are. The results' offsets are where the
   * partitions begin now.
   */
  async deleteRecords(
    offsets: readonly TopicPartitionOffset[],
    options: Omit<AdminOperationOptions, 'broker'> = {},
  ): Promise<TopicPartitionResult[]> {
    return topics.deleteRecords(this.#ask, offsets, options)
  }

  /** Offsets of partitions by `spec`: their ends, the greatest timestamp's, a time's. */
  async listOffsets(
    partitions: readonly (TopicPartition & { spec: topics.OffsetSpec })[],
    options: topics.ListOffsetsOptions = {},
  ): Promise<topics.ListOffsetsResult[]> {
    return topics.listOffsets(this.#ask, partitions, options)
  }

  /** Waits until a topic is there with leaders of all partitions; rejects at once with what will not pass by waiting. */
  async waitForTopic(topic: string, options: OperationOptions = {}): Promise<topics.TopicDescription> {
    return conveniences.waitForTopic(this, topic, options)
  }

  /** Creates those topics that are not there, and waits until each is ready; what is there stays as it is. */
  async ensureTopics(list: readonly topics.NewTopic[], options: OperationOptions = {}) {
    return conveniences.ensureTopics(this, list, options)
  }

  // --- Configurations

  /** The configuration of topics, brokers and groups. */
  async describeConfigs(
    resources: readonly configs.ConfigResource[],
    options: AdminOptions = {},
  ): Promise<configs.ConfigDescription[]> {
    return configs.describeConfigs(this.#ask, resources, options)
  }

  /** Changes single settings and leaves the others. */
  async incrementalAlterConfigs(
    resources: readonly (configs.ConfigResource & { entries: readonly configs.ConfigAlteration[] })[],
    options: AdminOptions & ValidateOptions = {},
  ): Promise<configs.ConfigResult[]> {
    return configs.incrementalAlterConfigs(this.#ask, resources, options)
  }

  /**
   * Replaces the whole configuration: a setting that is not given goes back to its default.
   * @deprecated Kafka deprecates it for `incrementalAlterConfigs`.
   */
  async alterConfigs(
    resources: readonly (configs.ConfigResource & { config: Readonly<Record<string, string | number | boolean>> })[],
    options: AdminOptions & ValidateOptions = {},
  ): Promise<configs.ConfigResult[]> {
    return configs.alterConfigs(this.#ask, resources, options)
  }

  // --- Groups

  /** The consumer groups; `states` and `types` choose among them. */
  async listConsumerGroups(options: groups.ListGroupsOptions = {}): Promise<groups.GroupListings> {
    return groups.listConsumerGroups(this.#ask, options)
  }

  /** Describes consumer groups: these, or all. */
  async describeConsumerGroups(
    list?: readonly string[],
    options: Omit<AuthorizedOperationsOptions, 'broker'> = {},
  ): Promise<groups.GroupDescription[]> {
    return groups.describeConsumerGroups(this.#ask, list ?? null, options)
  }

  /** Deletes consumer groups without members. */
  async deleteConsumerGroups(list: readonly string[], options: OperationOptions = {}): Promise<groups.GroupResult[]> {
    return groups.deleteConsumerGroups(this.#ask, list, options)
  }

  /** What a group has committed: for these partitions (`Offset.invalid` where there is nothing), or all there is. */
  async listConsumerGroupOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null = null,
    options: groups.ListGroupOffsetsOptions = {},
  ): Promise<TopicPartitionResult[]> {
    return groups.listConsumerGroupOffsets(this.#ask, group, partitions, options)
  }

  /** Commits for a group that has no members. See `resetOffsets`, too. */
  async alterConsumerGroupOffsets(
    group: string,
    offsets: readonly TopicPartitionOffset[],
    options: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    return groups.alterConsumerGroupOffsets(this.#ask, group, offsets, options)
  }

  /** Forgets what a group has committed; not for topics that its members read. */
  async deleteConsumerGroupOffsets(
    group: string,
    partitions: readonly TopicPartition[],
    options: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    return groups.deleteConsumerGroupOffsets(this.#ask, group, partitions, options)
  }

  /** How far a group is behind, by partition and in total: as `kafka-consumer-groups --describe` has it. */
  async groupLag(group: string, options: OperationOptions = {}): Promise<conveniences.GroupLag> {
    return conveniences.groupLag(this, group, options)
  }

  /**
   * Lets a group go on elsewhere in a topic: at the beginning, the end, the first message of a time, an offset. Rejects
   * with KafkaError `NON_EMPTY_GROUP` while the group has members.
   */
  async resetOffsets(
    group: string,
    topic: string,
    options: conveniences.ResetOffsetsOptions,
  ): Promise<TopicPartitionResult[]> {
    return conveniences.resetOffsets(this, group, topic, options)
  }

  // --- Security

  /** Creates access control entries. */
  async createAcls(list: readonly acls.NewAcl[], options: AdminOptions = {}): Promise<acls.CreateAclResult[]> {
    return acls.createAcls(this.#ask, list, options)
  }

  /** The access control entries that a filter matches; without one all. */
  async describeAcls(filter: acls.AclFilter = {}, options: AdminOptions = {}): Promise<acls.AclBinding[]> {
    return acls.describeAcls(this.#ask, filter, options)
  }

  /** Deletes the access control entries that the filters match, and says which they were. */
  async deleteAcls(filters: readonly acls.AclFilter[], options: AdminOptions = {}): Promise<acls.DeleteAclsResult[]> {
    return acls.deleteAcls(this.#ask, filters, options)
  }

  /** The SCRAM credentials of users, without the passwords: of these, or of all. */
  async describeUserScramCredentials(
    users: readonly string[] = [],
    options: AdminOptions = {},
  ): Promise<scram.ScramDescription[]> {
    return scram.describeUserScramCredentials(this.#ask, users, options)
  }

  /** Sets and deletes SCRAM credentials. */
  async alterUserScramCredentials(
    alterations: readonly scram.ScramAlteration[],
    options: AdminOptions = {},
  ): Promise<scram.ScramResult[]> {
    return scram.alterUserScramCredentials(this.#ask, alterations, options)
  }

  // --- Cluster

  /** The cluster's id, brokers and controller. */
  async describeCluster(options: AuthorizedOperationsOptions = {}): Promise<cluster.ClusterDescription> {
    return cluster.describeCluster(this.#ask, options)
  }

  /** Elects leaders, for these partitions or all; `ELECTION_NOT_NEEDED` is the error of one that has the right leader. */
  async electLeaders(
    type: cluster.ElectionType,
    partitions: readonly TopicPartition[] | null = null,
    options: AdminOperationOptions = {},
  ): Promise<cluster.ElectionResult[]> {
    return cluster.electLeaders(this.#ask, type, partitions, options)
  }

  /** What a broker knows of the cluster, and of one topic or all. Never creates one. */
  async metadata(options: OperationOptions & { topic?: string } = {}): Promise<Metadata> {
    const { topic, timeout, signal } = checkOptions(options, 'metadata', ['topic'])
    const ms = checkTimeout(timeout, 'metadata')
    const ask = (allTopics: boolean) => this.#wait<string>((native, id) => native.metadata(id, ms, allTopics), signal)
    if (topic === undefined) return metadataFrom(await ask(true))
    const name = checkText(topic, 'metadata: topic')
    const [json, described] = await Promise.all([ask(false), this.describeTopics([name], { timeout: ms, signal })])
    return { ...metadataFrom(json), topics: described.map(topicMetadata) }
  }

  /** The cluster's id. */
  async clusterId(options: OperationOptions = {}): Promise<string> {
    const { timeout, signal } = checkOptions(options, 'clusterId')
    const ms = checkTimeout(timeout, 'clusterId')
    return this.#wait<string>((native, id) => native.clusterId(id, ms), signal)
  }

  /** The id of the controller; with KRaft that of some broker that takes requests for it. */
  async controllerId(options: OperationOptions = {}): Promise<number> {
    const { timeout, signal } = checkOptions(options, 'controllerId')
    const ms = checkTimeout(timeout, 'controllerId')
    return this.#wait<number>((native, id) => native.controllerId(id, ms), signal)
  }

  // --- The end

  /**
   * Stops; what waits for an answer rejects. Settles within `timeout` milliseconds (30 s without one); further calls
   * return the same promise.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    if (!this.#closed) {
      const refused = refuseClose(options)
      if (refused) return refused
      const error = closedError(this.name)
      for (const waiting of this.#waiting) waiting.abort(error)
      this.#closed = this.#own ? this.#own.close(options.timeout ?? defaultCloseTimeout) : Promise.resolve()
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  readonly #ask: Ask = async <T>(
    operation: string,
    args: unknown,
    options: AdminOptions,
    more?: object,
  ): Promise<T> => {
    const settings = settingsOf(operation, options, more)
    const send = (native: NativeClient, id: number) => native.admin(id, operation, args, settings)
    const answer = this.#wait<string>(send, options.signal)
    return JSON.parse(await answer.catch((error) => Promise.reject(asSaid(error)))) as T
  }

  #wait<T>(send: (native: NativeClient, id: number) => void, signal: AbortSignal | undefined): Promise<T> {
    return this.#orClosed(signal, (either) => this.#client.request<T>(send, either))
  }

  /** What is waited for, or the error that this is closed. */
  async #orClosed<T>(signal: AbortSignal | undefined, ask: (either: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError(this.name)
    signal?.throwIfAborted()
    const waiting = new AbortController()
    const forget = signal && whenAborted(signal, () => waiting.abort(signal.reason))
    this.#waiting.add(waiting)
    try {
      return await ask(waiting.signal)
    } finally {
      forget?.()
      this.#waiting.delete(waiting)
    }
  }
}

// How `from` reaches the constructor; nobody else has the key.
const sharing = Symbol('odradek.sharing')
