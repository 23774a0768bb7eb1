// What is wrong with a client's connections, as far as its events and its log say.
import { type Diagnosis, diagnose } from './connection-advice.js'
import { KafkaError } from './errors.js'

// librdkafka repeats an error that stays the same every 30 seconds.
const repetition = 30_000
const lifetime = repetition + 10_000

// Failures that librdkafka logs at this level are events, too; those of less weight are in the log only.
const errorLevel = 3
// After so long a connection that ends has done its work: brokers end idle ones (connections.max.idle.ms).
const idleAfter = 2000

const connectionCodes = new Set<string>(['_TRANSPORT', '_SSL', '_AUTHENTICATION', '_RESOLVE', '_TIMED_OUT'])
// Errors of requests that trouble with the connections explains.
const unansweredCodes = new Set<string>(['_TIMED_OUT', '_TRANSPORT', '_ALL_BROKERS_DOWN', '_MSG_TIMED_OUT'])

export class ConnectionTrouble {
  #last: Diagnosis | undefined
  #noted = 0
  #reported = Number.NEGATIVE_INFINITY
  // By broker: why its certificate was refused.
  readonly #refusals = new Map<string, string>()
  readonly #watchers = new Set<(diagnosis: Diagnosis) => void>()

  /** Takes an error event; returns what is to be reported of it. */
  note(error: KafkaError): KafkaError | undefined {
    if (error.code === '_ALL_BROKERS_DOWN') return this.#allDown(error)
    if (connectionCodes.has(error.code)) this.#take(error)
    return error
  }

  /** Takes a line of librdkafka's log. */
  log(level: number, facility: string, line: string): void {
    const text = line.replace(/^\[thrd:[^\]]*\]: /, '')
    if (facility === 'SSLCERTVRFY') this.#refusals.set(brokerOf(text), text)
    else if (facility === 'FAIL' && level > errorLevel && !isIdle(text)) this.#take(new KafkaError('_TRANSPORT', text))
  }

  /** Connections work, or are to be tried anew. */
  clear(): void {
    this.#last = undefined
    this.#reported = Number.NEGATIVE_INFINITY
  }

  /** Whether something was wrong since they worked. */
  get some(): boolean {
    return this.#last !== undefined
  }

  /** What is wrong, if it was of late. */
  get last(): Diagnosis | undefined {
    return performance.now() - this.#noted < lifetime ? this.#last : undefined
  }

  /** The error of a request, with what is wrong with the connections where that explains it. */
  explain(error: KafkaError): KafkaError {
    const last = unansweredCodes.has(error.code) && error.cause === undefined ? this.last?.error : undefined
    return last ? because(error, last) : error
  }

  /** Calls `found` whenever all brokers are down for a reason that is known; returns how to stop that. */
  watch(found: (diagnosis: Diagnosis) => void): () => void {
    this.#watchers.add(found)
    return () => this.#watchers.delete(found)
  }

  #take(error: KafkaError): void {
    this.#last = diagnose(error, this.#refusals.get(brokerOf(error.message)))
    this.#noted = performance.now()
  }

  /**
   * librdkafka says so after each attempt, up to twenty times a second, and when a broker has ended the only connection
   * because it was idle, which is no error.
   */
  #allDown(error: KafkaError): KafkaError | undefined {
    const { last } = this
    if (!last) return undefined
    this.#noted = performance.now()
    for (const found of this.#watchers) found(last)
    if (this.#noted - this.#reported < repetition) return undefined
    this.#reported = this.#noted
    return because(error, last.error)
  }
}

function because({ code, message, fatal, retriable, txnRequiresAbort }: KafkaError, cause: KafkaError): KafkaError {
  return new KafkaError(code, `${message}: ${cause.message}`, { fatal, retriable, txnRequiresAbort, cause })
}

/** Messages begin with the broker's name. */
function brokerOf(text: string): string {
  return text.slice(0, text.indexOf(': '))
}

function isIdle(text: string): boolean {
  const after = /\(after (\d+)ms in state UP/.exec(text)
  return after !== null && Number(after[1]) >= idleAfter
}
