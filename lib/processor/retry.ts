// Tries again what may succeed later.
import { KafkaError } from '../index.js'
import { BatchFailure } from './router.js'
import { checkNames, integer, invalid } from './settings.js'
import type { UniversalMiddleware } from './types.js'
import { failedPart, type Item, isAbandoned, isBatch, universal } from './universal.js'

export interface Backoff {
  /** Milliseconds before the second attempt: 100 without it. */
  initial?: number
  /** The most milliseconds: 10,000 without it. */
  max?: number
  /** What each delay is multiplied by for the next: 2 without it. */
  factor?: number
  /** The random part of a delay, from 0 to 1: half of it without a word. */
  jitter?: number
}

export interface RetryOptions {
  /** Calls of the handler, the first included; Infinity for ever. 5 without it. */
  attempts?: number
  backoff?: Backoff
  /** Whether it may succeed later. Without it: `isTransient`. */
  retryIf?: (error: unknown, attempt: number) => boolean
}

/**
 * What cannot succeed later: what says so of itself (`error.permanent`, as a message that does not decode does), mistakes
 * in the program (TypeError, RangeError, SyntaxError, ReferenceError), and KafkaErrors about an argument or a record.
 */
export function isTransient(error: unknown): boolean {
  const cause = error instanceof BatchFailure ? error.cause : error
  if ((cause as { permanent?: unknown } | undefined)?.permanent === true) return false
  if (cause instanceof KafkaError) return !hopeless.has(cause.code) && !cause.fatal
  if (cause instanceof SyntaxError || cause instanceof TypeError) return false
  return !(cause instanceof RangeError || cause instanceof ReferenceError)
}

const hopeless = new Set(['_INVALID_ARG', 'MSG_SIZE_TOO_LARGE', 'INVALID_RECORD', '_UNKNOWN_PARTITION'])

/** The delay before the attempt after the `attempt`-th, in milliseconds. */
export function delayOf(attempt: number, { initial = 100, max = 10_000, factor = 2, jitter = 0.5 }: Backoff): number {
  const delay = Math.min(max, initial * factor ** (attempt - 1))
  return delay * (1 - jitter + Math.random() * jitter)
}

export function checkBackoff(backoff: Backoff): Backoff {
  checkNames(backoff, ['initial', 'max', 'factor', 'jitter'], 'backoff')
  const { factor, jitter } = backoff
  integer(backoff.initial, 'backoff.initial', 0, 0)
  integer(backoff.max, 'backoff.max', 0, 0)
  if (factor !== undefined && !(factor >= 1)) throw invalid(`backoff.factor is a number from 1; got ${factor}`)
  if (jitter !== undefined && !(jitter >= 0 && jitter <= 1)) {
    throw invalid(`backoff.jitter is a number from 0 to 1; got ${jitter}`)
  }
  return backoff
}

/** Of a batch of which only a part was tried again, only that has failed. */
function failureOf(item: Item, rest: Item, error: unknown): unknown {
  if (rest === item || !isBatch(rest) || error instanceof BatchFailure) return error
  return new BatchFailure(rest.map((message) => ({ message, error })))
}

/**
 * Calls the handler again, with growing delays. Meanwhile the message takes none of the `concurrency` places, and only
 * what has to wait for it by `orderBy` waits: its partition is paused when too much piles up behind it, so that
 * `max.poll.interval.ms` may pass without harm. Of a batch only what failed is tried again, if the handler said which.
 */
export function retry(options: RetryOptions = {}): UniversalMiddleware {
  checkNames(options, ['attempts', 'backoff', 'retryIf'], 'retry()')
  const attempts = integer(options.attempts, 'attempts of retry()', 1, 5)
  const backoff = checkBackoff(options.backoff ?? {})
  const retryIf = options.retryIf ?? isTransient
  if (typeof retryIf !== 'function') throw invalid('retryIf of retry() is a function from an error to a boolean')
  return universal({ name: 'retry', needsFailures: true }, (next) => async (item, context) => {
    let rest = item
    for (let attempt = 1; ; attempt++) {
      context.attempt = attempt
      try {
        return await next(rest, context)
      } catch (error) {
        if (isAbandoned(error, context)) throw error
        if (attempt >= attempts || !retryIf(error, attempt)) throw failureOf(item, rest, error)
        rest = failedPart(rest, error)
        const delay = delayOf(attempt, backoff)
        context.emit({ type: 'retry', topic: context.topic, attempt, delay, error })
        await context.sleep(delay)
      }
    }
  })
}
