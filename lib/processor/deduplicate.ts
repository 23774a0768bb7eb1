// The same message twice, within a time, is one message.
import { integer, invalid } from './settings.js'
import type { ProcessorMessage, UniversalMiddleware } from './types.js'
import { failedPart, type Item, isBatch, universal } from './universal.js'

/** Where it is kept what was handled: in memory, or wherever all instances look. */
export interface DeduplicationStore {
  /** Whether this id has been handled. */
  has(id: string): boolean | Promise<boolean>
  /** It has; to be remembered for `window` milliseconds. */
  add(id: string, window: number): void | Promise<void>
}

export interface DeduplicateOptions {
  /** What makes two messages the same; undefined for one that is handled anyway. */
  id: (message: ProcessorMessage) => string | undefined
  /** Milliseconds that an id is remembered: an hour without it. */
  window?: number
  /** Ids remembered by the store in memory, the oldest forgotten first: 100,000 without it. */
  max?: number
  /** Without it: memory of this process, empty after a restart, and of no use for what another instance handled. */
  store?: DeduplicationStore
}

/** Skips what was handled already. An id is remembered when its message was handled, so what fails may come again. */
export function deduplicate(options: DeduplicateOptions): UniversalMiddleware {
  const { id, window: time, max: most, store: given } = options ?? {}
  if (typeof id !== 'function') throw invalid('id of deduplicate() is a function from a message to a string')
  const window = integer(time, 'window of deduplicate()', 1, 3_600_000)
  const store = given ?? new MemoryStore(integer(most, 'max of deduplicate()', 1, 100_000))
  if (typeof store.has !== 'function' || typeof store.add !== 'function') {
    throw invalid('store of deduplicate() is an object with has(id) and add(id, window)')
  }
  // Two of the same at the same time: the second waits for what becomes of the first.
  const underWay = new Map<string, Promise<unknown>>()
  return universal({ name: 'deduplicate' }, (next) => async (item, context) => {
    const fresh: { message: ProcessorMessage; id: string | undefined; done: () => void }[] = []
    try {
      for (const message of isBatch(item) ? item : [item]) {
        const name = id(message)
        if (name !== undefined) {
          if (fresh.some((other) => other.id === name)) {
            message.ack.skip()
            continue
          }
          while (underWay.has(name)) await underWay.get(name)
          if (await store.has(name)) {
            message.ack.skip()
            continue
          }
        }
        fresh.push({ message, id: name, done: begin(underWay, name) })
      }
      if (fresh.length === 0) return undefined
      const rest: Item = isBatch(item) ? fresh.map(({ message }) => message) : item
      const remember = async (failed: ReadonlySet<ProcessorMessage>) => {
        for (const { message, id: name } of fresh) {
          if (name !== undefined && !failed.has(message)) await store.add(name, window)
        }
      }
      try {
        await next(rest, context)
      } catch (error) {
        const failed = failedPart(rest, error)
        if (isBatch(failed)) await remember(new Set(failed))
        throw error
      }
      await remember(new Set())
      return undefined
    } finally {
      for (const { done } of fresh) done()
    }
  })
}

function begin(underWay: Map<string, Promise<unknown>>, name: string | undefined): () => void {
  if (name === undefined) return () => {}
  let end: () => void = () => {}
  const over = new Promise<void>((resolve) => {
    end = resolve
  })
  underWay.set(name, over)
  return () => {
    if (underWay.get(name) === over) underWay.delete(name)
    end()
  }
}

/** Ids in the order in which they were added. */
class MemoryStore implements DeduplicationStore {
  readonly #max: number
  readonly #until = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  has(id: string): boolean {
    const until = this.#until.get(id)
    if (until === undefined) return false
    if (until > performance.now()) return true
    this.#until.delete(id)
    return false
  }

  add(id: string, window: number): void {
    this.#until.delete(id)
    this.#until.set(id, performance.now() + window)
    const now = performance.now()
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size <= this.#max) break
      this.#until.delete(oldest)
    }
  }
}
