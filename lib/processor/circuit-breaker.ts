// When everything fails, it is not the messages' fault: stop asking for a while.
import { KafkaError } from '../index.js'
import { isTransient } from './retry.js'
import { checkNames, integer, invalid, oneOf } from './settings.js'
import type { HandlerContext, UniversalMiddleware } from './types.js'
import { isAbandoned, universal } from './universal.js'

export interface CircuitBreakerOptions {
  /** Failures in a row that open the circuit: 5 without it. */
  failures?: number
  /** Milliseconds that it stays open, before one call is let through to see: 10,000 without it. */
  cooldown?: number
  /** Which failures count. Without it: `isTransient`; a bad message says nothing of the service behind the handler. */
  failureIf?: (error: unknown) => boolean
  /**
   * What becomes of messages while it is open: they `'wait'` (which pauses partitions, and is the default), or `'fail'`
   * at once with KafkaError `_STATE`.
   */
  whenOpen?: 'wait' | 'fail'
}

/** One circuit for everything that is handled through it. */
export function circuitBreaker(options: CircuitBreakerOptions = {}): UniversalMiddleware {
  checkNames(options, ['failures', 'cooldown', 'failureIf', 'whenOpen'], 'circuitBreaker()')
  const circuit = new Circuit(options)
  return universal({ name: 'circuitBreaker', needsFailures: true }, (next) => async (item, context) => {
    const probe = await circuit.enter(context)
    try {
      const result = await next(item, context)
      circuit.succeeded(probe, context)
      return result
    } catch (error) {
      circuit.failed(probe, error, context)
      throw error
    }
  })
}

class Circuit {
  readonly #failures: number
  readonly #cooldown: number
  readonly #failureIf: (error: unknown) => boolean
  readonly #whenOpen: 'wait' | 'fail'
  #state: 'closed' | 'open' | 'halfOpen' = 'closed'
  #inARow = 0
  #openUntil = 0

  constructor({ failures, cooldown, failureIf = isTransient, whenOpen }: CircuitBreakerOptions) {
    this.#failures = integer(failures, 'failures of circuitBreaker()', 1, 5)
    this.#cooldown = integer(cooldown, 'cooldown of circuitBreaker()', 1, 10_000)
    this.#whenOpen = oneOf(whenOpen, 'whenOpen of circuitBreaker()', ['wait', 'fail'] as const, 'wait')
    if (typeof failureIf !== 'function') throw invalid('failureIf of circuitBreaker() is a function')
    this.#failureIf = failureIf
  }

  /** True for the one that finds out; the others wait until it has. */
  async enter(context: HandlerContext): Promise<boolean> {
    while (this.#state !== 'closed') {
      const left = this.#openUntil - performance.now()
      if (this.#state === 'open' && left <= 0) {
        this.#change('halfOpen', context)
        return true
      }
      if (this.#whenOpen === 'fail') {
        throw new KafkaError('_STATE', 'the circuit is open: the handler is not called', { retriable: true })
      }
      await context.sleep(Math.max(left, this.#state === 'halfOpen' ? Math.min(this.#cooldown, 100) : 1))
    }
    return false
  }

  succeeded(probe: boolean, context: HandlerContext): void {
    if (probe) this.#change('closed', context)
    // What began before the circuit opened says nothing of now.
    if (this.#state === 'closed') this.#inARow = 0
  }

  failed(probe: boolean, error: unknown, context: HandlerContext): void {
    if (isAbandoned(error, context)) {
      // It did not find out; the next one does.
      if (probe) this.#change('open', context)
      return
    }
    if (!this.#failureIf(error)) {
      this.succeeded(probe, context)
      return
    }
    if (!probe && (this.#state !== 'closed' || ++this.#inARow < this.#failures)) return
    this.#openUntil = performance.now() + this.#cooldown
    this.#change('open', context)
  }

  #change(state: 'closed' | 'open' | 'halfOpen', context: HandlerContext): void {
    this.#state = state
    context.emit({ type: 'circuit', state })
  }
}
