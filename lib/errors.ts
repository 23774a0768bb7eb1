// KafkaError: the one error class of this package.
import { type ErrorCode, ErrorCodes, errorDescriptions } from './errors.generated.js'

export { type ErrorCode, ErrorCodes, errorDescriptions }

/** An error as the addon hands it over. */
export interface NativeError {
  errno: number
  message: string
  fatal: boolean
  retriable: boolean
  txnRequiresAbort: boolean
}

/** What is known of an error beyond its code and message. */
export interface KafkaErrorOptions {
  /** The client is of no use any more: close it. */
  fatal?: boolean
  /** The same call may succeed if it is made again. */
  retriable?: boolean
  /** The transaction has to be aborted. */
  txnRequiresAbort?: boolean
  /** What led to this error. */
  cause?: unknown
}

// In the global registry, so that copies of this package know each other's errors.
const brand = Symbol.for('odradek.KafkaError')
// librdkafka's own errors lie in (-200, -100); -1 is a broker's error that librdkafka does not know.
const lastLocalErrno = -100

let names: Map<number, ErrorCode> | undefined

/** The name of an error number. A number this librdkafka does not know is `ERR_<number>?`, as in rd_kafka_err2name. */
export function errorName(errno: number): ErrorCode {
  names ??= new Map(Object.entries(ErrorCodes).map(([name, number]) => [number, name as ErrorCode]))
  return names.get(errno) ?? (`ERR_${errno}?` as ErrorCode)
}

/**
 * An error of librdkafka, of a broker, or of this package in the same terms.
 *
 * `code` is librdkafka's name for it: `'_QUEUE_FULL'`, `'MSG_SIZE_TOO_LARGE'`. `instanceof KafkaError` also holds for
 * errors of another copy of this package.
 */
export class KafkaError extends Error {
  /** librdkafka's name of the error; those that begin with an underscore come from the client side. */
  declare readonly code: ErrorCode
  /** librdkafka's number of the error. */
  declare readonly errno: number
  /** The client is of no use any more: close it. */
  declare readonly fatal: boolean
  /** The same call may succeed if it is made again. */
  declare readonly retriable: boolean
  /** The transaction has to be aborted. */
  declare readonly txnRequiresAbort: boolean
  /** Whether the client side found the error, or a broker reported it. */
  declare readonly origin: 'local' | 'broker'

  constructor(code: ErrorCode, message?: string, options: KafkaErrorOptions = {}) {
    super(message || (errorDescriptions[code] ?? code), 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.errno = ErrorCodes[code] ?? Number(/-?\d+/.exec(code)?.[0] ?? ErrorCodes.UNKNOWN)
    this.fatal = options.fatal ?? false
    this.retriable = options.retriable ?? false
    this.txnRequiresAbort = options.txnRequiresAbort ?? false
    this.origin = this.errno <= lastLocalErrno ? 'local' : 'broker'
  }

  /** The error for what the addon reported. */
  static from(native: NativeError, cause?: unknown): KafkaError {
    const { errno, message, fatal, retriable, txnRequiresAbort } = native
    const options: KafkaErrorOptions = { fatal, retriable, txnRequiresAbort }
    if (cause !== undefined) options.cause = cause
    return new KafkaError(errorName(errno), message, options)
  }

  /** `KafkaError [_QUEUE_FULL]: Local: Queue full` */
  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`
  }

  toJSON(): Record<string, unknown> {
    const { name, code, errno, message, fatal, retriable, txnRequiresAbort, origin } = this
    const fields = { name, code, errno, message, fatal, retriable, txnRequiresAbort, origin }
    return this.cause === undefined ? fields : { ...fields, cause: causeToJson(this.cause) }
  }
}

/** @internal The error, or one that names what it is about: brokers seldom say. */
export function about(error: KafkaError, resource: string): KafkaError {
  const { code, message, fatal, retriable, txnRequiresAbort } = error
  if (resource === '' || message.includes(resource)) return error
  return new KafkaError(code, `${resource}: ${message}`, { fatal, retriable, txnRequiresAbort })
}

// On the prototype: neither shows among an error's own fields when it is printed.
Object.defineProperty(KafkaError.prototype, 'name', { value: 'KafkaError', writable: true, configurable: true })
Object.defineProperty(KafkaError.prototype, brand, { value: true })
Object.defineProperty(KafkaError, Symbol.hasInstance, {
  value(this: unknown, error: unknown): boolean {
    // A subclass inherits this function, and means itself, not every KafkaError.
    if (this !== KafkaError) return Function.prototype[Symbol.hasInstance].call(this, error)
    return typeof error === 'object' && error !== null && brand in error
  },
})

function causeToJson(cause: unknown): unknown {
  if (cause instanceof KafkaError) return cause.toJSON()
  return cause instanceof Error ? { name: cause.name, message: cause.message } : String(cause)
}
