// Waiting until a client can use its cluster, and why it cannot.
import { abortable, checkSignal } from './abort.js'
import type { OperationOptions } from './client.js'
import type { ConnectionTrouble } from './connection-trouble.js'
import { KafkaError } from './errors.js'

const defaultTimeout = 5000
const maxTimeout = 3_600_000
// Of the timeout, so that it settles within it.
const reserve = (timeout: number) => Math.min(500, timeout / 10)
const pause = 100
// Another attempt may succeed: a connection broke, or none was there in time.
const passing = new Set<string>([
  '_TIMED_OUT',
  '_TRANSPORT',
  '_ALL_BROKERS_DOWN',
  'REQUEST_TIMED_OUT',
  'NOT_CONTROLLER',
])

/** @internal Whether another attempt may succeed. */
export function isPassing(error: unknown): error is KafkaError {
  return error instanceof KafkaError && passing.has(error.code)
}

export interface ReadyContext {
  name: string
  trouble: ConnectionTrouble
  /** Describes the cluster, which goes to a broker where that says it is: rejects with a KafkaError. */
  describe(timeout: number, signal: AbortSignal): Promise<unknown>
  /** The fatal error that came meanwhile. */
  fatal(): KafkaError | undefined
}

/** Client.ready(). */
export async function ready(context: ReadyContext, options: OperationOptions = {}): Promise<void> {
  const { timeout = defaultTimeout, signal } = options
  if (!Number.isFinite(timeout) || timeout < 1 || timeout > maxTimeout) {
    throw new KafkaError('_INVALID_ARG', `ready: timeout must be milliseconds from 1 to ${maxTimeout}, got ${timeout}`)
  }
  checkSignal(signal, 'ready')
  signal?.throwIfAborted()
  const deadline = performance.now() + timeout - reserve(timeout)
  const ending = new AbortController()
  let stopWatching = () => {}
  const hopeless = new Promise<never>((_, reject) => {
    stopWatching = context.trouble.watch(({ error, permanent }) => permanent && reject(error))
  })
  try {
    const answered = Promise.race([untilAnswered(context, deadline, timeout, ending.signal), hopeless])
    await (signal ? abortable(answered, signal) : answered)
    context.trouble.clear()
  } finally {
    stopWatching()
    ending.abort()
  }
}

async function untilAnswered(context: ReadyContext, deadline: number, timeout: number, signal: AbortSignal) {
  for (;;) {
    const left = Math.round(deadline - performance.now())
    if (left < 1) throw notReady(context, timeout)
    try {
      await context.describe(left, signal)
      return
    } catch (error) {
      const fatal = context.fatal()
      if (fatal) throw fatal
      if (!isPassing(error)) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, Math.max(0, deadline - performance.now()))))
  }
}

function notReady({ name, trouble }: ReadyContext, timeout: number): KafkaError {
  if (trouble.last) return trouble.last.error
  return new KafkaError(
    '_TIMED_OUT',
    `${name}: no broker has answered within ${timeout} ms, nor refused: check the addresses of 'bootstrap.servers' and ` +
      "the brokers' 'advertised.listeners', and firewalls",
    { retriable: true },
  )
}
