// The way out: a group of consumers that begins where the topic ends, and hands on what belongs to this run.
import { setTimeout as pause } from 'node:timers/promises'
import { Consumer } from 'odradek'
import { behind, Positions } from './positions.mjs'
import { Problem } from './problem.mjs'
import { messageBytes, runHeader } from './producing.mjs'

const members = 3
const startTimeout = 30_000
const commitTimeout = 5_000
const commitAttempts = 5
const commitPause = 100

/** A consumer of the group, and what is its. */
class Member {
  assigned = false
  partitions = new Set()
  reading

  /** @param {{ begin: (consumer: Consumer, partitions: object[]) => Promise<void>, look: () => void }} group */
  constructor(config, group, onError) {
    this.consumer = new Consumer(config, {
      onError,
      onAssigned: async (partitions) => {
        await group.begin(this.consumer, partitions)
        for (const { partition } of partitions) this.partitions.add(partition)
        this.assigned = true
        group.look()
      },
      onRevoked: (partitions) => {
        for (const { partition } of partitions) this.partitions.delete(partition)
        this.assigned = false
      },
    })
  }
}

export class Group {
  #topic
  #mark
  #onRecord
  #onFailure
  #progress
  #members
  #stop = new AbortController()
  // Partitions for which the group has committed where this run begins.
  #begun = new Set()
  // For each partition, the offset after the last message that was handled.
  #positions = new Positions()

  /**
   * @param {{ cluster: import('./cluster.mjs').Cluster, topic: string, run: string,
   *   progress: import('./progress.mjs').Progress, onError: (error: Error) => void,
   *   onFailure: (error: Error) => void,
   *   onRecord: (message: import('odradek').Message, record: number) => void }} options
   */
  constructor({ cluster, topic, run, progress, onError, onFailure, onRecord }) {
    this.#topic = topic
    this.#mark = `${run}:`
    this.#progress = progress
    this.#onFailure = onFailure
    this.#onRecord = onRecord
    const config = {
      ...cluster.config,
      ...cluster.consumerConfig,
      'group.id': `odradek-flights-${run}`,
      'auto.offset.reset': 'latest',
      'fetch.wait.max.ms': 20,
    }
    const group = { begin: (...assigned) => this.#begin(...assigned), look: () => this.#positions.look() }
    this.#members = Array.from({ length: members }, () => new Member(config, group, onError))
  }

  get title() {
    return `${members} consumers`
  }

  /** Joins; resolves when every partition has a member that reads at its end. Rejects when the signal aborts. */
  async start(signal) {
    for (const member of this.#members) member.reading = this.#read(member)
    const ready = () =>
      this.#members.some(({ partitions }) => partitions.size > 0) &&
      this.#members.every(({ assigned, partitions }) => assigned && [...partitions].every((p) => this.#begun.has(p)))
    try {
      await this.#positions.until(ready, AbortSignal.any([signal, AbortSignal.timeout(startTimeout)]))
    } catch (reason) {
      if (reason.name !== 'TimeoutError') throw reason
      throw new Problem(`The group of ${members} consumers did not form within ${startTimeout / 1_000} s.`)
    }
  }

  /**
   * What is in a partition already is none of this run's: before it is read for the first time, its end is committed as
   * the place of the group, so that whoever gets the partition later begins there, too.
   */
  async #begin(consumer, partitions) {
    const fresh = partitions.filter(({ partition }) => !this.#begun.has(partition))
    for (let left = commitAttempts; fresh.length > 0 && left > 0; left--) {
      try {
        const ends = await Promise.all(fresh.map((partition) => consumer.watermarks(partition)))
        const results = await consumer.commit(fresh.map((partition, at) => ({ ...partition, offset: ends[at].high })))
        for (const { partition, error } of results) if (!error) this.#begun.add(partition)
        if (results.every(({ error }) => !error)) return
      } catch {
        // The coordinator is not ready, or the group is being rearranged and who gets them next does this again.
      }
      await pause(commitPause)
    }
  }

  async #read(member) {
    try {
      await member.consumer.subscribe(this.#topic)
      for await (const batch of member.consumer.batches({ signal: this.#stop.signal })) this.#take(batch)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#onFailure(error)
    }
  }

  #take(batch) {
    let records = 0
    let bytes = 0
    batch.forEach((message) => {
      const mark = message.headers.get(runHeader)?.toString()
      if (!mark?.startsWith(this.#mark)) return
      this.#onRecord(message, Number(mark.slice(this.#mark.length)))
      records++
      bytes += messageBytes(message.key, message.value)
    })
    if (records > 0) this.#progress.onConsumed(records, bytes)
    this.#positions.advance(batch.offsets())
  }

  /** Resolves when everything before these offsets was handled. Rejects when the signal aborts. */
  caughtUp(ends, signal) {
    return this.#positions.caughtUp(ends, signal)
  }

  /**
   * Ends the reading and commits what was handled.
   * @returns {Promise<import('./verification.mjs').Commits>}
   */
  async commit(ends) {
    this.#stop.abort()
    const committed = new Map()
    const problems = new Set()
    const settle = async ({ consumer, reading }) => {
      await reading
      await consumer.commit(undefined, { signal: AbortSignal.timeout(commitTimeout) })
      for (const { partition, offset } of await consumer.committed(undefined, { timeout: commitTimeout })) {
        committed.set(partition, offset)
      }
    }
    const silent = `no answer to a commit within ${commitTimeout / 1_000} s`
    const fail = (error) => problems.add(error.name === 'TimeoutError' ? silent : error.message)
    await Promise.all(this.#members.map((member) => settle(member).catch(fail)))
    return { partitions: ends.size, problems: [...problems, ...behind(ends, committed)] }
  }

  async close() {
    this.#stop.abort()
    const closed = await Promise.allSettled(this.#members.map(({ consumer }) => consumer.close({ timeout: 5_000 })))
    for (const { reason } of closed) if (reason) throw reason
  }
}
