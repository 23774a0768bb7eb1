// What a processor has done, and who wants to be told.
import type { KafkaError } from '../index.js'
import type { Partition, Task } from './task.js'
import type { Outcome, ProcessorEvent, ProcessorObserver } from './types.js'

// A handler that takes less than this (ms) is quick, and one in so many of them is timed.
const quick = 0.05
const timedOneIn = 32

export class Journal {
  received = 0
  handled = 0
  skipped = 0
  failed = 0
  abandoned = 0
  lastError: KafkaError | undefined
  lastHandled: number | undefined
  readonly #observers = new Set<ProcessorObserver>()
  #handledAtTick = 0
  /** Whether it is worth taking times. */
  observed = false

  observe(observer: ProcessorObserver): () => void {
    this.#observers.add(observer)
    this.observed = true
    return () => {
      this.#observers.delete(observer)
      this.observed = this.#observers.size > 0
    }
  }

  emit(event: ProcessorEvent): void {
    for (const observer of this.#observers) {
      try {
        observer(event)
      } catch (error) {
        // A program's mistake, and none of the message's.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /**
   * A handler is about to be called. Quick ones are not all timed: the clock, asked twice for each message, would take
   * longer than they do.
   */
  begun(task: Task): void {
    const { sample } = task.partition
    if (!sample.quick || sample.untimed >= timedOneIn - 1) task.began = performance.now()
  }

  finished(task: Task, outcome: Outcome): void {
    if (outcome === 'success') this.handled++
    else if (outcome === 'skip') this.skipped++
    else if (outcome === 'failure') this.failed++
    else this.abandoned++
    if (this.observed) this.#observed(task, outcome)
  }

  #observed({ began, partition }: Task, outcome: Outcome): void {
    // A batch is told of as a whole.
    if (partition.route.definition.batch) return
    const { sample } = partition
    if (began === undefined) {
      if (outcome === 'success') sample.untimed++
      else this.#tell(partition, outcome, 1, sample.duration)
      return
    }
    sample.duration = performance.now() - began
    sample.quick = sample.duration < quick
    const untimed = outcome === 'success' ? sample.untimed : 0
    if (untimed > 0) sample.untimed = 0
    this.#tell(partition, outcome, 1 + untimed, sample.duration)
  }

  #tell({ topic, partition }: Partition, outcome: Outcome, count: number, duration: number): void {
    this.emit({ type: 'handled', topic, partition, count, calls: count, outcome, duration })
  }

  /** What was handled and not told of yet. */
  flush(partitions: Iterable<Partition>): void {
    for (const partition of partitions) {
      const { sample } = partition
      if (sample.untimed === 0) continue
      const { untimed, duration } = sample
      sample.untimed = 0
      this.#tell(partition, 'success', untimed, duration)
    }
  }

  /** Runs a batch's handler, and tells how long it took; its messages' ends are counted one by one. */
  async timed(tasks: readonly Task[], call: () => unknown): Promise<void> {
    if (!this.observed) {
      await call()
      return
    }
    const began = performance.now()
    let outcome: Outcome = 'success'
    try {
      await call()
    } catch (error) {
      outcome = 'failure'
      throw error
    } finally {
      const { topic, partition } = tasks[0].partition
      if (tasks.some((task) => task.abandoned)) outcome = 'abandoned'
      this.emit({
        type: 'handled',
        topic,
        partition,
        count: tasks.length,
        calls: 1,
        outcome,
        duration: performance.now() - began,
      })
    }
  }

  /** Now and then: the clock is not asked for each message. */
  tick(): void {
    if (this.handled === this.#handledAtTick) return
    this.#handledAtTick = this.handled
    this.lastHandled = Date.now()
  }
}
