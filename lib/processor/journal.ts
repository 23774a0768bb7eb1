// What a processor has done, and who wants to be told.
import type { KafkaError } from '../index.js'
import type { Partition, Task } from './task.js'
import type { Outcome, ProcessorEvent, ProcessorObserver } from './types.js'

// Asking the clock and telling the observers takes longer than a quick handler does. Of what is handled between two ticks
// so many are timed, one after the other; from then on one in so many milliseconds, on average.
const timedPerTick = 400
const timedEvery = 0.5
const atMostOneIn = 1024
/** Of a partition's countdown to the next message that is timed: nobody observes. */
const never = 1 << 30

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
  // Since the last tick; when one was timed last, and how many had been handled then.
  #timed = 0
  #lastTimed = 0
  #handledThen = 0
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

  /** A handler is about to be called, and its message's turn to be timed has come. */
  begun(task: Task): void {
    const { partition } = task
    if (!this.observed) {
      partition.untilTimed = never
      return
    }
    const now = performance.now()
    task.began = now
    if (this.#timed++ < timedPerTick) {
      partition.untilTimed = 1
    } else {
      const each = (now - this.#lastTimed) / Math.max(1, this.handled - this.#handledThen)
      partition.untilTimed = Math.max(1, Math.min(atMostOneIn, Math.ceil(timedEvery / each)))
    }
    this.#lastTimed = now
    this.#handledThen = this.handled
  }

  finished(task: Task, outcome: Outcome): void {
    const began = task.more?.began
    if (outcome === 'success') {
      this.handled++
      if (this.observed) task.partition.untold++
      if (began !== undefined) this.#tellTimed(task.partition, outcome, began)
      return
    }
    if (outcome === 'skip') this.skipped++
    else if (outcome === 'failure') this.failed++
    else this.abandoned++
    // A batch is told of as a whole.
    if (!this.observed || task.partition.route.definition.batch) return
    if (began !== undefined) this.#tellTimed(task.partition, outcome, began)
    else this.#tell(task.partition, outcome, 1)
  }

  #tellTimed(partition: Partition, outcome: Outcome, began: number): void {
    partition.lastDuration = performance.now() - began
    const count = outcome === 'success' ? partition.untold : 1
    if (outcome === 'success') partition.untold = 0
    this.#tell(partition, outcome, count)
  }

  #tell({ topic, partition, lastDuration }: Partition, outcome: Outcome, count: number): void {
    this.emit({ type: 'handled', topic, partition, count, calls: count, outcome, duration: lastDuration ?? 0 })
  }

  /** What was handled and not told of yet. */
  flush(partitions: Iterable<Partition>): void {
    for (const partition of partitions) this.#flush(partition)
  }

  #flush(partition: Partition): void {
    const { untold, route } = partition
    partition.untold = 0
    if (this.observed && untold > 0 && !route.definition.batch) this.#tell(partition, 'success', untold)
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

  /** Now and then, for what need not be looked at for each message. */
  tick(partitions: Iterable<Partition>): void {
    for (const partition of partitions) {
      // Before one has been timed (the first may take long) there is no time to tell.
      if (partition.lastDuration !== undefined || !this.observed) this.#flush(partition)
      partition.untilTimed = 1
    }
    this.#timed = 0
    if (this.handled === this.#handledAtTick) return
    this.#handledAtTick = this.handled
    this.lastHandled = Date.now()
  }
}
