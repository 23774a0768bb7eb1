/** An expected problem: its message says what was given and what to do, and is all that the user needs. */
export class Problem extends Error {
  name = 'Problem'
}

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 }

/** The user, or who runs the job, wants it to end: what is under way is brought to its end first. */
export class Interrupted extends Error {
  name = 'Interrupted'

  /** @param {keyof typeof exitCodes} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`)
    this.signal = signal
    this.exitCode = exitCodes[signal]
  }
}
