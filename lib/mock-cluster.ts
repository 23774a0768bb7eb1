// librdkafka's embedded cluster: a Kafka for tests, in this process, on real TCP ports.
import { binding, type NativeMockCluster } from './binding.js'
import { nativeThrow } from './client.js'
import { KafkaError } from './errors.js'

export interface MockClusterOptions {
  /** How many brokers; 1 without it. */
  brokers?: number
}

/**
 * A cluster in this process (rdkafka_mock.h). It is not Kafka: it stores no transactional offsets, ignores
 * `read_committed`, ACLs, SASL and TLS, and keeps some 5 MiB for each partition.
 *
 * ```ts
 * await using cluster = new MockCluster({ brokers: 3 })
 * await cluster.createTopic('orders', { partitions: 6 })
 * const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
 * ```
 */
export class MockCluster implements AsyncDisposable {
  readonly #native: NativeMockCluster
  /** For `bootstrap.servers`. */
  readonly bootstrapServers: string
  #closed = false

  constructor({ brokers = 1 }: MockClusterOptions = {}) {
    if (!Number.isInteger(brokers) || brokers < 1 || brokers > 1000) {
      throw new KafkaError('_INVALID_ARG', `brokers is an integer from 1 to 1000; got ${brokers}`)
    }
    try {
      this.#native = new binding.MockCluster(brokers)
    } catch (error) {
      throw nativeThrow(error)
    }
    this.bootstrapServers = this.#native.bootstrapServers()
  }

  /** Creates a topic. Rejects with KafkaError `TOPIC_ALREADY_EXISTS`, or `_STATE` when closed. */
  async createTopic(topic: string, { partitions = 1, replicationFactor = 1 } = {}): Promise<void> {
    if (this.#closed) throw new KafkaError('_STATE', 'the cluster is closed')
    const error = this.#native.createTopic(topic, partitions, replicationFactor)
    if (error) throw KafkaError.from(error)
  }

  /** Stops the brokers; clients see them go. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
