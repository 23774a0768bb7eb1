// The reports of `produce` as an async iterator of batches.
import type { DeliveryReports } from './delivery-report.js'

interface Reader {
  batches: DeliveryReports[]
  /** Reports in them. */
  unread: number
  waiting: ((result: IteratorResult<DeliveryReports, undefined>) => void)[]
}

const end: IteratorResult<DeliveryReports, undefined> = { value: undefined, done: true }

/** @internal */
export class DeliveryReaders {
  readonly #readers = new Set<Reader>()
  #closed = false

  get empty(): boolean {
    return this.#readers.size === 0
  }

  /** Reports that the slowest reader has not read. */
  get unread(): number {
    let most = 0
    for (const { unread } of this.#readers) most = Math.max(most, unread)
    return most
  }

  push(reports: DeliveryReports): void {
    for (const reader of this.#readers) {
      const next = reader.waiting.shift()
      if (next) {
        next({ value: reports, done: false })
      } else {
        reader.batches.push(reports)
        reader.unread += reports.length
      }
    }
  }

  /** Readers end when they have read what there is. */
  close(): void {
    this.#closed = true
    for (const { waiting } of this.#readers) for (const next of waiting.splice(0)) next(end)
    this.#readers.clear()
  }

  open(): AsyncIterableIterator<DeliveryReports> {
    const reader: Reader = { batches: [], unread: 0, waiting: [] }
    let ended = false
    if (!this.#closed) this.#readers.add(reader)
    const iterator: AsyncIterableIterator<DeliveryReports> = {
      next: () => {
        const value = reader.batches.shift()
        if (value) {
          reader.unread -= value.length
          return Promise.resolve({ value, done: false })
        }
        if (ended || this.#closed) return Promise.resolve(end)
        return new Promise((resolve) => reader.waiting.push(resolve))
      },
      return: () => {
        ended = true
        reader.batches = []
        this.#readers.delete(reader)
        for (const next of reader.waiting.splice(0)) next(end)
        return Promise.resolve(end)
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }
}
