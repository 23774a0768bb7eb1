// librdkafka's embedded cluster: a Kafka for tests, in this process, on real TCP ports.
import { binding, MockDispatch, type NativeMockCluster } from './binding.js'
import { guard, type Logger, nativeThrow } from './client.js'
import { checkLogger } from './client-check.js'
import { KafkaError } from './errors.js'
import { MockBroker, MockBrokers, MockPartition } from './mock-cluster-brokers.js'
import {
  checkArray,
  checkBrokerOrNone,
  checkInteger,
  checkOptions,
  checkText,
  checkTopicName,
  given,
  invalid,
  maxPartitions,
} from './mock-cluster-check.js'
import { MockCore } from './mock-cluster-core.js'
import { MockConsumerGroups, MockShareGroups } from './mock-cluster-groups.js'
import {
  type ApiVersionRange,
  apiKeyNumber,
  brokerErrno,
  errno,
  errnos,
  type MockApiKey,
  type MockBrokerError,
  type MockError,
} from './mock-cluster-protocol.js'
import { MockRequests, MockTelemetry } from './mock-cluster-requests.js'

export { MockBroker, MockBrokers, MockPartition } from './mock-cluster-brokers.js'
export {
  type MockConsumerGroupSettings,
  MockConsumerGroups,
  type MockShareGroupSettings,
  MockShareGroups,
  type MockTargetAssignment,
} from './mock-cluster-groups.js'
export type {
  MockApiKey,
  MockBrokerError,
  MockBrokerFault,
  MockError,
  MockPartitionApiKey,
} from './mock-cluster-protocol.js'
export { type MockRequest, MockRequests, MockTelemetry } from './mock-cluster-requests.js'

export interface MockClusterOptions {
  /** How many brokers, with the ids 1, 2, …; 1 without it. */
  brokers?: number
  /** Hears why the cluster closed a connection, such as a request that it does not know. */
  logger?: Logger
}

// librdkafka's levels: without a logger nothing has to cross.
const emergencyLevel = 0
const infoLevel = 6

/**
 * A cluster in this process (rdkafka_mock.h), whose brokers listen on 127.0.0.1. It is there until it is closed.
 *
 * It is not Kafka: it stores no transactional offsets, ignores `read_committed`, ACLs, SASL and TLS, has hardly any
 * admin, and keeps some 5 MiB for each partition. Its groups do not wait for members when they begin
 * (`initialRebalanceDelay`), and topics that clients ask for come into being with 4 partitions.
 *
 * ```ts
 * await using cluster = new MockCluster({ brokers: 3 })
 * await cluster.createTopic('orders', { partitions: 6 })
 * const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
 *
 * cluster.broker(1).down()                                  // connections closed, none taken until up()
 * cluster.brokers.rtt(50)                                   // every answer 50 ms later
 * cluster.partition('orders', 0).leader(2)                  // a new leader, a new epoch
 * cluster.pushErrors('Produce', ['REQUEST_TIMED_OUT'])      // the next Produce request fails
 * cluster.broker(2).pushErrors('Fetch', [{ rtt: 500 }])     // the next Fetch request to broker 2 takes half a second
 * ```
 */
export class MockCluster implements AsyncDisposable {
  readonly #core: MockCore
  readonly #closed: Promise<void>
  #closing = false
  /** For `bootstrap.servers`: the brokers that the cluster began with. */
  readonly bootstrapServers: string
  /** All brokers at once. */
  readonly brokers: MockBrokers
  readonly requests: MockRequests
  readonly telemetry: MockTelemetry
  readonly consumerGroups: MockConsumerGroups
  readonly shareGroups: MockShareGroups

  constructor(options: MockClusterOptions = {}) {
    const { brokers = 1, logger } = checkOptions<MockClusterOptions>(options, 'MockCluster', ['brokers', 'logger'])
    checkInteger(brokers, 'brokers', 1, 1000)
    checkLogger(logger, 'MockCluster')
    let closed = () => {}
    this.#closed = new Promise((resolve) => {
      closed = resolve
    })
    const native = start(brokers, logger, () => {
      native.dispose()
      closed()
    })
    this.bootstrapServers = native.bootstrapServers()
    this.#core = new MockCore(native, brokers)
    this.brokers = new MockBrokers(this.#core)
    this.requests = new MockRequests(this.#core)
    this.telemetry = new MockTelemetry(this.#core)
    this.consumerGroups = new MockConsumerGroups(this.#core)
    this.shareGroups = new MockShareGroups(this.#core)
  }

  /**
   * Creates a topic; a replication factor beyond the number of brokers means all of them. Rejects with KafkaError
   * `TOPIC_ALREADY_EXISTS`.
   */
  async createTopic(topic: string, options: { partitions?: number; replicationFactor?: number } = {}): Promise<void> {
    const { native } = this.#core
    checkTopicName(topic)
    const known = ['partitions', 'replicationFactor'] as const
    const { partitions = 1, replicationFactor = 1 } = checkOptions<typeof options>(options, 'createTopic', known)
    checkInteger(partitions, 'partitions', 1, maxPartitions)
    checkInteger(replicationFactor, 'replicationFactor', 1, 1000)
    this.#core.check(native.createTopic(topic, partitions, replicationFactor), `topic '${topic}'`)
  }

  /**
   * Creates those topics that are not there; what is there stays as it is. For programs that run here and on a real
   * cluster: `AdminClient.ensureTopics` takes the same.
   */
  async ensureTopics(
    list: readonly { topic: string; numPartitions?: number; replicationFactor?: number }[],
  ): Promise<void> {
    checkArray(list, 'ensureTopics takes an array of { topic, numPartitions, replicationFactor }')
    for (const one of list) {
      const known = ['topic', 'numPartitions', 'replicationFactor'] as const
      const { topic, numPartitions, replicationFactor } = checkOptions<(typeof list)[number]>(
        one,
        'ensureTopics',
        known,
      )
      try {
        await this.createTopic(topic, { partitions: numPartitions, replicationFactor })
      } catch (error) {
        if (!(error instanceof KafkaError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error
      }
    }
  }

  /** Deletes a topic with its messages. Rejects with KafkaError `UNKNOWN_TOPIC_OR_PART`. */
  async deleteTopic(topic: string): Promise<void> {
    this.#core.deleteTopic(checkTopicName(topic))
  }

  /**
   * What Metadata and AddPartitionsToTxn say of a topic, which is created if it does not exist; null makes it well
   * again.
   */
  topicError(topic: string, error: MockBrokerError | null): void {
    const { native } = this.#core
    const number = error === null ? 0 : brokerErrno(error, 'topicError')
    this.#core.check(native.topicError(checkTopicName(topic), number), `topic '${topic}'`)
  }

  /** One broker, to be taken down, slowed, moved, …; or to be added. */
  broker(id: number): MockBroker {
    return new MockBroker(this.#core, id)
  }

  /** One partition, to get another leader, lose messages, … */
  partition(topic: string, partition: number): MockPartition {
    return new MockPartition(this.#core, topic, partition)
  }

  /**
   * The next requests of this kind, to whatever broker, fail with these errors, one each, in this order. `_TRANSPORT`
   * closes the connection; `NO_ERROR` lets a request through.
   *
   * ```ts
   * cluster.pushErrors('Produce', ['NOT_LEADER_OR_FOLLOWER', 'NO_ERROR', '_TRANSPORT'])
   * ```
   */
  pushErrors(apiKey: MockApiKey, errors: readonly MockError[]): void {
    const { native } = this.#core
    const number = apiKeyNumber(apiKey)
    const list = errnos(errors, (error) => errno(error, apiKey, 'pushErrors'))
    this.#core.pushing(list)
    this.#core.check(native.pushErrors(number, list), 'pushErrors')
  }

  /** Forgets the errors of `pushErrors` that no request has met yet; not those of a broker's or a partition's. */
  clearErrors(apiKey: MockApiKey): void {
    const { native } = this.#core
    this.#core.check(native.clearErrors(apiKeyNumber(apiKey)), 'clearErrors')
  }

  /** Who is called the controller, which need not exist; null for nobody. */
  controller(broker: number | null): void {
    const { native } = this.#core
    this.#core.check(native.controller(checkBrokerOrNone(broker, 'controller')), 'controller')
  }

  /** Makes a broker the coordinator of a group (`group.id`) or of a producer (`transactional.id`). */
  coordinator(type: 'group' | 'transaction', key: string, broker: number): void {
    const { native } = this.#core
    if (type !== 'group' && type !== 'transaction') {
      throw invalid(`a coordinator is of a 'group' or a 'transaction'; got ${given(type)}`)
    }
    checkText(key, type === 'group' ? 'group.id' : 'transactional.id')
    // librdkafka ends the process when a client asks for one that does not exist.
    const id = this.#core.checkBroker(broker, 'coordinator')
    this.#core.check(native.coordinator(type, key, id), 'coordinator')
  }

  /** The versions of a kind of request that brokers offer, within those they know; null turns it off. */
  apiVersions(apiKey: MockApiKey, versions: { min?: number; max?: number } | null): void {
    apiKeyNumber(apiKey)
    if (versions === null) {
      this.#core.setVersions(apiKey, null)
      return
    }
    const known: ApiVersionRange = this.#core.versionsOf(apiKey)
    const { min = known.min, max = known.max } = checkOptions<typeof versions>(versions, 'apiVersions', ['min', 'max'])
    checkInteger(min, `min, for ${apiKey},`, known.min, known.max)
    checkInteger(max, `max, for ${apiKey},`, min, known.max)
    this.#core.setVersions(apiKey, { min, max })
  }

  /** Stops the brokers; settles when their ports are closed. Clients see them go. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true
      this.#core.close()
    }
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function start(brokers: number, logger: Logger | undefined, onClosed: () => void): NativeMockCluster {
  const dispatch = (kind: number, level: unknown, facility: unknown, message: unknown) => {
    if (kind === MockDispatch.closed) onClosed()
    else log(logger, level as number, facility as string, message as string)
  }
  try {
    return new binding.MockCluster(brokers, logger ? infoLevel : emergencyLevel, dispatch)
  } catch (error) {
    throw nativeThrow(error)
  }
}

function log(logger: Logger | undefined, level: number, facility: string, message: string): void {
  const method = level <= 3 ? 'error' : level === 4 ? 'warn' : 'info'
  guard(() => logger?.[method]({ facility, level }, message))
}
