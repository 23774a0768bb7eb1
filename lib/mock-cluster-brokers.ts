// Brokers and partitions of an embedded cluster.
import {
  checkBrokerOrNone,
  checkInteger,
  checkOptions,
  checkPartition,
  checkText,
  checkTopicName,
  maxInt,
} from './mock-cluster-check.js'
import type { MockCore } from './mock-cluster-core.js'
import {
  apiKeyNumber,
  brokerErrno,
  errnos,
  faults,
  type MockApiKey,
  type MockBrokerError,
  type MockBrokerFault,
  type MockPartitionApiKey,
  partitionApiKeyNumber,
} from './mock-cluster-protocol.js'

const all = -1

/** All brokers of a cluster at once. */
export class MockBrokers {
  readonly #core: MockCore

  /** @internal */
  constructor(core: MockCore) {
    this.#core = core
  }

  /** The brokers meant; -1 for all. */
  protected target(): number {
    return all
  }

  /** Closes the connections and takes no new ones. Leaders stay as they are. */
  down(): void {
    const { native } = this.#core
    this.#core.check(native.brokerDown(this.target()), 'down')
  }

  /** Takes connections again, at the same port. */
  up(): void {
    const { native } = this.#core
    this.#core.check(native.brokerUp(this.target()), 'up')
  }

  /** Answers every request this many milliseconds later; those under way too. */
  rtt(ms: number): void {
    const { native } = this.#core
    this.#core.check(native.brokerRtt(this.target(), checkInteger(ms, 'rtt', 0)), 'rtt')
  }

  /** The rack that clients are told of (`client.rack`, KIP-392). */
  rack(rack: string): void {
    const { native } = this.#core
    this.#core.check(native.brokerRack(this.target(), checkText(rack, 'rack')), 'rack')
  }
}

/** One broker of a cluster; `add` brings in one that is not there yet. */
export class MockBroker extends MockBrokers {
  readonly #core: MockCore
  readonly id: number

  /** @internal */
  constructor(core: MockCore, id: number) {
    super(core)
    this.#core = core
    this.id = checkInteger(id, "a broker's id", 0, maxInt)
  }

  protected override target(): number {
    return this.#core.checkBroker(this.id, 'the broker')
  }

  /** A new broker with this id; partitions are spread over all brokers again. `bootstrapServers` stays as it is. */
  add(): void {
    this.#core.addBroker(this.id)
  }

  /** Takes the broker out of the cluster; its partitions go to the others. */
  decommission(): void {
    this.#core.decommissionBroker(this.id)
  }

  /** Clients are told of it no more and its partitions go to others, but its connections stay. */
  hide(): void {
    this.#core.hideBroker(this.id)
  }

  /** Where clients are told that this broker is; it goes on listening where it did. */
  advertise(host: string, port: number): void {
    const { native } = this.#core
    // librdkafka has room for 127 characters and cuts off the rest.
    checkText(host, 'host', 127)
    this.#core.check(native.brokerHostPort(this.target(), host, checkInteger(port, 'port', 1, 65_535)), 'advertise')
  }

  /**
   * The next requests of this kind to this broker meet these errors or delays, one each, in this order. From then on
   * this broker takes no errors of the cluster's for this kind of request.
   */
  pushErrors(apiKey: MockApiKey, errors: readonly MockBrokerFault[]): void {
    const { native } = this.#core
    const number = apiKeyNumber(apiKey)
    const pairs = faults(errors, apiKey)
    const broker = this.target()
    this.#core.pushing(pairs.filter((_, i) => i % 2 === 0))
    this.#core.check(native.pushBrokerErrors(broker, number, pairs), 'pushErrors')
  }

  /** How many of those no request has met yet. */
  errorsLeft(apiKey: MockApiKey): number {
    const { native } = this.#core
    return this.#core.value(native.brokerErrorsLeft(this.target(), apiKeyNumber(apiKey)), 'errorsLeft')
  }
}

/**
 * One partition. What is done to a partition of a topic that does not exist, except `deleteRecords`, creates the topic
 * with the partitions up to this one.
 */
export class MockPartition {
  readonly #core: MockCore
  readonly topic: string
  readonly partition: number

  /** @internal */
  constructor(core: MockCore, topic: string, partition: number) {
    this.#core = core
    this.topic = checkTopicName(topic)
    this.partition = checkPartition(partition)
  }

  get #name(): string {
    return `${this.topic} [${this.partition}]`
  }

  /**
   * Makes a broker the leader, in a new leader epoch; null for none. The first `leader(null)` has a side effect: the
   * cluster goes back to Produce 9 and Fetch 11, for which connected clients have to connect again.
   */
  leader(broker: number | null): void {
    const { native } = this.#core
    if (broker === null) this.#core.withoutHints()
    const id = broker === null ? -1 : this.#core.checkBroker(broker, 'leader')
    this.#core.check(native.leader(this.topic, this.partition, id), this.#name)
  }

  /** The replica that consumers are sent to (KIP-392), which need not exist; null for none. */
  follower(broker: number | null): void {
    const { native } = this.#core
    this.#core.check(native.follower(this.topic, this.partition, checkBrokerOrNone(broker, 'follower')), this.#name)
  }

  /** The follower's first offset and its end; without one of them, the leader's. */
  followerWatermarks(watermarks: { low?: number; high?: number }): void {
    const { native } = this.#core
    const { low, high } = checkOptions<typeof watermarks>(watermarks, 'followerWatermarks', ['low', 'high'])
    const offset = (value: number | undefined, what: string) =>
      value === undefined ? -1 : checkInteger(value, what, 0, Number.MAX_SAFE_INTEGER)
    this.#core.check(
      native.followerWatermarks(this.topic, this.partition, offset(low, 'low'), offset(high, 'high')),
      this.#name,
    )
  }

  /** What the next answer that tells of this partition's leader says, once; pushed again, the one after it. */
  pushLeaderResponse(broker: number | null, leaderEpoch: number): void {
    const { native } = this.#core
    const id = checkBrokerOrNone(broker, 'the leader')
    checkInteger(leaderEpoch, 'leaderEpoch', -1)
    this.#core.check(native.pushLeaderResponse(this.topic, this.partition, id, leaderEpoch), this.#name)
  }

  /** The next requests of this kind find this partition failing with these errors, one each, in this order. */
  pushErrors(apiKey: MockPartitionApiKey, errors: readonly MockBrokerError[]): void {
    const { native } = this.#core
    const number = partitionApiKeyNumber(apiKey)
    const list = errnos(errors, (error) => brokerErrno(error, 'pushErrors'))
    this.#core.check(native.pushPartitionErrors(this.topic, this.partition, number, list), this.#name)
  }

  /** Removes the messages before this offset, which becomes the first. */
  deleteRecords(beforeOffset: number): void {
    const { native } = this.#core
    checkInteger(beforeOffset, 'beforeOffset', 0, Number.MAX_SAFE_INTEGER)
    this.#core.check(native.deleteRecords(this.topic, this.partition, beforeOffset), this.#name)
  }
}
