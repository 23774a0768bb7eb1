// The same message twice, within a time, is one message.
import { checkNames, integer, invalid } from './settings.js'
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
  checkNames(options, ['id', 'window', 'max', 'store'], 'deduplicate()')
  if (typeof id !== 'function') throw invalid('id of deduplicate() is a function from a message to a string')
  const window = integer(time, 'window of deduplicate()', 1, 3_600_000)
  const store = given ?? new MemoryStore(integer(most, 'max of deduplicate()', 1, 100_000))
  if (typeof store.has !== 'function' || typeof store.add !== 'function') {
    throw invalid('store of deduplicate() is an object with has(id) and add(id, window)')
  }
  const underWay = new Set<string>()
  return universal({ name: 'deduplicate' }, (next) => async (item, context) => {
    const messages = isBatch(item) ? item : [item]
    const ids = new Map(messages.map((message) => [message, id(message)]))
    const claimed: string[] = []
    try {
      // In one order for everybody, so that no two batches wait for each other.
      for (const name of [...new Set(ids.values())].sort()) {
        if (name === undefined) continue
        // Two of the same at the same time: the second waits for what becomes of the first. Without a place, because the
        // first may need one.
        while (underWay.has(name)) await context.sleep(lookAgain)
        underWay.add(name)
        claimed.push(name)
      }
      const fresh = await freshOf(messages, ids, store)
      if (fresh.length === 0) return undefined
      const rest: Item = isBatch(item) ? fresh : item
      let failed: ReadonlySet<ProcessorMessage> = new Set()
      try {
        return await next(rest, context)
      } catch (error) {
        const part = failedPart(rest, error)
        failed = new Set(isBatch(part) ? part : [part])
        throw error
      } finally {
        for (const message of fresh) {
          const name = ids.get(message)
          if (name !== undefined && !failed.has(message)) await store.add(name, window)
        }
      }
    } finally {
      for (const name of claimed) underWay.delete(name)
    }
  })
}

// Milliseconds.
const lookAgain = 20

/** Those that were not handled yet; the others are skipped. */
async function freshOf(
  messages: readonly ProcessorMessage[],
  ids: ReadonlyMap<ProcessorMessage, string | undefined>,
  store: DeduplicationStore,
): Promise<ProcessorMessage[]> {
  const seen = new Set<string>()
  const fresh: ProcessorMessage[] = []
  for (const message of messages) {
    const name = ids.get(message)
    if (name === undefined || (!seen.has(name) && !(await store.has(name)))) fresh.push(message)
    else message.ack.skip()
    if (name !== undefined) seen.add(name)
  }
  return fresh
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
