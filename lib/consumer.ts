// A consumer: it asks, and the poll thread answers with slabs of messages (inbox.ts). What an application was handed is
// stored as handled when it asks for what comes after.
import { binding, Dispatch, type NativePartition } from './binding.js'
import { type ClientOptions, guard, type OperationOptions, settlesWithin } from './client.js'
import { type ConsumerConfig, effective, prepareConfig } from './config.js'
import { ConsumerPositions } from './consumer-positions.js'
import { errorName, KafkaError } from './errors.js'
import {
  type ConsumerGroupMetadata,
  checkFenceable,
  groupMetadataOf,
  type NativeGroupMetadata,
} from './group-metadata.js'
import { Inbox } from './inbox.js'
import { Message, type PartitionSlot } from './message.js'
import { MessageBatch } from './message-batch.js'
import {
  checkOffsets,
  checkPartitions,
  partitionResults,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'
import { type BatchOptions, BatchReader, MessageReader } from './readers.js'
import { type Rebalance, type RebalanceHooks, rebalanceOf, runHook, withStarts } from './rebalance.js'
import { patternOf } from './subscription.js'

/** Program values of a consumer. */
export interface ConsumerOptions extends ClientOptions, RebalanceHooks {
  /** The end of a partition was reached, with `enable.partition.eof`. */
  onPartitionEof?: (position: TopicPartitionOffset) => void
  /** What a commit, automatic ones included, has come to. */
  onOffsetCommit?: (results: TopicPartitionResult[], error: KafkaError | undefined) => void
}

const Want = { readAhead: 1, wait: 2 } as const
// kLastOfAnswer and kHasErrors in native/consumer.cc.
const SlabFlag = { lastOfAnswer: 1, hasErrors: 2 } as const
const fatal = -150 // RD_KAFKA_RESP_ERR__FATAL
const partitionEof = -191 // RD_KAFKA_RESP_ERR__PARTITION_EOF
const noOffset = -168 // RD_KAFKA_RESP_ERR__NO_OFFSET
// REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH
const rebalancing = new Set([27, 22, 113])
// The same, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH: there is a rebalance to be dealt with first
const outOfGroup = new Set([...rebalancing, 25, 110])
const rewindPause = 50
const seekTimeout = 10_000
const defaultCloseTimeout = 30_000
const storeInterval = 500

/**
 * Reads from Kafka, as a member of a group or by itself. Construction does not block and connects in the background.
 *
 * ```ts
 * await using consumer = new Consumer({ 'bootstrap.servers': brokers, 'group.id': 'inventory' })
 * await consumer.subscribe(['orders'])
 * for await (const message of consumer) await reserve(message.json())
 * ```
 *
 * An offset is stored, and so committed by and by (`enable.auto.commit`), when the application asks for what comes
 * after that message: a crash repeats messages and never skips one.
 */
export class Consumer extends ConsumerPositions implements AsyncIterable<Message>, AsyncDisposable {
  readonly #options: ConsumerOptions
  readonly #inbox = new Inbox()
  readonly #maxPollInterval: number
  readonly #autoStore: boolean
  readonly #autoCommit: boolean
  readonly #storeTimer: NodeJS.Timeout | undefined
  #assignment: TopicPartition[] = []
  #rebalance: Rebalance | undefined
  #rebalancing: Promise<void> | undefined
  #reader: object | undefined
  #asking = false
  // How many of the rows handed out last the application is still busy with.
  #inHand = 0
  #asked = false
  // Usually one: the reader's. unsubscribe() may wait beside it.
  readonly #waiting = new Set<() => void>()
  #barrier: Promise<unknown> = Promise.resolve()
  // Partitions were taken by hand: there is no membership that could be lost.
  #byHand = false

  constructor(config: ConsumerConfig, options: ConsumerOptions = {}) {
    const entries = prepareConfig('consumer', config, { tokenProvider: options.tokenProvider !== undefined }).flat()
    const values = effective('consumer', config)
    super((dispatch) => new binding.Consumer(entries, dispatch), values['client.id'] ?? 'consumer', options)
    this.#options = options
    this.#maxPollInterval = values['max.poll.interval.ms']
    this.#autoStore = values['enable.auto.offset.store'] && values['group.id'] !== null
    this.#autoCommit = values['enable.auto.commit'] && values['group.id'] !== null
    this.#inbox.tracking = !this.#autoCommit && values['group.id'] !== null
    if (this.#autoStore) {
      // For handlers slower than this; a quick one stores at the end of each slab.
      this.#storeTimer = setInterval(() => this.#asking || this.#store(), storeInterval).unref()
    }
  }

  // --- Reading

  /** Reads message by message. One reader at a time; `break` leaves the consumer usable. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.messages()
  }

  /** The same, with a signal: the iteration rejects with its reason, and no message is lost. */
  messages(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Message> {
    return new MessageReader(this, this.#inbox, options.signal)
  }

  /**
   * Reads batch by batch: each is full (`max` messages, `maxBytes` bytes), or as full as it became within `timeout`
   * milliseconds of its first message; without a timeout it is what is there.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<MessageBatch> {
    return new BatchReader(this, this.#inbox, options)
  }

  /** The next message, or null after `timeout` milliseconds without one. Null when closed, too. */
  async poll(timeout: number, { signal }: { signal?: AbortSignal } = {}): Promise<Message | null> {
    const reader = {}
    this.acquire(reader)
    try {
      if (!(await this.ask(performance.now() + timeout, signal))) return null
      const { slab, from } = this.#inbox.take(1, Number.MAX_SAFE_INTEGER)
      this.#inHand = 1
      return new Message(slab, from)
    } finally {
      this.release(reader)
    }
  }

  /** @internal Throws when somebody reads already. */
  acquire(reader: object): void {
    if (this.#reader === reader) return
    if (this.#reader) {
      throw new KafkaError('_CONFLICT', `${this.name} is being read already: there is one reader at a time`)
    }
    this.assertOpen()
    this.#reader = reader
  }

  /** @internal */
  release(reader: object): void {
    if (this.#reader === reader) this.#reader = undefined
  }

  /** @internal What the application has been handed last: it is busy with so many messages. */
  set inHand(count: number) {
    this.#inHand = count
  }

  /** @internal Makes the reader look up: see Inbox.limit. */
  interrupt(): void {
    this.#inbox.limit = Math.min(this.#inbox.limit, this.#inbox.row)
    this.#wake()
  }

  /**
   * @internal The application asks for more: it is through with what it has. True when the inbox has a message; false at
   * the deadline, and when the consumer is closed.
   */
  async ask(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    this.#inHand = 0
    this.#asking = true
    try {
      this.#store()
      return await this.more(deadline, signal)
    } finally {
      this.#asking = false
    }
  }

  /** @internal The same, while the application is not through with what it has. */
  async more(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.#rebalance) {
        if (!this.#asking) return false
        await this.#runRebalance()
        continue
      }
      if (this.fatalError) throw this.fatalError
      if (this.closed) return false
      const inbox = this.#inbox
      if (inbox.advance()) {
        if (inbox.limit > inbox.row) {
          this.#readAhead()
          return true
        }
        this.#takeError()
        continue
      }
      const left = deadline - performance.now()
      if (left <= 0) return false
      await this.#wait(left, signal)
    }
  }

  #readAhead(): void {
    if (this.#asked || !this.#inbox.lastSlab) return
    this.#asked = true
    this.native.read(Want.readAhead)
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  /** Until something arrives, or for `ms` milliseconds, or until the signal aborts. */
  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    this.#asked = true
    this.native.read(Want.wait)
    this.native.hold()
    return new Promise((resolve) => {
      const wake = () => {
        if (!this.#waiting.delete(wake)) return
        clearTimeout(timer)
        signal?.removeEventListener('abort', stop)
        this.native.unhold()
        resolve()
      }
      const stop = () => {
        // Nobody waits any more, so the group is not told that somebody does.
        if (this.#waiting.size === 1 && this.#asked && !this.closed) this.native.read(Want.readAhead)
        wake()
      }
      const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(stop, Math.min(ms, 0x7fffffff))
      this.#waiting.add(wake)
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** The row at hand is an error: reported, or thrown when it is fatal. */
  #takeError(): void {
    const inbox = this.#inbox
    const { slab, row } = inbox
    if (!slab) return
    const errno = slab.error(row)
    const message = new Message(slab, row)
    const { topic, partition } = message
    inbox.row++
    inbox.relimit()
    if (errno === fatal) return // its cause came ahead of it
    if (errno === partitionEof) {
      guard(() => this.#options.onPartitionEof?.({ topic, partition, offset: message.offset }))
      return
    }
    const where = topic === '' ? '' : ` (${topic}${partition >= 0 ? ` [${partition}]` : ''})`
    this.report(new KafkaError(errorName(errno), `${message.text() ?? ''}${where}`))
  }

  protected override dispatch(kind: number, a: unknown, b: unknown, c: unknown, d: unknown): void {
    switch (kind) {
      case Dispatch.messages:
        this.#inbox.receive(
          a as ArrayBuffer,
          b as number,
          c as PartitionSlot[] | null,
          ((d as number) & SlabFlag.hasErrors) !== 0,
        )
        if ((d as number) & SlabFlag.lastOfAnswer) this.#asked = false
        this.#wake()
        break
      case Dispatch.rebalance:
        this.#rebalance = rebalanceOf(a as number, b as NativePartition[], c as boolean, d as boolean)
        this.interrupt()
        // Otherwise the application is not asking, and the rebalance waits until it does.
        if (this.closed) void this.#runRebalance()
        break
      case Dispatch.offsetCommit: {
        const error = a ? KafkaError.from(a as never) : undefined
        guard(() => this.#options.onOffsetCommit?.(partitionResults(b as NativePartition[]), error))
        break
      }
      default:
        super.dispatch(kind, a, b, c, d)
    }
  }

  protected override get usableWhileClosing(): boolean {
    return this.#rebalancing !== undefined
  }

  protected override failed(): void {
    this.interrupt()
  }

  // --- The group

  #runRebalance(): Promise<void> {
    // Set before the hook runs: it may use the consumer while that closes.
    this.#rebalancing ??= Promise.resolve()
      .then(() => this.#handleRebalance())
      .finally(() => {
        this.#rebalancing = undefined
      })
    return this.#rebalancing
  }

  async #handleRebalance(): Promise<void> {
    const rebalance = this.#rebalance
    if (!rebalance) return
    const { partitions, assigned } = rebalance
    if (!assigned) {
      if (rebalance.lost) this.#inbox.forgetHanded(partitions)
      this.#store()
    }
    const starts = await runHook(this.#options, rebalance, this.#maxPollInterval, (error) => this.report(error))
    if (!assigned) {
      this.#store()
      this.#inbox.forgetHanded(partitions)
    }
    const list = assigned ? withStarts(rebalance.native, starts) : null
    const settled = () => {
      this.#rebalance = undefined
      this.#take(rebalance)
    }
    try {
      await this.command((id) => this.native.completeRebalance(id, list), undefined, settled)
    } catch (error) {
      this.report(error as KafkaError)
    }
  }

  #take({ partitions, assigned, cooperative }: Rebalance): void {
    if (assigned) {
      this.#assignment = cooperative ? [...this.#assignment, ...partitions] : partitions
      return
    }
    this.#inbox.drop(cooperative ? partitions : null)
    const gone = new Set(partitions.map((p) => `${p.partition}/${p.topic}`))
    this.#assignment = cooperative ? this.#assignment.filter((p) => !gone.has(`${p.partition}/${p.topic}`)) : []
  }

  override get assignment(): TopicPartition[] {
    return [...this.#assignment]
  }

  /**
   * Subscribes to topics: names, or patterns (a RegExp, or a string that begins with `^`). Replaces what was subscribed
   * to. Does not wait for an assignment. Rejects with KafkaError `_INVALID_ARG` for a pattern that cannot be used.
   */
  async subscribe(topics: string | RegExp | readonly (string | RegExp)[]): Promise<void> {
    this.assertOpen()
    const list = (Array.isArray(topics) ? topics : [topics]).map((topic) => ({
      topic: patternOf(topic),
      partition: -1,
    }))
    if (list.length === 0) throw new KafkaError('_INVALID_ARG', 'subscribe takes at least one topic')
    this.#byHand = false
    await this.command((id) => this.native.subscribe(id, list))
  }

  /** What is subscribed to. */
  async subscription(): Promise<string[]> {
    this.assertOpen()
    const list = await this.command<NativePartition[]>((id) => this.native.subscription(id))
    return list.map(({ topic }) => topic)
  }

  /** Leaves the group's partitions, after the `onRevoked` hook; stays usable. */
  async unsubscribe(): Promise<void> {
    this.assertOpen()
    this.#store()
    await this.command((id) => this.native.unsubscribe(id))
    while (this.#assignment.length > 0 && !this.closed) {
      if (this.#rebalance) await this.#runRebalance()
      else await this.#wait(seekTimeout, undefined)
    }
  }

  /** Takes partitions by hand, without a group's rebalances; null or an empty list gives all up. */
  async assign(partitions: readonly (TopicPartition & { offset?: number })[] | null): Promise<void> {
    this.assertOpen()
    const list = checkPartitions(partitions ?? [], 'assign')
    this.#byHand = list.length > 0
    this.#store()
    await this.#exclusively(() =>
      this.command(
        (id) => this.native.assign(id, list.length > 0 ? list : null),
        undefined,
        (_, error) => {
          if (error) return
          this.#inbox.forgetHanded(null)
          this.#inbox.drop(null)
          this.#assignment = list.map(({ topic, partition }) => ({ topic, partition }))
        },
      ),
    )
  }

  // --- Positions

  /**
   * Stops handing out messages of these partitions, until `resume` goes on with the first that was not handed out.
   * Resolves with a result for each partition.
   */
  async pause(partitions: readonly TopicPartition[]): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const list = checkPartitions(partitions, 'pause')
    return this.#exclusively(async () => {
      let unread: TopicPartitionOffset[] = []
      const results = await this.command<NativePartition[]>(
        (id) => this.native.pause(id, list),
        undefined,
        (_, error) => {
          if (!error) unread = this.#inbox.drop(list)
        },
      )
      // librdkafka takes what it gave us as consumed: back to where the application is.
      if (unread.length > 0) await this.command((id) => this.native.seek(id, unread, seekTimeout))
      return partitionResults(results)
    })
  }

  /** Goes on with paused partitions. */
  async resume(partitions: readonly TopicPartition[]): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const list = checkPartitions(partitions, 'resume')
    return this.#exclusively(async () =>
      partitionResults(await this.command<NativePartition[]>((id) => this.native.resume(id, list))),
    )
  }

  /**
   * Goes on elsewhere in these partitions: nothing fetched before is handed out once this resolves. Offsets as in
   * `Offset`, or absolute. `timeout` in milliseconds.
   */
  async seek(
    offsets: readonly TopicPartitionOffset[],
    { timeout = seekTimeout, signal }: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const list = checkOffsets(offsets, 'seek')
    return this.#exclusively(async () => {
      this.#store()
      const settled = () => {
        this.#inbox.forgetHanded(list)
        this.#inbox.drop(list)
      }
      const results = await this.command<NativePartition[]>(
        (id) => this.native.seek(id, list, timeout),
        signal,
        settled,
      )
      return partitionResults(results)
    })
  }

  protected override unread(): TopicPartitionOffset[] {
    return this.#inbox.unread()
  }

  /** One at a time: they consist of several steps. */
  #exclusively<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#barrier.then(operation)
    this.#barrier = result.catch(() => {})
    return result
  }

  // --- Offsets

  /** Stores what the application is through with; librdkafka commits it by and by, or `commit()` does. */
  #store(): void {
    if (!this.#autoStore) {
      this.#inbox.settle(this.#inHand)
      return
    }
    const offsets = this.#inbox.settle(this.#inHand)
    if (offsets.length > 0) this.native.storeOffsets(offsets)
  }

  /**
   * Stores offsets by hand: for `enable.auto.offset.store=false`. The offset is that of the next message to read.
   * Returns a result for each partition: `_STATE` for one that is not assigned.
   */
  storeOffsets(offsets: readonly TopicPartitionOffset[] | Message | MessageBatch): TopicPartitionResult[] {
    this.assertOpen()
    return partitionResults(this.native.storeOffsets(offsetsOf(offsets)))
  }

  /**
   * Commits and waits for the coordinator: without an argument what is stored (everything the application has been
   * through with), else the offset *after* a message or after the last of each partition of messages, or offsets as
   * given. Resolves with a result for each partition. Rejects when the commit as a whole failed.
   */
  async commit(
    what?: Message | MessageBatch | readonly Message[] | readonly TopicPartitionOffset[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    if (what === undefined) this.#store()
    const list = what === undefined ? null : offsetsOf(what)
    try {
      return partitionResults(await this.command((id) => this.native.commit(id, list), signal))
    } catch (error) {
      // Nothing to commit is no failure.
      if (error instanceof KafkaError && error.errno === noOffset) return []
      throw error
    }
  }

  // --- Transactions

  /**
   * What a producer needs to commit offsets in a transaction: who this member is, so that a member that has lost its
   * partitions is refused. Good until the next rebalance; may be given to another thread of this process.
   */
  async groupMetadata(): Promise<ConsumerGroupMetadata> {
    this.assertOpen()
    return groupMetadataOf(await this.command<NativeGroupMetadata>((id) => this.native.groupMetadata(id)))
  }

  /** @internal What the application has been handed, what it has in its hands included, and on whose behalf. */
  async transactionOffsets(): Promise<{ offsets: TopicPartitionOffset[]; metadata: ConsumerGroupMetadata }> {
    this.assertOpen()
    if (this.#autoCommit) {
      throw new KafkaError(
        '_INVALID_ARG',
        `${this.name} commits offsets by itself, outside of the transaction: set 'enable.auto.commit' to false`,
      )
    }
    const offsets = this.#inbox.handed()
    const metadata = await this.groupMetadata()
    checkFenceable(metadata, this.#byHand, this.#rebalance?.lost === true)
    return { offsets, metadata }
  }

  /**
   * Goes back to what the group has committed, as after an aborted transaction: every message handed out since, and
   * whatever was fetched behind it, is read again. For `enable.auto.commit=false`.
   */
  async rewind({ timeout = seekTimeout, signal }: OperationOptions = {}): Promise<void> {
    this.assertOpen()
    const deadline = performance.now() + timeout
    for (;;) {
      // Who rewinds is through with what it has.
      if (this.#rebalance) await this.#runRebalance()
      const first = this.#inbox.firstHanded()
      if (first.length === 0) return
      try {
        return await this.#rewindTo(await this.committed(first, { timeout, signal }), first, { timeout, signal })
      } catch (error) {
        if (!outOfGroup.has((error as KafkaError).errno) || performance.now() > deadline) throw error
      }
      this.native.read(Want.readAhead) // so that the rebalance arrives
      await new Promise((resolve) => setTimeout(resolve, rewindPause))
    }
  }

  async #rewindTo(
    committed: readonly TopicPartitionResult[],
    first: readonly TopicPartitionOffset[],
    options: OperationOptions,
  ): Promise<void> {
    const targets = committed.map(({ topic, partition, offset, error }, i) => {
      if (error) throw error
      return { topic, partition, offset: offset >= 0 ? offset : first[i].offset }
    })
    for (const { error } of await this.seek(targets, options)) {
      // A partition that is not ours any more needs no rewinding.
      if (error && error.code !== '_STATE' && error.code !== '_UNKNOWN_PARTITION') throw error
    }
  }

  // --- The end

  /**
   * Leaves the group, after the `onRevoked` hook and a last commit of what was handled, and stops. Settles within
   * `timeout` milliseconds (30 s without one) in every state; further calls return the same promise.
   */
  close({ timeout = defaultCloseTimeout }: { timeout?: number } = {}): Promise<void> {
    return this.closeOnce(timeout, async () => {
      clearInterval(this.#storeTimer)
      this.#store()
      this.interrupt()
      if (this.#rebalance) void this.#runRebalance()
      if (this.#autoCommit) await settlesWithin(this.#commitBeforeLeaving(), timeout / 2)
    })
  }

  /**
   * librdkafka commits what it gives up, but when another rebalance goes on (somebody else left a moment ago) the commit
   * queues behind its JoinGroup, arrives for a generation that has passed, and fails. As long as this is still a member,
   * it can be made again.
   */
  async #commitBeforeLeaving(): Promise<void> {
    for (let attempt = 0; attempt < 10 && this.#assignment.length > 0 && !this.fatalError; attempt++) {
      this.native.read(Want.readAhead) // so that the rebalance gets on
      try {
        await this.command((id) => this.native.commit(id, null))
        return
      } catch (error) {
        if (!rebalancing.has((error as KafkaError).errno)) return
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function offsetsOf(
  what: Message | MessageBatch | readonly Message[] | readonly TopicPartitionOffset[],
): TopicPartitionOffset[] {
  if (what instanceof Message) return [after(what)]
  if (what instanceof MessageBatch) return what.offsets()
  if (Array.isArray(what) && what.length > 0 && what[0] instanceof Message) {
    const last = new Map((what as Message[]).map((m) => [`${m.partition}/${m.topic}`, m]))
    return [...last.values()].map(after)
  }
  return checkOffsets(what as readonly TopicPartitionOffset[], 'commit') as TopicPartitionOffset[]
}

function after({ topic, partition, offset, leaderEpoch }: Message): TopicPartitionOffset {
  return { topic, partition, offset: offset + 1, leaderEpoch }
}
