// Ctrl-C and its relatives: the first one asks for an orderly end, a second one for the end.
import { Interrupted } from './problem.mjs'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
// A terminal and npm may both pass on the same Ctrl-C.
const sameMs = 400

/**
 * @param {(interrupted: Interrupted) => void} onFirst
 * @returns {() => void} stops listening
 */
export function onSignals(onFirst) {
  let firstAt
  const handle = (signal) => {
    const interrupted = new Interrupted(signal)
    if (firstAt === undefined) {
      firstAt = performance.now()
      onFirst(interrupted)
    } else if (performance.now() - firstAt > sameMs) {
      process.exit(interrupted.exitCode)
    }
  }
  // Whoever read the output (`| head`, a terminal) has gone: that is an interruption, too.
  const onOutputError = (error) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    handle('SIGPIPE')
  }
  for (const signal of signals) process.on(signal, handle)
  process.stdout.on('error', onOutputError)
  return () => {
    for (const signal of signals) process.off(signal, handle)
  }
}
