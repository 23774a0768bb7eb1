// What the open transaction of a producer holds: records, some of which may have failed, and one group's offsets.
import { ErrorCodes, errorName, KafkaError } from './errors.js'

/** @internal */
export class TransactionContents {
  #failures = 0
  #failure: unknown
  #group: string | undefined

  /** For the next transaction. */
  clear(): void {
    this.#failures = 0
    this.#failure = undefined
    this.#group = undefined
  }

  /** A record will not be in it: an error, or its number. */
  failed(error: unknown): void {
    // The first says most, unless it says no more than that a record beside it was refused.
    if (this.#failures++ === 0 || isOnlyBeside(this.#failure)) this.#failure = error
  }

  /** Throws when a record has failed. */
  assertDelivered(): void {
    if (this.#failures === 0) return
    const cause = typeof this.#failure === 'number' ? new KafkaError(errorName(this.#failure)) : this.#failure
    const message = `${this.#failures} message(s) could not be delivered, the first: ${(cause as Error).message}`
    throw new KafkaError('_INCONSISTENT', message, { txnRequiresAbort: true, cause })
  }

  /** Takes offsets of this group; the error when it has another's. */
  reserve(group: string): string | undefined {
    this.#group ??= group
    if (this.#group === group) return undefined
    return `these are offsets of group '${group}', and the transaction is for those of group '${this.#group}'`
  }
}

function isOnlyBeside(error: unknown): boolean {
  const code = ErrorCodes._INVALID_DIFFERENT_RECORD
  return error === code || (error instanceof KafkaError && error.errno === code)
}
