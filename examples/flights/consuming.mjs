// The way out: a group of consumers that begins where the topic ends, and hands on what belongs to this run.
import { Consumer } from 'odradek'
import { patience } from './cluster.mjs'
import { Problem } from './problem.mjs'
import { messageBytes, runHeader } from './producing.mjs'

const members = 3
const startTimeout = 30_000
const commitTimeout = 5_000

/** A consumer of the group, and what is its. */
class Member {
  assigned = false
  partitions = new Set()
  /** Where it found the ends of its partitions, not committed yet. */
  starts = new Map()
  reading

  constructor(config, hooks) {
    this.consumer = new Consumer(config, {
      onError: hooks.onError,
      onAssigned: (partitions) => {
        this.assigned = true
        for (const { partition } of partitions) this.partitions.add(partition)
        hooks.onChange(this)
      },
      onRevoked: (partitions) => {
        this.assigned = false
        for (const { partition } of partitions) this.partitions.delete(partition)
      },
      onPartitionEof: ({ partition, offset }) => hooks.onEnd(this, partition, offset),
    })
  }
}

export class Group {
  #topic
  #run
  #onRecord
  #onError
  #progress
  #members
  #stop = new AbortController()
  // Partitions for which the group has committed where this run begins.
  #started = new Set()
  // For each partition, the offset after the last message that was handled.
  #positions = new Map()
  #look = () => {}

  /**
   * @param {{ brokers: string, config: object, topic: string, run: string,
   *   progress: import('./progress.mjs').Progress, onError: (error: Error) => void,
   *   onRecord: (message: import('odradek').Message, record: number) => void }} options
   */
  constructor({ brokers, config, topic, run, progress, onError, onRecord }) {
    this.#topic = topic
    this.#run = `${run}:`
    this.#progress = progress
    this.#onError = onError
    this.#onRecord = onRecord
    const all = {
      ...patience,
      'bootstrap.servers': brokers,
      'group.id': `odradek-flights-${run}`,
      // What is in the topic already is none of this run's.
      'auto.offset.reset': 'latest',
      'enable.partition.eof': true,
      'allow.auto.create.topics': true,
      'fetch.wait.max.ms': 20,
      ...config,
    }
    const hooks = { onError, onChange: () => this.#look(), onEnd: (...end) => this.#beginAt(...end) }
    this.#members = Array.from({ length: members }, () => new Member(all, hooks))
  }

  get size() {
    return members
  }

  /** How many partitions the group has. */
  get partitions() {
    return this.#members.reduce((sum, { partitions }) => sum + partitions.size, 0)
  }

  /** Joins; resolves when every partition has a member that reads at its end. Rejects when the signal aborts. */
  async start(signal) {
    for (const member of this.#members) member.reading = this.#read(member)
    const ready = () =>
      this.partitions > 0 &&
      this.#members.every(({ assigned, partitions }) => assigned && [...partitions].every((p) => this.#started.has(p)))
    await this.#until(ready, AbortSignal.any([signal, AbortSignal.timeout(startTimeout)])).catch((error) => {
      throw error.name === 'TimeoutError' ? this.#notStarted() : error
    })
  }

  #notStarted() {
    const where = this.partitions === 0 ? `no partition of '${this.#topic}' was found` : 'the group did not form'
    return new Problem(`The consumers could not begin within ${startTimeout / 1000} s: ${where}.`)
  }

  /** Resolves when everything before these offsets was handled. Rejects when the signal aborts. */
  caughtUp(ends, signal) {
    return this.#until(() => [...ends].every(([p, end]) => (this.#positions.get(p) ?? 0) >= end), signal)
  }

  async #read(member) {
    await member.consumer.subscribe(this.#topic)
    try {
      for await (const batch of member.consumer.batches({ signal: this.#stop.signal })) this.#take(batch)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#onError(error)
    }
  }

  #take(batch) {
    let records = 0
    let bytes = 0
    batch.forEach((message) => {
      const mark = message.headers.get(runHeader)?.toString()
      if (!mark?.startsWith(this.#run)) return
      this.#onRecord(message, Number(mark.slice(this.#run.length)))
      records++
      bytes += messageBytes(message.key, message.value)
    })
    for (const { partition, offset } of batch.offsets()) this.#positions.set(partition, offset)
    if (records > 0) this.#progress.onConsumed(records, bytes)
    this.#look()
  }

  /** The end of a partition, before anything was produced: committed, so that whoever gets it later begins there, too. */
  async #beginAt(member, partition, offset) {
    if (this.#started.has(partition)) return
    member.starts.set(partition, offset)
    if ([...member.partitions].some((p) => !this.#started.has(p) && !member.starts.has(p))) return
    const starts = [...member.starts].map(([p, start]) => ({ topic: this.#topic, partition: p, offset: start }))
    member.starts.clear()
    try {
      await member.consumer.commit(starts)
    } catch {
      // The group is being rearranged; the next owner finds the end again.
      return
    }
    for (const start of starts) this.#started.add(start.partition)
    this.#look()
  }

  #until(condition, signal) {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      this.#look = () => {
        if (!condition()) return
        this.#look = () => {}
        signal.removeEventListener('abort', abort)
        resolve()
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      this.#look()
    })
  }

  /**
   * Ends the reading and commits what was handled.
   * @returns {Promise<import('./verification.mjs').Commits>}
   */
  async commit(ends) {
    this.#stop.abort()
    const committed = new Map()
    const problems = []
    for (const { consumer, reading } of this.#members) {
      await reading
      try {
        await consumer.commit(undefined, { signal: AbortSignal.timeout(commitTimeout) })
        for (const { partition, offset } of await consumer.committed(undefined, { timeout: commitTimeout })) {
          committed.set(partition, offset)
        }
      } catch (error) {
        problems.push(error.message)
      }
    }
    for (const [partition, end] of ends) {
      const offset = committed.get(partition) ?? 'nothing'
      if (!(offset >= end)) problems.push(`partition ${partition} is committed up to ${offset}, and ends at ${end}`)
    }
    return { partitions: ends.size, problems }
  }

  async close() {
    this.#stop.abort()
    await Promise.all(this.#members.map(({ consumer }) => consumer.close({ timeout: 5_000 })))
  }
}
