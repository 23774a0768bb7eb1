// Arguments of what every client can do.
import { checkSignal } from './abort.js'
import { nearest } from './config-suggest.js'
import { describe, invalid } from './config-values.js'

/** @internal A user name or a password, which no message shows. C would end it at a NUL. */
export function checkCredential(value: unknown, what: string): void {
  const cut = typeof value === 'string' && value.includes('\0')
  if (typeof value === 'string' && value !== '' && !cut) return
  const got = value === '' ? 'an empty string' : cut ? 'one with a NUL character' : describe(value, true)
  throw invalid(`setSaslCredentials: ${what} is a string that is not empty, without NUL characters; got ${got}`)
}

// What setTimeout takes.
const longest = 0x7fffffff

/** @internal The rejection of a close whose timeout is none: nothing is closed, and it can be called again. */
export function refuseClose(options: unknown): Promise<never> | undefined {
  try {
    checkOptions(options as object, 'close', ['timeout'])
    checkTimeout((options as { timeout?: unknown }).timeout, 'close')
  } catch (error) {
    return Promise.reject(error)
  }
  return undefined
}

function checkTimeout(timeout: unknown, what: string, most = longest): void {
  if (timeout === undefined || (typeof timeout === 'number' && timeout >= 0 && timeout <= most)) return
  throw invalid(`${what}: timeout is milliseconds from 0 to ${longest}; got ${describe(timeout)}`)
}

/** @internal */
export function checkObject(value: unknown, what: string): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw invalid(`${what} must be an object; got ${describe(value)}`)
}

/** @internal An object with none but these fields. */
export function checkOptions<T extends object>(options: T, what: string, fields: readonly string[]): T {
  checkObject(options, `${what}: options`)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || fields.includes(name)) continue
    const meant = nearest(name, fields)
    const hint = meant === undefined ? `it takes ${fields.join(', ')}` : `did you mean '${meant}'?`
    throw invalid(`${what}: there is no option '${name}'; ${hint}`)
  }
  return options
}

const timed = ['timeout', 'signal'] as const

/** @internal The options of a call that takes a `timeout` in milliseconds (Infinity is none) and a `signal`. */
export function checkTimed<T extends { timeout?: unknown; signal?: unknown }>(options: T, what: string): T {
  checkOptions(options, what, timed)
  checkTimeout(options.timeout, what, Number.POSITIVE_INFINITY)
  checkSignal(options.signal, what)
  return options
}

/** @internal The `signal` among the options of a call that has no more of them; the options may be left out. */
export function signalOf(options: { signal?: AbortSignal } | undefined, what: string): AbortSignal | undefined {
  if (options === undefined) return undefined
  checkSignal(checkOptions(options, what, ['signal']).signal, what)
  return options.signal
}

/** @internal A boolean, or left out. */
export function checkFlag(value: unknown, what: string): void {
  if (value === undefined || typeof value === 'boolean') return
  throw invalid(`${what} is a boolean; got ${describe(value)}`)
}

// Of every client; the others are of one kind.
const handlers = ['onError', 'onStatistics', 'onThrottle', 'tokenProvider'] as const

/** @internal A client's second argument: functions where functions are to be, a logger that can log. */
export function checkClientOptions<T extends object>(
  options: T,
  client: string,
  functions: readonly string[] = [],
  others: readonly string[] = [],
): T {
  const callable = [...handlers, ...functions]
  checkOptions(options, client, [...callable, 'logger', ...others])
  const given = options as Record<string, unknown>
  for (const name of callable) {
    if (given[name] === undefined || typeof given[name] === 'function') continue
    throw invalid(`${client}: ${name} is a function; got ${describe(given[name])}`)
  }
  checkLogger(given.logger, client)
  return options
}

/** @internal pino's shape. */
export function checkLogger(logger: unknown, what: string): void {
  if (logger === undefined) return
  const methods = ['error', 'warn', 'info', 'debug'] as const
  const missing = methods.find((name) => typeof Object(logger)[name] !== 'function')
  if (logger !== null && missing === undefined) return
  const lack = typeof logger === 'object' && logger !== null ? `an object without '${missing}'` : describe(logger)
  throw invalid(`${what}: logger has the methods ${methods.join(', ')}; got ${lack}`)
}
