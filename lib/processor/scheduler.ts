// Who is handled when: `concurrency` places, lanes of messages that keep an order, and waits that take no place.
import { AsyncResource } from 'node:async_hooks'
import { onNextTurn } from '../turn.js'
import { failedOf, split } from './batcher.js'
import { Place, type Resume } from './place.js'
import { ReadyRows } from './ready.js'
import { AbandonedError, Lane, type Partition, type Task } from './task.js'
import type { OrderBy, Outcome } from './types.js'
import { Watchers } from './watchers.js'

/** What the scheduler runs, and whom it tells. */
export interface Work {
  /** Handles a message. Throws, or rejects, when it failed. */
  handle(task: Task): unknown
  /** It is over: the task was handled, skipped, or its partition is gone. */
  finished(task: Task, outcome: Outcome): void
  /** Nobody has taken care of the failure. */
  failed(error: unknown): void
}

/** Messages that are handled together: see batcher.ts. */
export interface BatchLane {
  /** The next batch; undefined when there is none yet. */
  take(): readonly Task[] | undefined
  handle(tasks: readonly Task[]): unknown
  /** Those of a batch that failed because some of its partitions are gone: the others go again. */
  putBack(tasks: readonly Task[]): void
  readonly width: number
  readonly topic: string
  active: number
  ready: boolean
}

// Lanes that are kept for other keys: the collector has much less to do.
const spareLanes = 4096
// So many of a lane in a row, while others wait.
const quantum = 64
// Handlers that never wait must not keep the event loop for longer than this, in milliseconds.
const turn = 10

type Row = Lane | BatchLane

export class Scheduler {
  readonly #concurrency: number
  readonly #orderBy: OrderBy
  readonly #work: Work
  readonly #ready = new ReadyRows<Row>()
  // Waits that are over, and want their place back.
  readonly #wakers: (() => void)[] = []
  readonly #watchers = new Watchers()
  readonly #sleepers = new Set<() => void>()
  #turnBegan = 0
  #turnOver = false
  readonly #later: Place[] = []
  readonly #idle: Place[] = []
  readonly #spare: Lane[] = []
  readonly #context = new AsyncResource('odradek.Processor')
  #served = 0
  /** Places taken. */
  running = 0
  /** Messages that wait for a handler, of partitions that are not paused; and of those that are. */
  queued = 0
  queuedPaused = 0
  sleeping = 0
  /** Nothing is begun any more. */
  stopped = false

  constructor(concurrency: number, orderBy: OrderBy, work: Work) {
    this.#concurrency = concurrency
    this.#orderBy = orderBy
    this.#work = work
  }

  /** Takes a message; `pump` begins with it. */
  add(task: Task): void {
    const { partition } = task
    partition.add(task)
    this.#counted(partition, 1)
    const lane = this.#laneOf(task, partition)
    lane.push(task)
    if (!lane.ready && lane.active < lane.width) this.#makeReady(lane)
  }

  #laneOf(task: Task, partition: Partition): Lane {
    if (this.#orderBy === 'key') {
      const name = task.message?.keyText('latin1')
      if (typeof name === 'string') {
        let lane = partition.lanes.get(name)
        if (!lane) {
          lane = this.#spare.pop()?.for(partition, name) ?? new Lane(partition, 1, name)
          partition.lanes.set(name, lane)
        }
        return lane
      }
    }
    partition.lane ??= new Lane(partition, this.#orderBy === 'partition' ? 1 : Number.POSITIVE_INFINITY)
    return partition.lane
  }

  /** The same for those that are handled together: they wait in a lane of their own. */
  addToBatch(task: Task): void {
    task.partition.add(task)
    this.#counted(task.partition, 1)
  }

  #counted(partition: Partition, by: number): void {
    if (partition.paused) this.queuedPaused += by
    else this.queued += by
  }

  makeReady(lane: BatchLane): void {
    if (!lane.ready && lane.active < lane.width) this.#makeReady(lane)
    this.pump()
  }

  #makeReady(row: Row): void {
    row.ready = true
    this.#ready.push(row instanceof Lane ? row.partition.topic : row.topic, row)
  }

  #takeReady(): Row | undefined {
    const row = this.#ready.take()
    if (row) row.ready = false
    return row
  }

  pump(): void {
    this.#turnBegan = performance.now()
    while (this.running < this.#concurrency && !this.#ready.empty && !this.stopped) {
      this.running++
      this.#goOn(this.#idle.pop() ?? new Place(this.#resume))
    }
  }

  /** Takes lane after lane, until there is none, a wait that is over wants the place, or a promise has to be waited for. */
  #goOn(place: Place): void {
    for (;;) {
      const lane = place.lane ?? this.#enter(place)
      if (!lane) return
      while (lane.head && !this.stopped && !lane.partition.closed) {
        const task = this.#begin(lane)
        try {
          const result = this.#work.handle(task)
          if (result !== undefined && isThenable(result)) {
            place.wait(task, result)
            return
          }
          this.#over(task, undefined)
        } catch (error) {
          this.#over(task, { error })
        }
        if (!this.#stays(place)) break
        if (this.#isTurnOver()) {
          this.#nextTurn(place)
          return
        }
      }
      this.#leave(lane)
      place.lane = undefined
    }
  }

  /** What a place waited for has come. */
  readonly #resume: Resume = (place, task, failure) => {
    if (task) this.#over(task, failure)
    const { lane } = place
    if (lane && !this.#stays(place)) {
      this.#leave(lane)
      place.lane = undefined
    }
    if (this.#isTurnOver()) this.#nextTurn(place)
    else this.#goOn(place)
  }

  #stays(place: Place): boolean {
    return this.#wakers.length === 0 && (++place.served < quantum || this.#ready.empty)
  }

  /** The place's next lane; none when it is given up, or serves a batch. */
  #enter(place: Place): Lane | undefined {
    while (!this.stopped && this.#wakers.length === 0) {
      const row = this.#takeReady()
      if (!row) break
      if (!(row instanceof Lane)) {
        place.wait(undefined, this.#serveBatch(row))
        return undefined
      }
      if (row.head === undefined) continue
      row.active++
      // Of several that may be handled at the same time, the next place takes another.
      if (row.active < row.width && row.head.next) this.#makeReady(row)
      place.lane = row
      place.served = 0
      return row
    }
    this.#giveUp(place)
    return undefined
  }

  #giveUp(place: Place): void {
    this.#idle.push(place)
    this.running--
    const waker = this.#wakers.shift()
    if (waker) {
      this.running++
      waker()
    }
    this.#watchers.changed()
  }

  #begin(lane: Lane): Task {
    const { partition } = lane
    const task = lane.shift()
    task.begun = true
    partition.queued--
    partition.busy++
    this.#counted(partition, -1)
    return task
  }

  #leave(lane: Lane): void {
    const { partition } = lane
    lane.active--
    if (lane.head && !partition.closed) {
      if (!lane.ready) this.#makeReady(lane)
    } else if (lane.name !== undefined && lane.active === 0 && partition.lanes.get(lane.name) === lane) {
      partition.lanes.delete(lane.name)
      if (!lane.ready && !lane.head && this.#spare.length < spareLanes) this.#spare.push(lane)
    }
  }

  async #serveBatch(lane: BatchLane): Promise<void> {
    const tasks = lane.take()
    if (!tasks) return
    lane.active++
    if (lane.active < lane.width && !lane.ready) this.#makeReady(lane)
    for (const task of tasks) {
      task.begun = true
      task.partition.queued--
      task.partition.busy++
      this.#counted(task.partition, -1)
    }
    let failure: { error: unknown } | undefined
    try {
      await lane.handle(tasks)
    } catch (error) {
      failure = { error }
    }
    lane.active--
    const [gone, ours] = split(tasks)
    if (failure && gone.length > 0 && ours.length > 0) {
      for (const task of gone) this.#over(task, failure)
      for (const task of ours) this.#again(task)
      lane.putBack(ours)
    } else {
      const failed = failure && failedOf(failure.error)
      for (const task of tasks) this.#over(task, !failed || failed.has(task.message) ? failure : undefined)
    }
    this.makeReady(lane)
    this.#turnOver ||= performance.now() - this.#turnBegan > turn
  }

  #again(task: Task): void {
    task.forgetWord()
    task.begun = false
    task.partition.busy--
    task.partition.queued++
    this.#counted(task.partition, 1)
  }

  #over(task: Task, failure: { error: unknown } | undefined): void {
    const { partition } = task
    partition.busy--
    if (task.abandoned) {
      this.#work.finished(task, 'abandoned')
    } else if (failure || task.acked === 2) {
      // It stays unhandled: the offset does not pass it, and nothing is begun after it.
      this.#work.finished(task, 'failure')
      this.stop()
      this.#work.failed(failure ? failure.error : task.error)
    } else {
      this.#work.finished(task, task.acked === 3 ? 'skip' : 'success')
    }
    this.#watchers.changed()
  }

  /** Whether the event loop has waited for long enough; the clock is asked now and then. Then every place stops. */
  #isTurnOver(): boolean {
    if (!this.#turnOver && ++this.#served % 32 === 0) this.#turnOver = performance.now() - this.#turnBegan > turn
    return this.#turnOver
  }

  /** One for all places: with one for each they would follow each other within the same turn. */
  #nextTurn(place: Place): void {
    if (this.#later.push(place) > 1) return
    onNextTurn(() => {
      this.#turnBegan = performance.now()
      this.#turnOver = false
      for (const one of this.#later.splice(0)) this.#goOn(one)
    })
  }

  // --- Waits that take no place

  async sleep(ms: number, tasks: readonly Task[]): Promise<void> {
    this.#leaveIfOver(tasks)
    this.running--
    this.#asleep(tasks, 1)
    // What is begun here is none of this handler's: whoever asks for the current trace is not to find this one's.
    this.#context.runInAsyncScope(this.pump, this)
    try {
      await this.#interruptible(ms, tasks)
    } finally {
      this.#asleep(tasks, -1)
    }
    if (this.running < this.#concurrency || this.#isOver(tasks)) this.running++
    else await new Promise<void>((resolve) => this.#wakers.push(resolve))
    this.#leaveIfOver(tasks)
  }

  #asleep(tasks: readonly Task[], by: 1 | -1): void {
    for (const { partition } of tasks) partition.sleeping += by
    this.sleeping += by * tasks.length
    this.#watchers.changed()
  }

  #isOver(tasks: readonly Task[]): boolean {
    return this.stopped || tasks.some((task) => task.partition.closed)
  }

  #leaveIfOver(tasks: readonly Task[]): void {
    if (!this.#isOver(tasks)) return
    for (const task of tasks) if (this.stopped || task.partition.closed) task.left = true
    throw new AbandonedError('not waited for: the message is left to whoever gets its partition')
  }

  #interruptible(ms: number, tasks: readonly Task[]): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#sleepers.delete(look)
        resolve()
      }
      const look = () => {
        if (this.#isOver(tasks)) end()
      }
      const deadline = performance.now() + ms
      const wait = () => {
        const left = deadline - performance.now()
        if (left <= 0) end()
        else timer = setTimeout(wait, Math.min(left, 0x7fffffff))
      }
      let timer: NodeJS.Timeout | undefined
      this.#sleepers.add(look)
      wait()
    })
  }

  // --- Beginnings and ends

  /** Nothing of the partition is begun from here on; waits end. */
  close(partition: Partition): void {
    this.#counted(partition, -partition.close())
    for (const look of [...this.#sleepers]) look()
    this.#watchers.changed()
  }

  /** Of what waits of the partition, only what stands before something that has begun is still begun. */
  curtail(partition: Partition): void {
    this.#counted(partition, -partition.curtail())
  }

  setPaused(partition: Partition, paused: boolean): void {
    if (partition.paused === paused) return
    this.#counted(partition, -partition.queued)
    partition.paused = paused
    this.#counted(partition, partition.queued)
  }

  /** Nothing is begun any more; waits end. */
  stop(): void {
    this.stopped = true
    for (const look of [...this.#sleepers]) look()
    for (const waker of this.#wakers.splice(0)) {
      this.running++
      waker()
    }
    this.#watchers.changed()
  }

  /** Whether the condition comes true within `ms` milliseconds; looked at whenever a message is through. */
  until(condition: () => boolean, ms: number): Promise<boolean> {
    return this.#watchers.until(condition, ms)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
