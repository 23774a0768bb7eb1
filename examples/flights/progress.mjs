// Where the run is, for the display; and how far production may run ahead of consumption.

export class Progress {
  produced = 0
  delivered = 0
  failed = 0
  consumed = 0
  /** When something last went on. */
  changedAt = performance.now()
  #ahead = 0
  #maxAhead
  #waiting = []

  /** @param {number} maxAhead bytes that may be produced and not yet consumed */
  constructor(maxAhead) {
    this.#maxAhead = maxAhead
  }

  /** Records without a report. */
  get inFlight() {
    return this.produced - this.delivered - this.failed
  }

  /** Records that are in the topic and have not been consumed. A record can be consumed before its report is here. */
  get lag() {
    return Math.max(0, this.delivered - this.consumed)
  }

  onProduced(records, bytes) {
    this.produced += records
    this.#ahead += bytes
    this.#changed()
  }

  onReports(delivered, failed, failedBytes) {
    this.delivered += delivered
    this.failed += failed
    this.#behind(failedBytes)
  }

  onConsumed(records, bytes) {
    this.consumed += records
    this.#behind(bytes)
  }

  /** Resolves when there is room for more. Always lets other work of the process go on in between. */
  async room(signal) {
    await new Promise(setImmediate)
    while (this.#ahead >= this.#maxAhead && !signal.aborted) {
      await new Promise((resolve) => {
        this.#waiting.push(resolve)
        signal.addEventListener('abort', resolve, { once: true })
      })
    }
  }

  #behind(bytes) {
    this.#ahead -= bytes
    this.#changed()
    if (this.#ahead < this.#maxAhead) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #changed() {
    this.changedAt = performance.now()
  }
}
