// What every run does alike, whether a group's member or a transaction: messages to their partitions, batches and handlers.
import type { DeliveryReport, Message, ProducerRecord } from '../index.js'
import { Batcher } from './batcher.js'
import type { Journal } from './journal.js'
import type { Router } from './router.js'
import { Scheduler } from './scheduler.js'
import type { ProcessorSettings } from './settings.js'
import { type Partition, Task, type TaskHost } from './task.js'
import type { Outcome, ProcessorEvent, ProcessorMessage } from './types.js'

export const nameOf = (topic: string, partition: number): string => `${partition}/${topic}`

export abstract class Handling implements TaskHost {
  protected readonly settings: ProcessorSettings
  protected readonly router: Router
  protected readonly journal: Journal
  protected readonly partitions = new Map<string, Partition>()
  /** By topic as it is received: what waits in a retry topic does not hold up the topic itself. */
  protected readonly batchers = new Map<string, Batcher>()
  readonly scheduler: Scheduler

  constructor(settings: ProcessorSettings, router: Router, journal: Journal) {
    this.settings = settings
    this.router = router
    this.journal = journal
    this.scheduler = new Scheduler(settings.concurrency, settings.orderBy, {
      handle: (task) => this.#handle(task),
      finished: (task, outcome) => this.finished(task, outcome),
      failed: (error) => this.failed(error),
    })
  }

  /** A task is over. */
  protected abstract finished(task: Task, outcome: Outcome): void
  /** Nobody has taken care of a failure. */
  protected abstract failed(error: unknown): void
  abstract send(record: ProducerRecord): Promise<DeliveryReport>

  sleep(ms: number, tasks: readonly Task[]): Promise<void> {
    return this.scheduler.sleep(ms, tasks)
  }

  emit(event: ProcessorEvent): void {
    this.journal.emit(event)
  }

  /** Hands a message over: to its topic's batch, or to the scheduler, which is to be pumped. */
  protected add(message: Message, partition: Partition, batcher: Batcher | undefined): void {
    const task = new Task(message, partition)
    if (batcher) batcher.add(task)
    else this.scheduler.add(task)
  }

  /** Who gathers the batches of a topic, if its handler takes batches. */
  protected batcherOf({ topic, route }: Partition): Batcher | undefined {
    if (!route.definition.batch) return undefined
    let batcher = this.batchers.get(topic)
    if (!batcher) {
      const ordered = this.settings.orderBy !== 'none'
      batcher = new Batcher(topic, route, this.scheduler, ordered, (tasks, call) => this.journal.timed(tasks, call))
      this.batchers.set(topic, batcher)
    }
    return batcher
  }

  #handle(task: Task): unknown {
    const { partition } = task
    if (--partition.untilTimed <= 0) this.journal.begun(task)
    return partition.route.handle(task.message as ProcessorMessage, task)
  }
}
