// A handler gets so much time.
import { KafkaError } from '../index.js'
import { checkNames, invalid, milliseconds } from './settings.js'
import type { UniversalMiddleware } from './types.js'
import { SignalContext, universal } from './universal.js'

export interface TimeoutOptions {
  /** Milliseconds that a call of the handler may take. */
  ms: number
  /** Milliseconds more for a handler to end after its signal has aborted: 1,000 without it. */
  grace?: number
}

/**
 * Aborts `context.signal` after `ms` milliseconds, and lets the message fail with KafkaError `_TIMED_OUT`: when the
 * handler ends, or after `grace` milliseconds more. A handler that does not heed its signal goes on in the background
 * then, beside the next of its partition or key.
 */
export function timeout(options: number | TimeoutOptions): UniversalMiddleware {
  const { ms, grace: more } = typeof options === 'number' ? { ms: options, grace: undefined } : (options ?? {})
  if (typeof options !== 'number') checkNames(options, ['ms', 'grace'], 'timeout()')
  if (ms === undefined) throw invalid('timeout() takes milliseconds')
  milliseconds(ms, 'the time of timeout()', 1, 1)
  const grace = milliseconds(more, 'grace of timeout()', 0, 1000)
  return universal({ name: 'timeout' }, (next) => async (item, context) => {
    const controller = new AbortController()
    const { signal } = context
    const abort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    const timers: NodeJS.Timeout[] = []
    const late = new KafkaError('_TIMED_OUT', `the handler took longer than ${ms} ms`)
    try {
      const gaveUp = new Promise<never>((_, reject) => {
        timers[0] = setTimeout(() => {
          controller.abort(late)
          timers[1] = setTimeout(() => reject(late), grace)
        }, ms)
      })
      const running = Promise.resolve(next(item, new SignalContext(context, controller.signal)))
      const result = await Promise.race([running, gaveUp])
      // It was told to stop, and may have: that it returned says nothing.
      if (controller.signal.aborted && controller.signal.reason === late) throw late
      return result
    } catch (error) {
      if (controller.signal.aborted && controller.signal.reason === late) throw late
      throw error
    } finally {
      for (const timer of timers) clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  })
}
