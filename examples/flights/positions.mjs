// How far the readers of a job are, who waits until they are far enough, and whether the commits are in the end.
export class Positions {
  #offsets = new Map()
  #look = () => {}

  /** @param {{ partition: number, offset: number }[]} positions */
  advance(positions) {
    for (const { partition, offset } of positions) this.#offsets.set(partition, offset)
    this.#look()
  }

  /** Something else has changed: whoever waits looks again. */
  look() {
    this.#look()
  }

  /** Resolves when everything before these offsets was handled. Rejects when the signal aborts. */
  caughtUp(ends, signal) {
    return this.until(() => [...ends].every(([partition, end]) => (this.#offsets.get(partition) ?? 0) >= end), signal)
  }

  /** One waits at a time. */
  until(condition, signal) {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      this.#look = () => {
        if (!condition()) return
        this.#look = () => {}
        signal.removeEventListener('abort', abort)
        resolve()
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      this.#look()
    })
  }
}

/** What is wrong with what is committed: where it is not at the end. */
export function behind(ends, committed) {
  return [...ends].flatMap(([partition, end]) => {
    const offset = committed.get(partition) ?? 'nothing'
    return offset >= end ? [] : [`partition ${partition} is committed up to ${offset}, and ends at ${end}`]
  })
}
