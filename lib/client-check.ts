// Arguments of what every client can do.
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
export function refuseTimeout(timeout: unknown): Promise<never> | undefined {
  if (typeof timeout === 'number' && timeout >= 0 && timeout <= longest) return undefined
  const error = invalid(`close: timeout is milliseconds from 0 to ${longest}; got ${describe(timeout)}`)
  return Promise.reject(error)
}
