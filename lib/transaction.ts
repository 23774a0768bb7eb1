// One transaction as a function: committed when it returns, aborted when it throws.
import { abortable } from './abort.js'
import type { OperationOptions } from './client.js'
import { checkTimed } from './client-check.js'
import type { Consumer } from './consumer.js'
import type { DeliveryReport, DeliveryReports } from './delivery-report.js'
import { KafkaError } from './errors.js'
import type { ConsumerGroupMetadata, OffsetsOwner } from './group-metadata.js'
import { checkOffsets, type TopicPartitionOffset } from './offset.js'
import type { Producer } from './producer.js'
import type { BatchRecord, ProducerRecord } from './record.js'
import { abortAdvice } from './transaction-errors.js'
import type { Transactions } from './transactions.js'
import { onNextTurn } from './turn.js'

// Between two calls of what is retriable.
const retryPause = 100

/**
 * An open transaction, as `producer.transaction` hands it out. Of no use after its end.
 *
 * What it is given need not be awaited: the transaction waits, and is aborted when anything of it failed.
 */
export class Transaction {
  readonly #producer: Producer
  readonly #transactions: Transactions
  readonly #timeout: number
  #ended = false
  // The function has returned.
  #finishing = false
  #committed = false
  #failure: { error: unknown } | undefined
  #offsets: Promise<void> = Promise.resolve()
  #offsetsUnderWay = 0

  /** @internal */
  constructor(producer: Producer, transactions: Transactions, timeout: number) {
    this.#producer = producer
    this.#transactions = transactions
    this.#timeout = timeout
  }

  /** As `producer.send`, in the transaction. */
  send(record: ProducerRecord, options?: { signal?: AbortSignal }): Promise<DeliveryReport> {
    return this.#watch(() => this.#producer.send(record, options))
  }

  /** As `producer.sendBatch`: failures are values, and they abort the transaction. */
  sendBatch(
    topic: string,
    records: readonly BatchRecord[],
    options?: { signal?: AbortSignal },
  ): Promise<DeliveryReports>
  sendBatch(records: readonly ProducerRecord[], options?: { signal?: AbortSignal }): Promise<DeliveryReports>
  sendBatch(
    first: string | readonly ProducerRecord[],
    second?: readonly BatchRecord[] | { signal?: AbortSignal },
    third?: { signal?: AbortSignal },
  ): Promise<DeliveryReports> {
    return this.#watch(() => this.#producer.sendBatch(first as string, second as readonly BatchRecord[], third))
  }

  /** As `producer.produce`: throws `_QUEUE_FULL`, which does not abort the transaction by itself. */
  produce(record: ProducerRecord): void {
    this.#assertUsable()
    this.#producer.produce(record)
  }

  /**
   * Commits offsets with the transaction: what this consumer has been handed so far, the message in hand included; or
   * the given ones, for a group's metadata or for a consumer. What has been sent is flushed first. When it is the last of a function
   * that does not await it, it is one request to the addon with the commit: small transactions are faster so.
   *
   * The consumer needs `enable.auto.commit=false`. Given, it is asked who it is when the offsets are sent; they are
   * refused (`UNKNOWN_MEMBER_ID`, and the transaction is aborted) when it is not a member of its group any more, or has
   * dealt with a rebalance since this call: call it before asking for what comes next. A consumer that is read through
   * `readable()` or `partitionStreams()` has been handed more than is handled: `_CONFLICT` without offsets. All offsets
   * of a transaction are those of one group: `_INVALID_ARG` for another's.
   */
  sendOffsets(consumer: Consumer): Promise<void>
  sendOffsets(offsets: readonly TopicPartitionOffset[], of: ConsumerGroupMetadata | Consumer): Promise<void>
  sendOffsets(what: Consumer | readonly TopicPartitionOffset[], of?: ConsumerGroupMetadata | Consumer): Promise<void> {
    return this.#watch(async () => {
      // Taken at once, not when an earlier call is through.
      const [offsets, owner] = Array.isArray(what) ? [copyOf(what), ownerOf(of)] : handedBy(what)
      this.#offsetsUnderWay++
      const sent = this.#offsets.then(() => this.#pass(offsets, owner))
      // Noted before finish() goes on: it would commit without them.
      this.#offsets = sent.catch((error) => this.#failed(error))
      await sent
    })
  }

  async #pass(offsets: readonly TopicPartitionOffset[], owner: OffsetsOwner): Promise<void> {
    // After this it is known whether the function has returned or thrown, and what has failed by now.
    await new Promise((resolve) => onNextTurn(resolve))
    const last = --this.#offsetsUnderWay === 0
    if (!this.#finishing) {
      this.#assertUsable()
      return await this.#transactions.sendOffsets(offsets, owner)
    }
    if (this.#failure) throw this.#failure.error
    if (last) this.#committed = await this.#transactions.commitWithOffsets(offsets, owner, { timeout: this.#timeout })
    else await this.#transactions.sendOffsets(offsets, owner)
  }

  /** @internal Offsets of this transaction are those of this group. */
  reserve(group: string): void {
    this.#transactions.reserve(group)
  }

  /** @internal Settles what is under way; throws what failed. Whether the transaction is committed already. */
  async finish(): Promise<boolean> {
    this.#ended = true
    this.#finishing = true
    await this.#offsets
    if (this.#failure && !this.#committed) throw this.#failure.error
    return this.#committed
  }

  /** @internal */
  end(): void {
    this.#ended = true
  }

  #assertUsable(): void {
    if (this.#ended) throw new KafkaError('_STATE', 'this transaction has ended: its tx cannot be used any more')
  }

  #watch<T>(start: () => Promise<T>): Promise<T> {
    try {
      this.#assertUsable()
    } catch (error) {
      // A part of it that comes too late is missing.
      this.#failed(error)
      return Promise.reject(error)
    }
    const promise = start()
    // Noted, and so no unhandled rejection when nobody awaits it.
    promise.catch((error) => this.#failed(error))
    return promise
  }

  #failed(error: unknown): void {
    this.#failure ??= { error }
  }
}

function isConsumer(value: unknown): value is Consumer {
  return typeof (value as Consumer | undefined)?.groupMetadata === 'function'
}

function copyOf(offsets: readonly TopicPartitionOffset[]): TopicPartitionOffset[] {
  return checkOffsets(offsets, 'sendOffsets').map(({ topic, partition, offset, leaderEpoch, metadata }) => {
    return { topic, partition, offset, leaderEpoch, metadata } as TopicPartitionOffset
  })
}

function ownerOf(of: unknown): OffsetsOwner {
  return isConsumer(of) ? of.membership : (of as ConsumerGroupMetadata)
}

function handedBy(consumer: unknown): [TopicPartitionOffset[], OffsetsOwner] {
  if (isConsumer(consumer)) return [consumer.handed, consumer.membership]
  throw new KafkaError(
    '_INVALID_ARG',
    'sendOffsets takes a Consumer, or an array of offsets and group metadata or a Consumer',
  )
}

/** @internal See Producer.transaction. */
export async function runTransaction<T>(
  producer: Producer,
  transactions: Transactions,
  body: (tx: Transaction) => T | Promise<T>,
  options: OperationOptions = {},
): Promise<T> {
  const { signal, timeout = transactions.timeout } = checkTimed(options, 'transaction')
  if (typeof body !== 'function') throw new KafkaError('_INVALID_ARG', 'transaction takes a function of a transaction')
  signal?.throwIfAborted()
  await repeat((left) => transactions.begin({ timeout: left }), timeout)
  const tx = new Transaction(producer, transactions, timeout)
  let committing = false
  try {
    const running = Promise.resolve(tx).then(body)
    const result = await (signal ? abortable(running, signal) : running)
    if (await tx.finish()) return result
    committing = true
    // From here on the signal changes nothing any more.
    await repeat((left) => transactions.commit({ timeout: left }, true), timeout)
    return result
  } catch (thrown) {
    tx.end()
    // What is under way is this transaction's, and would refuse the abort.
    await transactions.settle()
    if (transactions.leftInDoubt && thrown instanceof KafkaError) throw inDoubt(thrown)
    const error = await transactions.reasonOf(thrown)
    await abortAfter(transactions, error, committing, timeout)
    throw aborted(error)
  }
}

async function abortAfter(
  transactions: Transactions,
  error: unknown,
  committing: boolean,
  timeout: number,
): Promise<void> {
  if (error instanceof KafkaError) {
    if (error.fatal) return
    // The commit may or may not have happened: it cannot be aborted, only resumed.
    if (committing && error.retriable) throw unknownOutcome(error)
  }
  // Somebody has ended it.
  if (transactions.phase !== 'open') return
  try {
    await repeat((left) => transactions.abort({ timeout: left }), timeout)
  } catch (failure) {
    if (!(failure instanceof KafkaError)) throw failure
    const { code, message, fatal, retriable } = failure
    const why = error instanceof Error ? error.message : String(error)
    throw new KafkaError(code, `${message} (aborting because of: ${why})`, { fatal, retriable, cause: error })
  }
}

/** The same error, after the abort that it asked for. */
function aborted(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.fatal || !error.txnRequiresAbort) return error
  const message = error.message.replace(abortAdvice, 'The transaction has been aborted: it can be run again')
  return new KafkaError(error.code, message, { cause: error.cause ?? error })
}

function inDoubt(error: KafkaError): KafkaError {
  const message = `${error.message}, while it committed: whether the transaction is committed is not known`
  return new KafkaError(error.code, message, { cause: error })
}

function unknownOutcome(error: KafkaError): KafkaError {
  const message = `${error.message}. Until then, whether the transaction is committed is not known`
  return new KafkaError(error.code, message, { retriable: true, cause: error })
}

/** Calls again as long as the error is retriable and there is time. */
async function repeat(call: (left: number) => Promise<void>, timeout: number): Promise<void> {
  const deadline = performance.now() + timeout
  for (;;) {
    try {
      return await call(Math.max(0, deadline - performance.now()))
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable || performance.now() + retryPause >= deadline) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, retryPause))
  }
}
