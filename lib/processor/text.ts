// What was thrown, in words.
import { inspect } from 'node:util'

/** For headers and logs: whatever it is. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`
  return typeof error === 'object' ? inspect(error, { breakLength: Number.POSITIVE_INFINITY }) : String(error)
}
