/** Waits for what comes true by what this process does: it is looked at after each change. */
export class Condition {
  /** Call after a change. */
  look = () => {}

  /** Resolves when `holds()`. Rejects when the signal aborts. One at a time. */
  until(holds, signal) {
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason)
      this.look = () => {
        if (!holds()) return
        this.look = () => {}
        signal.removeEventListener('abort', abort)
        resolve()
      }
      if (signal.aborted) abort()
      signal.addEventListener('abort', abort, { once: true })
      this.look()
    })
  }
}

/** Whether these positions, by partition, are not before those ends. */
export const reaches = (positions, ends) => [...ends].every(([p, end]) => (positions.get(p) ?? 0) >= end)
