// Requests to the coordinators of groups, which load for a while when a cluster or a broker has just started.
import { type AdminOptions, sleep, within } from './admin-request.js'
import { KafkaError } from './errors.js'

// Nothing was done then.
const passing = new Set<string>(['COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR'])
const firstPause = 50
const longestPause = 500

export function isCoordinatorPassing(error: unknown): boolean {
  return error instanceof KafkaError && passing.has(error.code)
}

/** Makes a request until a coordinator has answered it, or the time is up: then the last answer counts. */
export async function untilCoordinated<T>(
  what: string,
  options: AdminOptions,
  request: (left: AdminOptions) => Promise<T>,
  errorsOf: (answer: T) => readonly unknown[],
): Promise<T> {
  const left = within(options, what)
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    const last = left().timeout <= pause
    try {
      const answer = await request(left())
      if (last || !errorsOf(answer).some(isCoordinatorPassing)) return answer
    } catch (error) {
      if (last || !isCoordinatorPassing(error)) throw error
    }
    await sleep(Math.min(pause, left().timeout), options.signal)
  }
}
