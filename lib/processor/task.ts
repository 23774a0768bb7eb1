// One message on its way through a handler, and the partition it belongs to: which offsets may be stored.
import type { DeliveryReport, Message, ProducerRecord, TopicPartition, TopicPartitionOffset } from '../index.js'
import type { Route } from './router.js'
import type { Acknowledgement, HandlerContext, ProcessorEvent, ProcessorMessage } from './types.js'

/** What a task may ask of whoever runs it. */
export interface TaskHost {
  send(record: ProducerRecord): Promise<DeliveryReport>
  sleep(ms: number, contexts: readonly Task[]): Promise<void>
  emit(event: ProcessorEvent): void
}

/** Thrown where waiting makes no sense any more: the message is left to whoever gets the partition. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError'
}

interface TaskMore {
  error?: unknown
  settled?: () => void
  began?: number | undefined
  /** Of a message that was handled before one that stands before it: its bytes are not kept. */
  offset?: number
  epoch?: number | null
}

/** What was said of a message. Plain numbers: this is looked at for each. */
export const Ack = { none: 0, success: 1, fail: 2, skip: 3 } as const
const words = 3
const nextCall = 4

/**
 * A message's context and acknowledgement in one object. Linked twice: into its lane, while it waits for its turn, and
 * into its partition, in order of offsets, until everything before it is handled.
 */
export class Task implements HandlerContext, Acknowledgement {
  message: Message | undefined
  readonly partition: Partition
  /** Behind it in its lane. */
  next: Task | undefined = undefined
  /** Behind it in its partition. */
  after: Task | undefined = undefined
  // Its last two bits are the word; above them is counted how often the handler was called.
  #acked = 0
  attempt = 1
  begun = false
  done = false
  /** A wait was cut short: whatever the handler makes of that, the message does not count as handled. */
  left = false
  /** What few tasks need: a task is made for each message, so it is kept small. */
  more: TaskMore | undefined = undefined

  constructor(message: Message, partition: Partition) {
    this.message = message
    this.partition = partition
    ;(message as { ack?: unknown }).ack = this
  }

  get error(): unknown {
    return this.more?.error
  }

  set settled(settled: () => void) {
    this.more ??= {}
    this.more.settled = settled
  }

  get began(): number | undefined {
    return this.more?.began
  }

  /** performance.now(), when somebody observes. */
  set began(began: number | undefined) {
    this.more ??= {}
    this.more.began = began
  }

  get acked(): number {
    return this.#acked & words
  }

  /** The handler is about to be called. What it said before is of another call; returns which this is. */
  call(): number {
    this.forgetWord()
    this.#acked += nextCall
    return this.#acked
  }

  /** A later call is under way: this one was given up, and what comes of it is nobody's business. */
  isStale(call: number): boolean {
    return this.#acked - this.acked !== call
  }

  /** From here on it is the middleware's. */
  forgetWord(): void {
    this.#acked &= ~words
  }

  success(): void {
    this.#acknowledge(Ack.success, undefined)
  }

  fail(error: unknown): void {
    this.#acknowledge(Ack.fail, error)
  }

  skip(): void {
    this.#acknowledge(Ack.skip, undefined)
  }

  #acknowledge(acked: number, error: unknown): void {
    // The first word counts.
    if (this.acked !== Ack.none || this.done) return
    this.#acked += acked
    if (error !== undefined || this.more) {
      this.more ??= {}
      this.more.error = error
      this.more.settled?.()
    }
  }

  get signal(): AbortSignal {
    return this.partition.signal
  }

  get abandoned(): boolean {
    return this.left || this.partition.aborted
  }

  get messages(): readonly ProcessorMessage[] {
    return [this.message as ProcessorMessage]
  }

  get topic(): string {
    return this.partition.route.topicOf(this.partition.topic)
  }

  send(record: ProducerRecord): Promise<DeliveryReport> {
    return this.partition.host.send(record)
  }

  sleep(ms: number): Promise<void> {
    return this.partition.host.sleep(ms, [this])
  }

  emit(event: ProcessorEvent): void {
    this.partition.host.emit(event)
  }
}

function offsetOf({ message, more }: Task): number {
  return message?.offset ?? (more?.offset as number)
}

/** Messages that are handled one after the other (`width` 1), or in no order. */
export class Lane {
  readonly width: number
  partition: Partition
  name: string | undefined
  head: Task | undefined = undefined
  #tail: Task | undefined = undefined
  /** How many of it are being handled. */
  active = 0
  /** It stands in the scheduler's row. */
  ready = false

  constructor(partition: Partition, width: number, name?: string) {
    this.partition = partition
    this.width = width
    this.name = name
  }

  /** The same lane, empty, for another key. */
  for(partition: Partition, name: string): this {
    this.partition = partition
    this.name = name
    return this
  }

  push(task: Task): void {
    if (this.head) (this.#tail as Task).next = task
    else this.head = task
    this.#tail = task
  }

  shift(): Task {
    const task = this.head as Task
    this.head = task.next
    if (!this.head) this.#tail = undefined
    task.next = undefined
    return task
  }

  /** Forgets what waits from this offset on; returns how many are left. */
  cut(offset: number): number {
    let kept = 0
    let last: Task | undefined
    for (let task = this.head; task && (task.message as Message).offset < offset; task = task.next) {
      last = task
      kept++
    }
    if (last) last.next = undefined
    else this.head = undefined
    this.#tail = last
    return kept
  }
}

/** A partition for as long as it is assigned. What is assigned again later is another one. */
export class Partition implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly route: Route
  readonly host: TaskHost
  readonly #controller = new AbortController()
  /** What is handled of it does not count any more. (A signal's own getter is slow for something asked so often.) */
  aborted = false
  /** For observers (see journal.ts): handled and not told of, messages until one is timed, and how long that took. */
  untold = 0
  untilTimed = 1
  lastDuration: number | undefined = undefined
  /** Key to lane, with `orderBy: 'key'`; the one without a name holds what is ordered by nothing else. */
  readonly lanes = new Map<string, Lane>()
  lane: Lane | undefined = undefined
  /** Received, and not being handled yet. */
  queued = 0
  /** Being handled, or waiting for the next attempt; and how many of these wait. */
  busy = 0
  sleeping = 0
  /** Received and not passed: from the first unhandled message on. */
  ahead = 0
  paused = false
  /** Not ours any more, or about to be: nothing of it is begun. */
  closed = false
  /** The last of what is handled without a gap. */
  #passed: Task | undefined = undefined
  dirty = false
  #first: Task | undefined = undefined
  #last: Task | undefined = undefined

  constructor(topic: string, partition: number, route: Route, host: TaskHost) {
    this.topic = topic
    this.partition = partition
    this.route = route
    this.host = host
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    this.aborted = true
    this.#controller.abort(reason)
  }

  add(task: Task): void {
    if (this.#first) (this.#last as Task).after = task
    else this.#first = task
    this.#last = task
    this.ahead++
    this.queued++
  }

  /** Handled: true when the offset to store has moved. */
  finish(task: Task): boolean {
    task.done = true
    if (task !== this.#first) {
      const { offset, leaderEpoch } = task.message as Message
      task.more ??= {}
      task.more.offset = offset
      task.more.epoch = leaderEpoch
      // Kept by what stands before it, perhaps for long: its bytes are not.
      task.message = undefined
      return false
    }
    let last = task
    for (;;) {
      const next = last.after
      // Whoever keeps a message does not keep all that came after it.
      last.after = undefined
      this.ahead--
      if (!next?.done) {
        this.#first = next
        break
      }
      last = next
    }
    this.#passed = last
    return true
  }

  /** The offset after everything that is handled; undefined before the first. */
  get passed(): TopicPartitionOffset | undefined {
    const task = this.#passed
    if (!task) return undefined
    const { topic, partition } = this
    const offset = offsetOf(task) + 1
    return {
      topic,
      partition,
      offset,
      leaderEpoch: task.message ? task.message.leaderEpoch : (task.more?.epoch ?? null),
    }
  }

  /** Nothing of it is begun from here on; what waits is forgotten. Returns how many waited. */
  close(): number {
    this.closed = true
    return this.#cut(0)
  }

  /**
   * Forgets what waits behind everything that has begun, and returns how many that were. What stands before it is still
   * to be handled: no offset passes a gap, and what was handled behind one would be handled again.
   */
  curtail(): number {
    let end = 0
    for (let task = this.#first; task; task = task.after) if (task.begun) end = offsetOf(task)
    return this.#cut(end)
  }

  #cut(end: number): number {
    const waited = this.queued
    this.queued = this.lane?.cut(end) ?? 0
    for (const lane of this.lanes.values()) this.queued += lane.cut(end)
    return waited - this.queued
  }
}
