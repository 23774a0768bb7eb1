import { KafkaError } from './errors.js'

/** @internal Throws for what is no AbortSignal; one of another realm is one. */
export function checkSignal(signal: unknown, what: string): void {
  if (signal === undefined) return
  const { aborted, addEventListener } = Object(signal) as AbortSignal
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return
  const given =
    typeof signal === 'string' ? `'${signal.slice(0, 60)}'` : signal === null ? 'null' : `a ${typeof signal}`
  throw new KafkaError('_INVALID_ARG', `${what}: signal is an AbortSignal; got ${given}`)
}

// Many waiting for one AbortSignal with one listener: Node warns of a leak from the eleventh on, and ten thousand sends
// may share a signal.
const waiting = new WeakMap<AbortSignal, { calls: Set<() => void>; listener: () => void }>()

/** @internal Calls when the signal aborts; the function it returns takes that back. */
export function whenAborted(signal: AbortSignal, call: () => void): () => void {
  let entry = waiting.get(signal)
  if (!entry) {
    const calls = new Set<() => void>()
    const listener = () => {
      waiting.delete(signal)
      for (const each of [...calls]) each()
    }
    entry = { calls, listener }
    waiting.set(signal, entry)
    signal.addEventListener('abort', listener, { once: true })
  }
  const { calls, listener } = entry
  calls.add(call)
  return () => {
    calls.delete(call)
    if (calls.size > 0 || waiting.get(signal)?.calls !== calls) return
    waiting.delete(signal)
    signal.removeEventListener('abort', listener)
  }
}

/** @internal The promise, or the signal's reason, whichever comes first; `onAbort` runs in the latter case. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      onAbort?.()
      reject(signal.reason)
    }
    if (signal.aborted) abort()
    const forget = whenAborted(signal, abort)
    promise.then(resolve, reject).finally(forget)
  })
}
