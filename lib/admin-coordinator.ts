// Requests to the coordinators of groups: on a fresh cluster there is none yet, and after a restart it loads for a while.
//
// librdkafka (2.15) asks for the coordinator three times within half a second. When there is none by then, it never asks
// again and never fails either, so that the request waits for its whole timeout for nobody.
import { type AdminOptions, sleep, within } from './admin-request.js'
import { KafkaError } from './errors.js'

// Nothing was done then.
const passing = new Set<string>(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR'])
const firstPause = 50
const longestPause = 500
// The first attempt at what can be repeated; the next have twice as long.
const firstAttempt = 1500

export function isCoordinatorPassing(error: unknown): boolean {
  return error instanceof KafkaError && passing.has(error.code)
}

export interface CoordinatorRequest<T> {
  what: string
  options: AdminOptions
  request: (left: AdminOptions) => Promise<T>
  /** Errors within an answer. */
  errorsOf: (answer: T) => readonly unknown[]
  /** It only reads, so that an attempt can be given up for another. */
  reads: boolean
}

/** Makes a request until a coordinator has answered it, or the time is up: then the last answer counts. */
export async function untilCoordinated<T>({ what, options, request, errorsOf, reads }: CoordinatorRequest<T>) {
  const left = within(options, what)
  let attempt = reads ? firstAttempt : Number.POSITIVE_INFINITY
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause), attempt *= 2) {
    const { timeout } = left()
    const last = timeout <= pause
    const cut = attempt < timeout
    const again = (error: unknown) => isCoordinatorPassing(error) || (cut && isTimeout(error))
    try {
      const answer = await request({ ...options, timeout: Math.min(attempt, timeout) })
      if (last || !errorsOf(answer).some(again)) return answer
    } catch (error) {
      if (last || !again(error)) throw error
    }
    await sleep(Math.min(pause, left().timeout), options.signal)
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof KafkaError && error.code === '_TIMED_OUT'
}
