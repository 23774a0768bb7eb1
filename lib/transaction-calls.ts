// The calls of the transactional API one at a time: which may follow which, and what becomes of one that nobody waits for.
import { abortable } from './abort.js'
import { type OperationOptions, settlesWithin } from './client.js'
import { checkTimed } from './client-check.js'
import { KafkaError } from './errors.js'

export type TransactionCallName =
  | 'initTransactions'
  | 'beginTransaction'
  | 'sendOffsetsToTransaction'
  | 'commitTransaction'
  | 'abortTransaction'

/** What calls need of whose they are. */
export interface TransactionCallsHost {
  /** Throws unless it can be called now, whatever else goes on. */
  assertUsable(name: TransactionCallName): void
  misuse(message: string, code: '_CONFLICT'): KafkaError
  /** The error that the caller is to get. */
  explained(error: unknown, name: TransactionCallName): Promise<unknown>
  /** Has what librdkafka is at end soon. */
  interrupt(): void
}

interface Running {
  name: TransactionCallName
  done: Promise<unknown>
  /** Nobody waits for it any more. */
  interrupted: boolean
  error: unknown
}

export class TransactionCalls {
  readonly #host: TransactionCallsHost
  #running: Running | undefined
  // Ended after its caller had stopped waiting, or by close(): the next call of the same name gets its outcome.
  #unclaimed: Running | undefined
  /** Timed out in the middle: only the same call can follow. */
  unfinished: TransactionCallName | undefined
  /** close() makes the calls now. */
  closing = false

  constructor(host: TransactionCallsHost) {
    this.#host = host
  }

  get underWay(): boolean {
    return this.#running !== undefined
  }

  /** Runs `work`, which is told how many milliseconds are left. Rejects with what is wrong with calling it now. */
  async call(
    name: TransactionCallName,
    options: OperationOptions,
    defaultTimeout: number,
    work: (left: () => number) => Promise<void>,
  ): Promise<void> {
    const { timeout, signal } = checkTimed(options, name)
    signal?.throwIfAborted()
    const deadline = performance.now() + (timeout ?? defaultTimeout)
    const left = () => Math.min(Math.max(0, Math.ceil(deadline - performance.now())), 0x7fffffff)
    await this.#ended(name, left, signal)
    if (this.#claimed(name)) return
    this.#host.assertUsable(name)
    this.#assertTurn(name)
    const running: Running = { name, done: Promise.resolve(), interrupted: false, error: undefined }
    const result = this.#run(running, () => work(left))
    return signal ? abortable(result, signal, () => this.#interrupt(running)) : result
  }

  /** Until no call is under way: one that is need not go on. */
  async settle(): Promise<void> {
    while (this.#running) {
      // What close() does is nobody's to interrupt.
      if (!this.closing) this.#interrupt(this.#running)
      await this.#running.done
    }
  }

  /** What close() goes on with is what the caller of an interrupted one repeats: one outcome for both. */
  async #ended(name: TransactionCallName, left: () => number, signal: AbortSignal | undefined): Promise<void> {
    while (this.#running && (this.#running.interrupted || this.closing)) {
      const { name: other, done } = this.#running
      const settled = await settlesWithin(signal ? abortable(done, signal) : done, left())
      signal?.throwIfAborted()
      if (!settled) {
        throw new KafkaError('_TIMED_OUT', `${name}(): ${other}() is still being ended`, { retriable: true })
      }
    }
  }

  /** Whether it has been done for an earlier call of the name; throws why it has not, unless it can go on. */
  #claimed(name: TransactionCallName): boolean {
    const unclaimed = this.#unclaimed
    this.#unclaimed = undefined
    if (unclaimed?.name !== name) return false
    if (unclaimed.error === undefined) return true
    if (!(unclaimed.error as Partial<KafkaError>).retriable) throw unclaimed.error
    return false
  }

  #assertTurn(name: TransactionCallName): void {
    if (this.#running) {
      throw this.#host.misuse(`${name}(): ${this.#running.name}() is under way; await it first`, '_CONFLICT')
    }
    if (this.unfinished && this.unfinished !== name) {
      throw this.#host.misuse(
        `${name}(): ${this.unfinished}() has not finished; call it again to go on with it`,
        '_CONFLICT',
      )
    }
  }

  #run(running: Running, work: () => Promise<void>): Promise<void> {
    const { name } = running
    this.#running = running
    const result = work()
      .catch(async (error) => {
        running.error = await this.#host.explained(error, name)
        throw running.error
      })
      .finally(() => {
        this.#running = undefined
        // Other offsets may be sent next: they are not these.
        const ends = running.interrupted || this.closing
        if (ends && name !== 'sendOffsetsToTransaction') this.#unclaimed = running
      })
    running.done = result.catch(() => {})
    return result
  }

  #interrupt(running: Running): void {
    if (this.#running !== running) return
    running.interrupted = true
    this.#host.interrupt()
  }
}
