// One of the `concurrency` places.
import type { Lane, Task } from './task.js'

/** What a place waited for has come: of a task, or of a batch. */
export type Resume = (place: Place, task: Task | undefined, failure: { error: unknown } | undefined) => void

const { then } = Promise.prototype

/** Where a message is handled: what is the same for all that are handled there is made once (`await` makes it anew). */
export class Place {
  lane: Lane | undefined = undefined
  /** How many of the lane, in a row. */
  served = 0
  #task: Task | undefined
  readonly #done: () => void
  readonly #failed: (error: unknown) => void

  constructor(resume: Resume) {
    this.#done = () => resume(this, this.#task, undefined)
    this.#failed = (error) => resume(this, this.#task, { error })
  }

  /** As `await` does it: what is no promise of the language's own may call back at once, or twice. */
  wait(task: Task | undefined, result: PromiseLike<unknown>): void {
    this.#task = task
    const promise = result.constructor === Promise ? result : Promise.resolve(result)
    then.call(promise, this.#done, this.#failed)
  }
}
