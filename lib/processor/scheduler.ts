// Who is handled when: `concurrency` places, lanes of messages that keep an order, and waits that take no place.
import { ReadyRows } from './ready.js'
import { BatchFailure } from './router.js'
import { AbandonedError, Lane, type Partition, type Task } from './task.js'
import type { OrderBy, Outcome } from './types.js'

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
  #watchers: readonly (() => void)[] = []
  readonly #sleepers = new Set<() => void>()
  #turnBegan = 0
  #turnOver = false
  #turn: Promise<void> | undefined
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
      const key = task.message?.key
      if (key) {
        const name = key.toString('latin1')
        let lane = partition.lanes.get(name)
        if (!lane) {
          lane = new Lane(partition, 1, name)
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
      void this.#occupyPlace()
    }
  }

  /** One place: takes lane after lane, until there is none, or until a wait that is over wants the place. */
  async #occupyPlace(): Promise<void> {
    while (!this.stopped && this.#wakers.length === 0) {
      const row = this.#takeReady()
      if (!row) break
      if (!(row instanceof Lane)) {
        await this.#serveBatch(row)
        continue
      }
      if (row.head === undefined) continue
      row.active++
      // Of several that may be handled at the same time, the next place takes another.
      if (row.active < row.width && row.head.next) this.#makeReady(row)
      // Not in a function of its own: with many keys a lane is often a single message, and its promise would cost as much.
      for (let count = 1; row.head && !this.stopped && !row.partition.closed; count++) {
        const task = this.#begin(row)
        try {
          const result = this.#work.handle(task)
          if (result !== undefined && isThenable(result)) await result
          this.#over(task, undefined)
        } catch (error) {
          this.#over(task, { error })
        }
        if (this.#isTurnOver()) await this.#nextTurn()
        if (this.#wakers.length > 0 || (count >= quantum && !this.#ready.empty)) break
      }
      this.#leave(row)
    }
    this.running--
    const waker = this.#wakers.shift()
    if (waker) {
      this.running++
      waker()
    }
    this.#changed()
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
    if (performance.now() - this.#turnBegan > turn) await this.#nextTurn()
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
    if (this.#watchers.length > 0) this.#changed()
  }

  /** Whether the event loop has waited for long enough; the clock is asked now and then. Then every place stops. */
  #isTurnOver(): boolean {
    if (!this.#turnOver && ++this.#served % 32 === 0) this.#turnOver = performance.now() - this.#turnBegan > turn
    return this.#turnOver
  }

  /** One for all places: with one for each they would follow each other within the same turn. */
  #nextTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turnBegan = performance.now()
        this.#turnOver = false
        this.#turn = undefined
        resolve()
      })
    })
    return this.#turn
  }

  // --- Waits that take no place

  async sleep(ms: number, tasks: readonly Task[]): Promise<void> {
    this.#leaveIfOver(tasks)
    this.running--
    this.#asleep(tasks, 1)
    this.pump()
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
    if (this.#watchers.length > 0) this.#changed()
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
    this.#changed()
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
    this.#changed()
  }

  #changed(): void {
    const watchers = this.#watchers
    for (let i = 0; i < watchers.length; i++) watchers[i]()
  }

  /** Whether the condition comes true within `ms` milliseconds; looked at whenever a message is through. */
  until(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (holds: boolean) => {
        clearTimeout(timer)
        this.#watchers = this.#watchers.filter((other) => other !== watcher)
        resolve(holds)
      }
      const watcher = () => {
        if (condition()) end(true)
      }
      const timer = setTimeout(() => end(condition()), Math.min(ms, 0x7fffffff))
      this.#watchers = [...this.#watchers, watcher]
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/** The messages of a batch that failed, when it is known which. */
function failedOf(error: unknown): ReadonlySet<unknown> | undefined {
  return error instanceof BatchFailure ? new Set(error.failures.map(({ message }) => message)) : undefined
}

function split(tasks: readonly Task[]): [gone: Task[], ours: Task[]] {
  const gone: Task[] = []
  const ours: Task[] = []
  for (const task of tasks) (task.abandoned ? gone : ours).push(task)
  return [gone, ours]
}
