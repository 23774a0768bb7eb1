// The native cluster behind MockCluster's parts: whether it is open, which brokers it has, and what it must be kept from.
import type { NativeMockCluster } from './binding.js'
import { ErrorCodes, KafkaError, type NativeError } from './errors.js'
import { checkInteger, invalid, maxInt } from './mock-cluster-check.js'
import { type ApiVersionRange, apiKeyNumber, type MockApiKey, versionsOf } from './mock-cluster-protocol.js'

// From the next version on, an answer NOT_LEADER_OR_FOLLOWER says who leads the partition instead (KIP-951).
const lastWithoutHints = { Produce: 9, Fetch: 11 } as const

/** @internal */
export class MockCore {
  readonly #native: NativeMockCluster
  readonly #brokers: Set<number>
  readonly #hidden = new Set<number>()
  readonly #versions = new Map<MockApiKey, ApiVersionRange | null>()
  #open = true
  #hints = true
  #topicDeleted = false
  #notLeaderPushed = false

  constructor(native: NativeMockCluster, brokers: number) {
    this.#native = native
    this.#brokers = new Set(Array.from({ length: brokers }, (_, i) => i + 1))
  }

  get native(): NativeMockCluster {
    if (!this.#open) throw new KafkaError('_STATE', 'the cluster is closed')
    return this.#native
  }

  close(): void {
    this.#open = false
    this.#native.close()
  }

  dispose(): void {
    this.#native.dispose()
  }

  /** Throws what a native call returned, if it is an error. */
  check(error: NativeError | null, what: string): void {
    if (error) throw KafkaError.from({ ...error, message: `${what}: ${error.message}` })
  }

  /** The value of a native call that may return an error instead. */
  value<T>(result: T | NativeError, what: string): T {
    if (typeof result === 'object' && result !== null && 'errno' in result) this.check(result as NativeError, what)
    return result as T
  }

  /** A broker that the cluster has. */
  checkBroker(id: unknown, what: string): number {
    checkInteger(id, what, 0, maxInt)
    if (this.#brokers.has(id as number)) return id as number
    throw invalid(`${what} is one of the cluster's brokers, ${[...this.#brokers].join(', ')}; got ${id}`)
  }

  addBroker(id: number): void {
    const { native } = this
    if (this.#brokers.has(id))
      throw invalid(`broker ${id} is in the cluster already; its brokers are ${[...this.#brokers].join(', ')}`)
    this.check(native.addBroker(id), `broker ${id}`)
    this.#brokers.add(id)
  }

  decommissionBroker(id: number): void {
    const { native } = this
    this.#checkNotLast(id, 'decommissioned')
    this.check(native.decommissionBroker(id), `broker ${id}`)
    this.#brokers.delete(id)
    this.#hidden.delete(id)
  }

  hideBroker(id: number): void {
    const { native } = this
    this.#checkNotLast(id, 'hidden')
    this.check(native.hideBroker(id), `broker ${id}`)
    this.#hidden.add(id)
  }

  // Without a broker that clients may know of, no partition would have a leader, now and later.
  #checkNotLast(id: number, done: string): void {
    this.checkBroker(id, 'the broker')
    const others = [...this.#brokers].filter((other) => other !== id && !this.#hidden.has(other))
    if (others.length > 0) return
    throw new KafkaError(
      '_STATE',
      `broker ${id} cannot be ${done}: clients know of no other; add one first, or use down()`,
    )
  }

  setVersions(apiKey: MockApiKey, range: ApiVersionRange | null): void {
    const number = apiKeyNumber(apiKey)
    const { min, max } = range ?? { min: -1, max: -1 }
    this.check(this.native.apiVersions(number, min, max), apiKey)
    this.#versions.set(apiKey, range)
  }

  /** The versions that may be offered now. */
  versionsOf(apiKey: MockApiKey): ApiVersionRange {
    const { min, max } = versionsOf(apiKey)
    if (this.#hints || !(apiKey in lastWithoutHints)) return { min, max }
    return { min, max: lastWithoutHints[apiKey as keyof typeof lastWithoutHints] }
  }

  deleteTopic(topic: string): void {
    const { native } = this
    if (this.#notLeaderPushed) this.withoutHints()
    this.check(native.deleteTopic(topic), `topic '${topic}'`)
    this.#topicDeleted = true
  }

  /** Errors are about to be pushed for whole requests. */
  pushing(errnos: Int32Array): void {
    if (!errnos.includes(ErrorCodes.NOT_LEADER_FOR_PARTITION)) return
    if (this.#topicDeleted) this.withoutHints()
    this.#notLeaderPushed = true
  }

  /**
   * A partition is about to have no leader, or to be asked for when it is gone. librdkafka's cluster follows a null
   * pointer when it says who leads such a partition, so from here on it speaks the versions that do not say so. Clients
   * that have settled on a newer one are disconnected at their next request, and settle again.
   */
  withoutHints(): void {
    if (!this.#hints) return
    for (const [name, last] of Object.entries(lastWithoutHints)) {
      const apiKey = name as MockApiKey
      const range = this.#versions.has(apiKey) ? this.#versions.get(apiKey) : versionsOf(apiKey)
      if (!range || range.max <= last) continue
      if (range.min > last) {
        throw new KafkaError(
          '_STATE',
          `${apiKey} is set to ${range.min} and newer, but ${last} is the last version that can tell of a partition without leader`,
        )
      }
      this.setVersions(apiKey, { min: range.min, max: last })
    }
    this.#hints = false
  }
}
