// One timer for all consumers that look up as often: many idle ones do not wake the process once for each.
interface Ticker {
  readonly calls: Set<() => void>
  readonly timer: NodeJS.Timeout
}

const tickers = new Map<number, Ticker>()

/** @internal Calls every `interval` ms, and keeps no process alive for it; the function it returns ends it. */
export function every(interval: number, call: () => void): () => void {
  let ticker = tickers.get(interval)
  if (!ticker) {
    const calls = new Set<() => void>()
    const timer = setInterval(() => {
      for (const each of calls) each()
    }, interval).unref()
    ticker = { calls, timer }
    tickers.set(interval, ticker)
  }
  const { calls, timer } = ticker
  calls.add(call)
  return () => {
    if (!calls.delete(call) || calls.size > 0) return
    clearInterval(timer)
    tickers.delete(interval)
  }
}
