// No more than so many in a time.
import { checkNames, invalid, milliseconds } from './settings.js'
import type { UniversalMiddleware } from './types.js'
import { isBatch, universal } from './universal.js'

export interface RateLimitOptions {
  /** Messages per `per`. */
  rate: number
  /** Milliseconds: 1,000 without it. */
  per?: number
  /** How many may come at once after a pause: `rate` without it. */
  burst?: number
}

/** One bucket for everything that is handled through it. What has to wait takes no place meanwhile. */
export function rateLimit(options: RateLimitOptions): UniversalMiddleware {
  const { rate, per: period, burst: size } = options ?? {}
  checkNames(options, ['rate', 'per', 'burst'], 'rateLimit()')
  if (!(typeof rate === 'number' && rate > 0)) throw invalid(`rate of rateLimit() is a number above 0; got ${rate}`)
  const per = milliseconds(period, 'per of rateLimit()', 1, 1000)
  const burst = size ?? Math.max(1, rate)
  if (!(burst >= 1)) throw invalid(`burst of rateLimit() is a number from 1; got ${burst}`)
  const interval = per / rate
  // The time at which the bucket would be full, had nothing been taken since: it runs ahead of the clock by what is owed.
  let paidUntil = performance.now() - burst * interval
  return universal({ name: 'rateLimit' }, (next) => async (item, context) => {
    const now = performance.now()
    const cost = (isBatch(item) ? item.length : 1) * interval
    paidUntil = Math.max(paidUntil, now - burst * interval) + cost
    const wait = paidUntil - now
    if (wait > 0) await context.sleep(wait)
    return await next(item, context)
  })
}
