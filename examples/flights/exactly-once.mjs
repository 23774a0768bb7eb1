// The same way out, exactly once: pipelines turn the records into running statistics, in transactions that hold the
// statistics and the offsets of the records counted. Who reads with read_committed sees each record counted once, whatever
// became of the pipelines. It stands where the Group of consuming.mjs stands otherwise.
import { setTimeout as pause } from 'node:timers/promises'
import { AdminClient } from 'odradek'
import { Pipeline } from 'odradek/pipeline'
import { behind, Positions } from './positions.mjs'
import { Problem } from './problem.mjs'
import { messageBytes, runHeader } from './producing.mjs'
import { readStates } from './states.mjs'

const pipelines = 3
const maxBatch = 5_000
const timeout = 10_000
const attempts = 20
const attemptPause = 250

/** One pipeline, and the states of the partitions that are its. */
class Instance {
  #shared
  #pipeline
  // Partition -> group -> state, with what the transaction at hand counts in. Read again after an abort or a rebalance.
  #states = new Map()
  // Of the batch at hand: counted when it is committed.
  #batch = { positions: [], records: 0, bytes: 0 }

  constructor(shared) {
    const { cluster, topic, group, signal, onError } = shared
    this.#shared = shared
    const forget = (partitions) => {
      for (const { partition } of partitions) this.#states.delete(partition)
    }
    this.#pipeline = new Pipeline({
      config: cluster.config,
      consumer: { 'fetch.wait.max.ms': 20 },
      producer: { 'linger.ms': 0 },
      group,
      topics: topic,
      maxBatch,
      maxLatency: 20,
      signal,
      onError,
      onAssigned: forget,
      onRevoked: forget,
      transform: (batch) => this.#transform(batch),
      onTransaction: ({ committed }) => this.#ended(committed),
    })
  }

  get metrics() {
    return this.#pipeline.metrics
  }

  run() {
    return this.#pipeline.run()
  }

  async #transform(batch) {
    const { run, output, onFirst } = this.#shared
    const mine = batch.filter((message) => message.headers.get(runHeader)?.toString().startsWith(`${run}:`))
    const positions = batch.offsets()
    const bytes = mine.reduce((sum, { key, value }) => sum + messageBytes(key, value), 0)
    this.#batch = { positions, records: mine.length, bytes }
    if (mine.length === 0) return []
    const statistics = onFirst(mine[0])
    for (const { partition } of positions) {
      if (!this.#states.has(partition)) this.#states.set(partition, await this.#restore(partition))
    }
    const touched = new Map()
    for (const message of mine) {
      const { partition } = message
      const states = this.#states.get(partition)
      const [key, record] = [message.key.toString(), message.json()]
      const group = statistics.groupOf(key, record)
      states.set(group, statistics.add(states.get(group), record))
      touched.set(`${partition}/${group}`, { partition, group })
    }
    const ends = new Map(positions.map(({ partition, offset }) => [partition, offset]))
    return [...touched.values()].map(({ partition, group }) => ({
      topic: output,
      partition,
      key: group,
      value: JSON.stringify({ ...this.#states.get(partition).get(group), before: ends.get(partition) }),
      headers: { [runHeader]: run },
    }))
  }

  /** Statistics of partition p are in partition p of the output: what was committed there is where to go on. */
  async #restore(partition) {
    const { cluster, output, begins, run } = this.#shared
    const states = new Map()
    for (const { group, state } of await readStates(
      cluster.config,
      output,
      new Map([[partition, begins.get(partition)]]),
      run,
    )) {
      states.set(group, state)
    }
    return states
  }

  #ended(committed) {
    if (committed) this.#shared.onCommitted(this.#batch)
    // The states have counted in what was not committed.
    else this.#states.clear()
  }
}

export class ExactlyOnce {
  #cluster
  #topic
  #output
  #group
  #run
  #progress
  #onFailure
  #statisticsOf
  #admin
  #instances = []
  #running = []
  #stop = new AbortController()
  #begins = new Map()
  #positions = new Positions()

  /**
   * @param {{ cluster: import('./cluster.mjs').Cluster, topic: string, output: string, run: string,
   *   progress: import('./progress.mjs').Progress, onError: (error: Error) => void, onFailure: (error: Error) => void,
   *   statisticsOf: (message: import('odradek').Message) => import('./aggregates.mjs').Statistics }} options
   */
  constructor({ cluster, topic, output, run, progress, onError, onFailure, statisticsOf }) {
    this.#cluster = cluster
    this.#topic = topic
    this.#output = output
    this.#run = run
    this.#group = `odradek-flights-${run}`
    this.#progress = progress
    this.#onFailure = onFailure
    this.#statisticsOf = statisticsOf
    this.#admin = new AdminClient(cluster.config, { onError })
    this.#instances = Array.from({ length: pipelines }, () => this.#instance(onError))
  }

  #instance(onError) {
    const statistics = { current: undefined }
    return new Instance({
      cluster: this.#cluster,
      topic: this.#topic,
      output: this.#output,
      group: this.#group,
      run: this.#run,
      begins: this.#begins,
      signal: this.#stop.signal,
      onError,
      onFirst: (message) => {
        statistics.current ??= this.#statisticsOf(message)
        return statistics.current
      },
      onCommitted: (batch) => this.#committed(batch),
    })
  }

  get title() {
    return `${pipelines} pipelines → topic ${this.#output}, exactly once`
  }

  /** What is in the topics already is none of this run's. Starts the pipelines; they may join later. */
  async start(signal) {
    const [admin, options] = [this.#admin, { timeout, signal }]
    await this.#beginAtEnd(options)
    const [input, output] = await admin.describeTopics([this.#topic, this.#output], options)
    if (output.partitions.length < input.partitions.length) {
      const [has, needs] = [output.partitions.length, input.partitions.length]
      throw new Problem(
        `The topic '${this.#output}' has ${has} partitions, and '${this.#topic}' ${needs}: it needs as many.`,
      )
    }
    const wanted = output.partitions.map(({ partition }) => ({ topic: this.#output, partition, spec: 'latest' }))
    for (const { partition, offset } of await admin.listOffsets(wanted, options)) this.#begins.set(partition, offset)
    this.#running = this.#instances.map((instance) => instance.run())
    for (const running of this.#running) running.catch(this.#onFailure)
  }

  /** On a Kafka that has just been started nobody coordinates groups yet. */
  async #beginAtEnd(options) {
    for (let left = attempts; ; left--) {
      try {
        return await this.#admin.resetOffsets(this.#group, this.#topic, { to: 'end', ...options })
      } catch (error) {
        if (left === 0 || options.signal.aborted) throw error
      }
      await pause(attemptPause)
    }
  }

  #committed({ positions, records, bytes }) {
    if (records > 0) this.#progress.onConsumed(records, bytes)
    this.#positions.advance(positions)
  }

  /** Resolves when everything before these offsets is counted in committed transactions. */
  caughtUp(ends, signal) {
    return this.#positions.caughtUp(ends, signal)
  }

  /**
   * Stops the pipelines, and asks the group what it has committed.
   * @returns {Promise<import('./verification.mjs').Commits>}
   */
  async commit(ends) {
    this.#stop.abort()
    const problems = new Set()
    for (const { reason } of await Promise.allSettled(this.#running)) if (reason) problems.add(reason.message)
    const results = await this.#admin.listConsumerGroupOffsets(this.#group, null, { timeout })
    const committed = new Map(results.map(({ partition, offset }) => [partition, offset]))
    return { partitions: ends.size, problems: [...problems, ...behind(ends, committed)] }
  }

  /** What a read_committed reader finds, and what the pipelines say of it. */
  async results() {
    const states = await readStates(this.#cluster.config, this.#output, this.#begins, this.#run)
    const sum = (name) => this.#instances.reduce((total, { metrics }) => total + metrics[name], 0)
    return { states, committed: sum('committed'), aborted: sum('aborted') }
  }

  async close() {
    this.#stop.abort()
    await Promise.allSettled(this.#running)
    await this.#admin.close({ timeout: 5_000 })
  }
}
