// What an error of a transactional call means for the transaction, and what to call next.
import { isNativeError } from './client.js'
import { KafkaError, type NativeError } from './errors.js'

/** @internal What an error that requires an abort ends with. */
export const abortAdvice = 'The transaction has to be aborted: call abortTransaction(), then begin it anew'

interface Transactional {
  readonly id: string | null
  readonly timeout: number
}

/** @internal The error of a call with the advice, unless it has it. */
export function explain(error: unknown, name: string, producer: Transactional): unknown {
  const known = isNativeError(error) ? KafkaError.from(error as NativeError) : error
  if (!(known instanceof KafkaError) || known.code === '_INVALID_ARG') return known
  const { code, fatal, retriable, txnRequiresAbort, message } = known
  const advice = adviceOn(known, name, producer)
  if (!advice || message.endsWith(advice)) return known
  const cause = known.cause === undefined ? {} : { cause: known.cause }
  return new KafkaError(code, `${name}(): ${message}. ${advice}`, { fatal, retriable, txnRequiresAbort, ...cause })
}

function adviceOn(error: KafkaError, name: string, { id, timeout }: Transactional): string | undefined {
  if (error.fatal && error.code === '_FENCED') {
    return (
      `Fatal: another producer with transactional.id '${id}' has taken over, or the transaction outlived ` +
      `transaction.timeout.ms (${timeout}): close this producer`
    )
  }
  if (error.fatal) return 'Fatal: close this producer, and go on with a new one'
  if (error.txnRequiresAbort) return abortAdvice
  if (error.retriable) return `Retriable: call ${name}() again to go on with it`
  return undefined
}

/** @internal Whether it says no more than that records were given up. */
export function isPurge(error: unknown): boolean {
  const { code, cause }: Partial<KafkaError> = Object(error)
  const { code: symptom }: Partial<KafkaError> = code === '_INCONSISTENT' ? Object(cause) : Object(error)
  return symptom === '_PURGE_QUEUE' || symptom === '_PURGE_INFLIGHT'
}
