// SIGINT and SIGTERM as an AbortSignal.
import { KafkaError } from '../index.js'

export interface ShutdownSignalOptions {
  /** SIGINT and SIGTERM without it. */
  signals?: readonly NodeJS.Signals[]
  /** What a second signal does. Without it the process ends at once, with the shell's status for that signal. */
  onForce?: (signal: NodeJS.Signals) => void
}

const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 }

let shared: AbortSignal | undefined

/**
 * An AbortSignal that aborts when the process is asked to end; a second request ends it at once. Called again without
 * options, it returns the same signal. Its listeners do not keep the process alive.
 *
 * ```ts
 * await app.run({ signal: shutdownSignal() })
 * ```
 */
export function shutdownSignal(options?: ShutdownSignalOptions): AbortSignal {
  if (options === undefined && shared) return shared
  const signals: readonly NodeJS.Signals[] = options?.signals ?? ['SIGINT', 'SIGTERM']
  const onForce = options?.onForce
  if (typeof signals !== 'object' || !(signals.length > 0)) {
    throw new KafkaError('_INVALID_ARG', 'signals of shutdownSignal() is an array of names such as SIGTERM')
  }
  const controller = new AbortController()
  for (const name of signals) {
    process.on(name, () => {
      if (!controller.signal.aborted) controller.abort(new Error(`${name} was received`))
      else if (onForce) onForce(name)
      else process.exit(128 + (numbers[name] ?? 0))
    })
  }
  if (options === undefined) shared = controller.signal
  return controller.signal
}
