// Moments of a producer, and how much of what had been taken by each has no report yet: what a flush waits for. Records
// carry the number of their epoch to librdkafka and back, and a mark begins the next one, so nothing is counted for a record
// as long as nobody flushes.
import type { ReportWindow } from './delivery-report.js'
import type { ProducerQueue } from './producer-queue.js'
import { Turn } from './waiting-sends.js'

/** @internal */
export interface Mark {
  readonly reported: Promise<void>
  readonly done: boolean
}

interface Epoch extends Mark {
  done: boolean
  /** Records of the epoch without a report. */
  left: number
  resolve(): void
}

const reached: Mark = { reported: Promise.resolve(), done: true }

/** @internal */
export class Marks {
  /** Of the records that are written now: an int32, which wraps around. */
  epoch = 0
  // Those that are over and have records without a report, or stand behind one that has. The first has the lowest number.
  readonly #epochs: Epoch[] = []
  #first = 0

  get some(): boolean {
    return this.#epochs.length > 0
  }

  /** Marks this moment, at which `unreported` records have been written and have no report. Not while one is being written. */
  mark(unreported: number): Mark {
    let left = unreported
    for (const epoch of this.#epochs) left -= epoch.left
    // Nothing has been written since the last one.
    if (left <= 0) return this.#epochs.at(-1) ?? reached
    if (this.#epochs.length === 0) this.#first = this.epoch
    const epoch: Epoch = { left, done: false, resolve: () => {}, reported: Promise.resolve() }
    const reported = new Promise<void>((resolve) => Object.assign(epoch, { resolve }))
    this.#epochs.push(Object.assign(epoch, { reported }))
    this.epoch = (this.epoch + 1) | 0
    return epoch
  }

  /** Counts the rows of the window; `batchEpoch` is that of rows whose index is a place in a batch. */
  count({ ints }: ReportWindow, count: number, batchEpoch: (slot: number) => number | undefined): void {
    for (let row = 0; row < count; row++) {
      const number = batchEpoch(ints[row * 16]) ?? ints[row * 16 + 1]
      const epoch = this.#epochs[(number - this.#first) | 0]
      if (epoch) epoch.left--
    }
    while (this.#epochs.length > 0 && this.#epochs[0].left <= 0) this.#pass()
  }

  /** There will be no more reports. */
  end(): void {
    while (this.some) this.#pass()
  }

  #pass(): void {
    const epoch = this.#epochs.shift() as Epoch
    this.#first = (this.#first + 1) | 0
    epoch.done = true
    epoch.resolve()
  }
}

/** @internal All that had been taken at a moment. */
export interface Taken extends Mark {
  /** Nobody waits for it any more. */
  forget(): void
}

/** @internal What has been taken by now, what waits for room included. Not while a record is being written. */
export function markTaken(queue: ProducerQueue, marks: Marks): Taken {
  let mark: Mark | undefined
  // What waits is written, or given up, before its turn comes, and what comes later after it.
  const turn = new Turn(() => {
    mark = marks.mark(queue.messages)
  })
  if (queue.nobodyWaits) turn.write()
  else queue.wait(turn)
  return {
    reported: turn.reached.catch(() => {}).then(() => mark?.reported),
    get done() {
      return mark?.done ?? false
    },
    forget: () => queue.giveUp(turn, undefined),
  }
}
