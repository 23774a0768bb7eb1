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
