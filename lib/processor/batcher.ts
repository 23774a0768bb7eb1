// Gathers a topic's messages into batches: by number, bytes and time.

import type { DeliveryReport, ProducerRecord } from '../index.js'
import { BatchFailure, type Route } from './router.js'
import type { BatchLane, Scheduler } from './scheduler.js'
import type { Partition, Task, TaskHost } from './task.js'
import type { HandlerContext, ProcessorEvent, ProcessorMessage } from './types.js'

/** What a batch handler is given beside the messages. */
export class BatchContext implements HandlerContext {
  readonly #tasks: readonly Task[]
  readonly #host: TaskHost
  readonly messages: readonly ProcessorMessage[]
  readonly topic: string
  attempt = 1
  #controller: AbortController | undefined
  #stopListening: (() => void) | undefined

  constructor(tasks: readonly Task[]) {
    this.#tasks = tasks
    this.#host = tasks[0].partition.host
    this.topic = tasks[0].topic
    this.messages = tasks.map(({ message }) => message as ProcessorMessage)
  }

  /** Aborts when any of the batch's partitions goes: those of the others are handled again, without it. */
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal
    const controller = new AbortController()
    const signals = [...new Set(this.#tasks.map(({ signal }) => signal))]
    const abort = (event: Event) => controller.abort((event.target as AbortSignal).reason)
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason)
      else signal.addEventListener('abort', abort, { once: true })
    }
    this.#stopListening = () => {
      for (const signal of signals) signal.removeEventListener('abort', abort)
    }
    this.#controller = controller
    return controller.signal
  }

  get abandoned(): boolean {
    return this.#tasks.some((task) => task.abandoned)
  }

  send(record: ProducerRecord): Promise<DeliveryReport> {
    return this.#host.send(record)
  }

  sleep(ms: number): Promise<void> {
    return this.#host.sleep(ms, this.#tasks)
  }

  emit(event: ProcessorEvent): void {
    this.#host.emit(event)
  }

  over(): void {
    this.#stopListening?.()
  }
}

/** The messages of a topic that wait to be handled together. */
export class Batcher implements BatchLane {
  readonly width: number
  /** Whose turn it is. */
  readonly topic: string
  active = 0
  ready = false
  readonly #route: Route
  readonly #scheduler: Scheduler
  readonly #run: (tasks: readonly Task[], call: () => unknown) => unknown
  readonly #max: number
  readonly #maxBytes: number
  readonly #timeout: number
  #waiting: Task[] = []
  // Of what waits; kept only when it is asked for.
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  /** The first has waited for long enough. */
  #due = false
  // Whatever is left of a cut is due, too.
  #eager = false

  /** `run` is called around the handler. */
  constructor(
    topic: string,
    route: Route,
    scheduler: Scheduler,
    ordered: boolean,
    run: (tasks: readonly Task[], call: () => unknown) => unknown,
  ) {
    const { max, maxBytes, timeout } = route.definition.batch as { max: number; maxBytes: number; timeout: number }
    this.#route = route
    this.topic = topic
    this.#scheduler = scheduler
    this.#run = run
    this.#max = max
    this.#maxBytes = maxBytes
    this.#timeout = timeout
    this.width = ordered ? 1 : Number.POSITIVE_INFINITY
  }

  add(task: Task): void {
    this.#scheduler.addToBatch(task)
    this.#waiting.push(task)
    this.#bytes += this.#sizeOf(task)
    this.#look()
  }

  #sizeOf({ message }: Task): number {
    if (this.#maxBytes === Number.POSITIVE_INFINITY) return 0
    return (message?.value?.length ?? 0) + (message?.key?.length ?? 0)
  }

  #look(): void {
    if (this.#waiting.length === 0) return
    if (this.#due || this.#full()) {
      this.#scheduler.makeReady(this)
      return
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#due = true
      this.#look()
    }, this.#timeout)
  }

  #full(): boolean {
    return this.#waiting.length >= this.#max || this.#bytes >= this.#maxBytes
  }

  /** The first that fit: at least one. */
  #cut(): Task[] {
    let count = 0
    let bytes = 0
    for (const task of this.#waiting) {
      bytes += this.#sizeOf(task)
      if (count === this.#max || (count > 0 && bytes > this.#maxBytes)) break
      count++
    }
    const batch = this.#waiting.splice(0, count)
    this.#recount()
    return batch
  }

  #recount(): void {
    this.#bytes = this.#waiting.reduce((bytes, task) => bytes + this.#sizeOf(task), 0)
  }

  take(): readonly Task[] | undefined {
    if (this.#waiting.length === 0 || !(this.#due || this.#full())) return undefined
    const batch = this.#cut()
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#due = this.#eager
    // What is left begins to wait anew, or is the next batch already.
    if (this.#waiting.length > 0) queueMicrotask(() => this.#look())
    return batch
  }

  async handle(tasks: readonly Task[]): Promise<void> {
    const context = new BatchContext(tasks)
    try {
      await this.#run(tasks, () => this.#route.handleBatch(context.messages, context))
    } finally {
      context.over()
    }
  }

  putBack(tasks: readonly Task[]): void {
    this.#waiting.unshift(...tasks)
    this.#recount()
    this.#due = true
    this.#look()
  }

  /** A partition is given up: what waits of it is not handled. */
  drop(partition: Partition): void {
    this.#waiting = this.#waiting.filter((task) => task.partition !== partition)
    this.#recount()
    if (this.#waiting.length === 0) this.stop()
  }

  /** What waits is handled without waiting for more. */
  hurry(): void {
    this.#due = true
    this.#look()
  }

  /** The same, and there is no more to come. */
  last(): void {
    this.#eager = true
    this.hurry()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

/** The messages of a batch that failed, when it is known which. */
export function failedOf(error: unknown): ReadonlySet<unknown> | undefined {
  return error instanceof BatchFailure ? new Set(error.failures.map(({ message }) => message)) : undefined
}

/** Those whose partitions are gone, and the others. */
export function split(tasks: readonly Task[]): [gone: Task[], ours: Task[]] {
  const gone: Task[] = []
  const ours: Task[] = []
  for (const task of tasks) (task.abandoned ? gone : ours).push(task)
  return [gone, ours]
}
