// The transactional API of a producer: what each call does. (See transaction-calls.ts, -contents.ts, -errors.ts.)
import type { NativeOwner, NativePartitionInput, NativeProducer } from './binding.js'
import type { OperationOptions } from './client.js'
import { KafkaError } from './errors.js'
import { checkOffsetsOwner, isMembership, type OffsetsOwner } from './group-metadata.js'
import { checkOffsets, type TopicPartitionOffset } from './offset.js'
import { type TransactionCallName, TransactionCalls } from './transaction-calls.js'
import { TransactionContents } from './transaction-contents.js'
import { explain, isPurge } from './transaction-errors.js'

// TransactionCall in native/transaction.h.
const nativeCalls = { initTransactions: 0, beginTransaction: 1, commitTransaction: 2, abortTransaction: 3 } as const
const [reasonCall, commitAndBeginCall] = [4, 5]
// Committed in native/transaction.h.
const Committed = { not: 0, unfinished: 1, yes: 2, nextBegun: 3 } as const
type MisuseCode = '_STATE' | '_CONFLICT' | '_NOT_CONFIGURED' | '_INVALID_ARG'

/** How many transactions of a producer have ended, and how. */
export interface TransactionCounts {
  committed: number
  aborted: number
}

/** @internal What transactions need of their producer. */
export interface TransactionHost {
  readonly name: string
  readonly native: NativeProducer
  /** `transactional.id`; null without. */
  readonly id: string | null
  /** `transaction.timeout.ms` */
  readonly timeout: number
  assertOpen(): void
  /** close() has begun. */
  closed(): boolean
  command(send: (id: number) => void): Promise<unknown>
  /** Hands over what has been written. */
  writeOut(): void
  /** Messages without a report, those that wait for room included. */
  unreported(): number
  /** Whether some of them wait for room. */
  waiting(): boolean
  /** Sends that wait for room will not be written any more. */
  dropWaiting(error: KafkaError): void
}

/** @internal */
export class Transactions {
  readonly #host: TransactionHost
  #phase: 'new' | 'ready' | 'open' = 'new'
  // Commit or abort has begun: no record can join.
  #ending = false
  // librdkafka has begun the next one already, which no broker knows of.
  #begun = false
  readonly #calls: TransactionCalls
  // A commit, when the producer was closed.
  #unanswered = false
  readonly #contents = new TransactionContents()
  #committed = 0
  #aborted = 0

  constructor(host: TransactionHost) {
    this.#host = host
    this.#calls = new TransactionCalls({
      assertUsable: (name) => this.#assertUsable(name),
      misuse: (message, code) => this.#misuse(message, code),
      explained: async (error, name) => explain(await this.#reason(error), name, host),
      interrupt: () => host.native.interruptTransaction(),
    })
  }

  /** Ready to begin; or one is open. */
  get phase(): 'new' | 'ready' | 'open' {
    return this.#phase
  }

  /** Whether the last transaction is committed will never be known here: the producer was closed meanwhile. */
  get leftInDoubt(): boolean {
    return this.#unanswered || (this.#calls.unfinished === 'commitTransaction' && this.#host.closed())
  }

  get counts(): TransactionCounts {
    return { committed: this.#committed, aborted: this.#aborted }
  }

  get id(): string | null {
    return this.#host.id
  }

  get timeout(): number {
    return this.#host.timeout
  }

  /** Throws unless records can be produced. */
  assertOpenForRecords(): void {
    if (this.#phase === 'open' && !this.#ending) return
    const what = this.#ending
      ? 'the transaction is being ended'
      : `no transaction is open: call ${this.#phase === 'new' ? 'initTransactions() and then ' : ''}beginTransaction() first`
    throw this.#misuse(`a record cannot be produced: ${what}`)
  }

  /** A record of the open transaction will not be in it. */
  deliveryFailed(error: unknown): void {
    if (this.#phase === 'open') this.#contents.failed(error)
  }

  init(options: OperationOptions = {}): Promise<void> {
    return this.#calls.call('initTransactions', options, 2 * this.#host.timeout, async (left) => {
      if (this.#phase !== 'new') throw this.#misuse('initTransactions() has been called already: it is for once')
      await this.#native('initTransactions', left())
      this.#phase = 'ready'
    })
  }

  begin(options: OperationOptions = {}): Promise<void> {
    return this.#calls.call('beginTransaction', options, this.#host.timeout, async (left) => {
      if (this.#phase === 'new') throw this.#misuse('beginTransaction(): call initTransactions() first, once')
      if (this.#phase === 'open') {
        throw this.#misuse(
          'beginTransaction(): a transaction is open; call commitTransaction() or abortTransaction() first',
        )
      }
      if (!this.#begun) await this.#native('beginTransaction', left())
      this.#begun = false
      this.#contents.clear()
      this.#phase = 'open'
    })
  }

  sendOffsets(
    offsets: readonly TopicPartitionOffset[],
    owner: OffsetsOwner,
    options: OperationOptions = {},
  ): Promise<void> {
    return this.#calls.call('sendOffsetsToTransaction', options, this.#host.timeout, async (left) => {
      const [list, ...who] = this.#checked(offsets, owner)
      if (list.length === 0 && !isMembership(owner)) return
      const { native, writeOut, waiting } = this.#host
      // The addon flushes what it has, in the same crossing; it does not have what waits for room.
      if (waiting()) await this.#flush(left)
      writeOut()
      await this.#orFailedRecords((id) => native.sendOffsets(id, list, ...who, left()))
      this.#contents.assertDelivered()
    })
  }

  /**
   * sendOffsets and, in the same crossing, commit; then the next one is begun. False when the commit is still to be
   * called, which says why: the offsets are sent then.
   */
  async commitWithOffsets(
    offsets: readonly TopicPartitionOffset[],
    owner: OffsetsOwner,
    options: OperationOptions = {},
  ): Promise<boolean> {
    // Not the phase: when this is looked at, the next one may be open.
    let ended = false
    await this.#calls.call('sendOffsetsToTransaction', options, this.#host.timeout, async (left) => {
      const [list, ...who] = this.#checked(offsets, owner)
      this.#contents.assertDelivered()
      if (list.length === 0 && !isMembership(owner)) return
      const { native, command, writeOut, waiting } = this.#host
      await this.#end(async () => {
        if (waiting()) await this.#flush(left)
        writeOut()
        const committed = await this.#inDoubt(
          this.#orFailedRecords((id) => native.commitWithOffsets(id, list, ...who, left())),
        )
        this.#calls.unfinished = committed === Committed.unfinished ? 'commitTransaction' : undefined
        ended = this.#committedBy(committed)
        if (!ended) return this.#contents.assertDelivered()
        // Reports that are still on their way belong to this one.
        while (this.#host.unreported() > 0 && left() > 0) {
          const flushed = await command((id) => native.flush(id, Math.min(left(), 50))).catch(() => undefined)
          if (flushed === undefined) break
        }
      })
    })
    return ended
  }

  #checked(
    offsets: readonly TopicPartitionOffset[],
    owner: OffsetsOwner,
  ): [list: NativePartitionInput[], who: NativeOwner, rebalances: number] {
    const name = 'sendOffsetsToTransaction'
    const list = checkOffsets(offsets, name)
    checkOffsetsOwner(owner)
    this.#assertPhaseOpen(name)
    if (owner.groupId !== null) this.reserve(owner.groupId)
    return isMembership(owner) ? [list, owner.native, owner.rebalances] : [list, owner.opaque, -1]
  }

  /** For offsets of this group; throws when it has another's. */
  reserve(group: string): void {
    const refused = this.#contents.reserve(group)
    if (refused) throw this.#misuse(`sendOffsetsToTransaction(): ${refused}`, '_INVALID_ARG')
  }

  /** What failed of the records says more than that the offsets could not be sent for it. */
  async #orFailedRecords(send: (id: number) => void): Promise<unknown> {
    try {
      return await this.#host.command(send)
    } catch (error) {
      if (!(error as KafkaError).fatal) this.#contents.assertDelivered()
      throw error
    }
  }

  /** `next`: begin the next one in the same crossing. */
  commit(options: OperationOptions = {}, next = false): Promise<void> {
    return this.#calls.call('commitTransaction', options, this.#host.timeout, async (left) => {
      this.#assertPhaseOpen('commitTransaction')
      await this.#end(async () => {
        await this.#flush(left)
        const call = next ? commitAndBeginCall : nativeCalls.commitTransaction
        const committed = await this.#inDoubt(this.#native('commitTransaction', left(), call))
        this.#committedBy(committed ?? Committed.yes)
      })
    })
  }

  #committedBy(outcome: unknown): boolean {
    if (outcome !== Committed.yes && outcome !== Committed.nextBegun) return false
    this.#begun = outcome === Committed.nextBegun
    this.#phase = 'ready'
    this.#committed++
    return true
  }

  /** A commit that the producer's end leaves unanswered may have happened. */
  async #inDoubt<T>(commit: Promise<T>): Promise<T> {
    try {
      const answer = await commit
      this.#unanswered = false
      return answer
    } catch (error) {
      this.#unanswered = this.#host.closed() && (error as Partial<KafkaError>).code === '_STATE'
      throw error
    }
  }

  /** No record joins while the transaction is being ended. */
  async #end(work: () => Promise<void>): Promise<void> {
    this.#ending = true
    try {
      await work()
    } finally {
      // Resuming the commit, or aborting, is all that is left while one is unfinished.
      this.#ending = this.#phase === 'open' && this.#calls.unfinished !== undefined
    }
  }

  abort(options: OperationOptions = {}): Promise<void> {
    return this.#calls.call('abortTransaction', options, this.#host.timeout, async (left) => {
      this.#assertPhaseOpen('abortTransaction')
      await this.#end(async () => {
        this.#host.dropWaiting(new KafkaError('_PURGE_QUEUE', 'the transaction is aborted'))
        this.#host.writeOut()
        await this.#native('abortTransaction', left())
        this.#phase = 'ready'
        this.#aborted++
      })
    })
  }

  /** Before the producer closes: an open transaction is ended rather than left to its time-out. */
  async endForClose(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout
    await this.settle()
    if (this.#phase !== 'open' || performance.now() >= deadline) return
    this.#calls.closing = true
    try {
      if (this.#calls.unfinished === 'commitTransaction') await this.commit({ timeout })
      else await this.abort({ timeout })
    } finally {
      this.#calls.closing = false
    }
  }

  #assertPhaseOpen(name: TransactionCallName): void {
    if (this.#phase !== 'open') throw this.#misuse(`${name}(): no transaction is open; call beginTransaction() first`)
  }

  async #native(name: keyof typeof nativeCalls, left: number, call: number = nativeCalls[name]): Promise<unknown> {
    const { native, command } = this.#host
    try {
      const result = await command((id) => native.transaction(id, call, left))
      this.#calls.unfinished = undefined
      return result
    } catch (error) {
      const resumable = name !== 'beginTransaction' && (error as KafkaError).retriable
      this.#calls.unfinished = resumable ? name : undefined
      throw error
    }
  }

  /** Until each message of the transaction has its report; rejects when one of them failed. */
  async #flush(left: () => number): Promise<void> {
    const { native, command, writeOut, unreported } = this.#host
    while (unreported() > 0) {
      writeOut()
      await command((id) => native.flushTransaction(id, left()))
      if (unreported() > 0 && left() === 0) {
        throw new KafkaError('_TIMED_OUT', `${unreported()} messages are not delivered yet`, { retriable: true })
      }
    }
    this.#contents.assertDelivered()
  }

  /**
   * Why records were purged, in place of an error that says no more than that they were: librdkafka gives up what a
   * transaction cannot commit any more (a topic that may not be written, say).
   */
  async reasonOf(error: unknown): Promise<unknown> {
    // Only of a transaction that stays open meanwhile: asking is beginning one, which fails while one is.
    return this.#calls.underWay ? error : this.#reason(error)
  }

  async #reason(error: unknown): Promise<unknown> {
    if (this.#phase !== 'open' || !isPurge(error)) return error
    const { native, command } = this.#host
    try {
      await command((id) => native.transaction(id, reasonCall, 0))
      return error
    } catch (reason) {
      if (!(reason instanceof KafkaError) || !(reason.fatal || reason.txnRequiresAbort)) return error
      const { fatal, retriable, txnRequiresAbort, message } = reason
      return new KafkaError(reason.code, message, { fatal, retriable, txnRequiresAbort, cause: error })
    }
  }

  /** Until no call is under way: one that is need not go on. */
  settle(): Promise<void> {
    return this.#calls.settle()
  }

  #assertUsable(name: TransactionCallName): void {
    if (this.#host.id === null) {
      throw this.#misuse(`${name}(): this producer is not transactional; set 'transactional.id'`, '_NOT_CONFIGURED')
    }
    try {
      if (!this.#calls.closing) this.#host.assertOpen()
    } catch (error) {
      throw explain(error, name, this.#host)
    }
  }

  #misuse(message: string, code: MisuseCode = '_STATE'): KafkaError {
    return new KafkaError(code, `${this.#host.name}: ${message}`)
  }
}
