// How much is received: what waits for handlers is bounded, and a group member that waits is never mistaken for a dead one.
import type { Consumer, TopicPartition } from '../index.js'
import { onNextTurn } from '../turn.js'
import type { Journal } from './journal.js'
import type { Scheduler } from './scheduler.js'
import type { ProcessorSettings } from './settings.js'
import type { Partition } from './task.js'

// Without room for so long (ms), partitions are paused instead of waited for: the consumer has to be asked, so that
// rebalances come through and max.poll.interval.ms does not pass. Not at once, because a pause costs a new fetch.
const patience = 500

export class Flow {
  readonly #maxQueued: number
  readonly #maxAhead: number
  readonly #scheduler: Scheduler
  readonly #consumer: Consumer
  readonly #partitions: ReadonlyMap<string, Partition>
  readonly #journal: Journal
  readonly #report: (error: unknown) => void
  readonly #toResume = new Set<Partition>()
  #resuming = false

  constructor(
    settings: ProcessorSettings,
    scheduler: Scheduler,
    consumer: Consumer,
    partitions: ReadonlyMap<string, Partition>,
    journal: Journal,
    report: (error: unknown) => void,
  ) {
    this.#maxQueued = settings.maxQueued
    this.#maxAhead = settings.maxAhead
    this.#scheduler = scheduler
    this.#consumer = consumer
    this.#partitions = partitions
    this.#journal = journal
    this.#report = report
  }

  /** Resolves when more may be received: at once, when handlers have caught up, or after pausing what they cannot. */
  async room(over: () => boolean): Promise<void> {
    await this.#pauseWhere((partition) => partition.ahead >= this.#maxAhead || this.#asleep(partition))
    const scheduler = this.#scheduler
    if (scheduler.queued < this.#maxQueued) return
    const half = this.#maxQueued / 2
    if (await scheduler.until(() => over() || scheduler.queued <= half, patience)) return
    await this.#pauseWhere(({ queued }) => queued > 0)
  }

  /** It waits for its next attempt, and what comes behind only piles up. */
  #asleep({ queued, lane, busy }: Partition): boolean {
    return this.#scheduler.sleeping > 0 && lane?.width === 1 && busy > 0 && queued >= this.#maxQueued / 4
  }

  async #pauseWhere(wanted: (partition: Partition) => boolean): Promise<void> {
    let list: Partition[] | undefined
    for (const partition of this.#partitions.values()) {
      if (partition.paused || partition.closed || !wanted(partition)) continue
      list ??= []
      list.push(partition)
    }
    if (list) await this.#pause(list)
  }

  async #pause(list: readonly Partition[]): Promise<void> {
    for (const partition of list) this.#scheduler.setPaused(partition, true)
    const partitions = list.map(plain)
    try {
      await this.#consumer.pause(partitions)
      this.#journal.emit({ type: 'paused', partitions })
    } catch (error) {
      if (!this.#consumer.closed) this.#report(error)
    }
    // Their handlers may have caught up meanwhile, and nothing else would look again.
    for (const partition of list) this.look(partition)
  }

  /** While draining: what would come is not handled here. */
  async pauseAll(): Promise<void> {
    await this.#pauseWhere(() => true)
  }

  /** A paused partition has got on: does it go on? */
  look(partition: Partition): void {
    if (!partition.paused || partition.closed || this.#scheduler.stopped) return
    if (partition.queued > this.#maxQueued / 8 || partition.ahead > this.#maxAhead / 2) return
    this.#toResume.add(partition)
    if (!this.#resuming) void this.#resume()
  }

  async #resume(): Promise<void> {
    this.#resuming = true
    try {
      // After this turn, so that those that get on together are resumed together.
      await new Promise((resolve) => onNextTurn(resolve))
      const list = [...this.#toResume].filter(({ closed }) => !closed)
      this.#toResume.clear()
      if (list.length === 0 || this.#consumer.closed) return
      await this.#consumer.resume(list.map(plain))
      for (const partition of list) this.#scheduler.setPaused(partition, false)
      this.#journal.emit({ type: 'resumed', partitions: list.map(plain) })
    } catch (error) {
      if (!this.#consumer.closed) this.#report(error)
    } finally {
      this.#resuming = false
      if (this.#toResume.size > 0) void this.#resume()
    }
  }

  /** Given up: librdkafka would remember the pause when they come back. */
  async forget(partitions: readonly Partition[]): Promise<void> {
    const paused = partitions.filter((partition) => partition.paused)
    for (const partition of partitions) this.#toResume.delete(partition)
    if (paused.length === 0) return
    for (const partition of paused) this.#scheduler.setPaused(partition, false)
    await this.#consumer.resume(paused.map(plain)).catch(() => {
      // A lost partition may be unknown already.
    })
  }

  get paused(): TopicPartition[] {
    return [...this.#partitions.values()].filter(({ paused }) => paused).map(plain)
  }
}

function plain({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
