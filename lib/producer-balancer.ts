// Partitions chosen by the program: evaluated before a record crosses.
import { KafkaError } from './errors.js'
import { type BatchRecord, invalidRecord } from './record.js'
import { sizeOfRecord } from './record-writer.js'

/**
 * Chooses the partition, from 0 to `partitionCount` - 1, of a record that names none (kafka-go's `Balancer`). Called once
 * for each record, in their order, when it is written. What it throws fails that record only.
 */
export type Balancer = (record: BatchRecord, partitionCount: number, topic: string) => number

/** One partition after the other, for each topic (kafka-go's `RoundRobin`), whatever the key. */
export function roundRobin(): Balancer {
  const next = new Map<string, number>()
  return (_record, partitionCount, topic) => {
    const partition = (next.get(topic) ?? 0) % partitionCount
    next.set(topic, partition + 1)
    return partition
  }
}

/** The partition of the topic that has got the fewest bytes of keys and values from here (kafka-go's `LeastBytes`). */
export function leastBytes(): Balancer {
  const written = new Map<string, number[]>()
  return (record, partitionCount, topic) => {
    const bytes = written.get(topic) ?? []
    written.set(topic, bytes)
    let least = 0
    for (let partition = 0; partition < partitionCount; partition++) {
      bytes[partition] ??= 0
      if (bytes[partition] < bytes[least]) least = partition
    }
    bytes[least] += sizeOfRecord(record)
    return least
  }
}

// How long a count is used before a broker is asked again, in the background.
const freshFor = 5000
// How long a failure stands for the records that come next.
const failureFor = 1000
const pause = 100
// How long one question may take; others, a flush among them, wait for no more. A slow cluster has time to answer the later ones.
const [firstSlice, longestSlice] = [250, 1000]
const patience = 5000

interface Count {
  partitions: number
  error: KafkaError | undefined
  until: number
  asking: boolean
}

/** @internal What partitions a balancer can choose from. */
export interface PartitionSource {
  /** Asks a broker. */
  countPartitions(topic: number, timeout: number): Promise<number>
  /** Nothing is to be asked any more. */
  readonly closed: boolean
  /** A count has come, or the reason why there is none. */
  onCount(): void
}

/** @internal Applies a balancer. */
export class Balancing {
  readonly #balancer: Balancer
  readonly #source: PartitionSource
  readonly #freshFor: number
  readonly #counts: (Count | undefined)[] = []
  /** While the program's function runs. */
  choosing = false

  constructor(balancer: Balancer, source: PartitionSource, refreshInterval: number) {
    if (typeof balancer !== 'function') {
      throw new KafkaError(
        '_INVALID_ARG',
        `balancer is a function such as roundRobin() returns; got ${typeof balancer}`,
      )
    }
    this.#balancer = balancer
    this.#source = source
    this.#freshFor = refreshInterval > 0 ? Math.min(freshFor, refreshInterval) : freshFor
  }

  /** Whether the partitions of a topic are known, or known not to be. They are asked for. */
  ready(topic: number, name: string): boolean {
    const now = performance.now()
    this.#counts[topic] ??= { partitions: 0, error: undefined, until: 0, asking: false }
    const count = this.#counts[topic]
    if (now > count.until && !count.asking) {
      if (count.error) count.error = undefined
      void this.#ask(count, topic, name)
    }
    return count.partitions > 0 || count.error !== undefined
  }

  /** The partition of a record whose topic is ready. */
  partition(record: BatchRecord, topic: number, name: string): number {
    const { partitions, error } = this.#counts[topic] as Count
    if (error) throw error
    const partition = this.#choose(record, partitions, name)
    if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition
    throw invalidRecord(`the balancer chose partition ${String(partition)} of ${name}, which has ${partitions}`)
  }

  #choose(record: BatchRecord, partitions: number, name: string): number {
    this.choosing = true
    try {
      return this.#balancer(record, partitions, name)
    } finally {
      this.choosing = false
    }
  }

  async #ask(count: Count, topic: number, name: string): Promise<void> {
    count.asking = true
    try {
      count.partitions = await this.#count(topic)
      count.until = performance.now() + this.#freshFor
    } catch (error) {
      // An old count is better than none.
      if (count.partitions === 0) count.error = failure(error as KafkaError, name)
      count.until = performance.now() + failureFor
    }
    count.asking = false
    this.#source.onCount()
  }

  /** Some answers are wrong only for a moment: while a topic is made, while brokers are connected to. */
  async #count(topic: number): Promise<number> {
    const deadline = performance.now() + patience
    for (let slice = firstSlice; ; slice = Math.min(slice * 2, longestSlice)) {
      try {
        const partitions = await this.#source.countPartitions(topic, slice)
        if (partitions > 0) return partitions
        throw new KafkaError('LEADER_NOT_AVAILABLE')
      } catch (error) {
        const passes = passing.has((error as KafkaError).code)
        if (!passes || this.#source.closed || performance.now() > deadline) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

const passing: ReadonlySet<string> = new Set([
  '_TRANSPORT',
  '_TIMED_OUT',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PART',
  '_UNKNOWN_TOPIC',
])

function failure({ code, message, fatal }: KafkaError, topic: string): KafkaError {
  return new KafkaError(code, `${message} (${topic}): its partitions are not known`, { fatal })
}
