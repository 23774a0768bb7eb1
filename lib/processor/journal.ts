// What a processor has done, and who wants to be told.
import type { KafkaError } from '../index.js'
import type { Task } from './task.js'
import type { Outcome, ProcessorEvent, ProcessorObserver } from './types.js'

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

  finished(task: Task, outcome: Outcome): void {
    if (outcome === 'success') this.handled++
    else if (outcome === 'skip') this.skipped++
    else if (outcome === 'failure') this.failed++
    else this.abandoned++
    if (task.began === undefined || !this.observed) return
    const { topic, partition } = task.partition
    this.emit({ type: 'handled', topic, partition, count: 1, outcome, duration: performance.now() - task.began })
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
