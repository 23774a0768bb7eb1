// Where a consumer is and where it could be, and how it goes elsewhere.
import type { NativePartition } from './binding.js'
import type { OperationOptions } from './client.js'
import { checkTimed } from './client-check.js'
import { ConsumerGroup } from './consumer-group.js'
import { errorName, KafkaError } from './errors.js'
import {
  checkPartitions,
  checkStarts,
  nameOf,
  Offset,
  partitionResults,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'

/** The offsets of the oldest message and of the one that will come next. */
export interface Watermarks {
  low: number
  high: number
}

export interface PartitionLag extends TopicPartition {
  /** The next offset to read; `Offset.invalid` before the first message. */
  position: number
  /** The high watermark (with read_committed, the last stable offset); `Offset.invalid` before the first fetch. */
  end: number
  /** Messages between the two; null while one is unknown. */
  lag: number | null
}

const defaultTimeout = 10_000
const seekTimeout = 10_000

export abstract class ConsumerPositions extends ConsumerGroup {
  // The next offset to hand out, where the inbox does not say: passed, paused or sought.
  readonly #next = new Map<string, number>()

  /**
   * The next offset to be handed to the application, for each partition; `Offset.invalid` before the first message.
   * Answers at once. A partition that this client does not know has `error` `_UNKNOWN_PARTITION`.
   */
  position(partitions: readonly TopicPartition[] = this.assignment): TopicPartitionResult[] {
    this.assertOpen()
    const results = partitionResults(this.native.position(checkPartitions(partitions, 'position')))
    // librdkafka's own position (rd_kafka_position) is ahead by what it has given us and nobody was handed.
    const next = new Map(this.#next)
    const waiting = this.reader?.unread?.() ?? []
    for (const at of [...this.inbox.handed(), ...this.inbox.unread(), ...waiting]) next.set(nameOf(at), at.offset)
    for (const result of results) result.offset = next.get(nameOf(result)) ?? Offset.invalid
    return results
  }

  #assertFree(what: string): void {
    const by = this.reader?.exclusive
    if (by)
      throw new KafkaError('_CONFLICT', `${what}: ${this.name} is read by ${by}, which pauses and seeks by itself`)
  }

  protected override forgetPositions(partitions: readonly TopicPartition[] | null): void {
    if (partitions) for (const partition of partitions) this.#next.delete(nameOf(partition))
    else this.#next.clear()
  }

  /** What the application is through with, was paused at, or sought. A named offset says nothing until it is read. */
  #note(offsets: readonly TopicPartitionOffset[]): void {
    for (const at of offsets) if (at.offset >= 0) this.#next.set(nameOf(at), at.offset)
  }

  protected override store(): void {
    const offsets = this.inbox.settle(this.busyWith)
    this.#note(offsets)
    const handled = this.reader?.handled?.() ?? (this.reader?.byHand ? [] : offsets)
    if (this.autoStore && handled.length > 0) this.native.storeOffsets(handled)
  }

  /**
   * Stops handing out messages of these partitions, until `resume` goes on with the first that was not handed out: also
   * when a partition is taken away and comes back meanwhile. Resolves with a result for each partition;
   * `_UNKNOWN_PARTITION` for one that is not assigned.
   */
  async pause(partitions: readonly TopicPartition[]): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    this.#assertFree('pause')
    return this._pause(partitions)
  }

  /** @internal */
  _pause(partitions: readonly TopicPartition[]): Promise<TopicPartitionResult[]> {
    const list = checkPartitions(partitions, 'pause')
    return this.exclusively(async () => {
      let unread: TopicPartitionOffset[] = []
      const results = await this.command<NativePartition[]>(
        (id) => this.native.pause(id, list),
        undefined,
        (_, error) => {
          if (error) return
          // What waits in a batch that is being made comes before what waits behind it.
          const retracted = this.reader?.retract?.(list) ?? []
          const known = new Set(retracted.map(nameOf))
          unread = [...retracted, ...this.inbox.drop(list).filter((at) => !known.has(nameOf(at)))]
          this.#note(unread)
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
    this.#assertFree('resume')
    return this._resume(partitions)
  }

  /** @internal */
  _resume(partitions: readonly TopicPartition[]): Promise<TopicPartitionResult[]> {
    const list = checkPartitions(partitions, 'resume')
    return this.exclusively(async () =>
      partitionResults(await this.command<NativePartition[]>((id) => this.native.resume(id, list))),
    )
  }

  /**
   * Goes on elsewhere in these partitions: nothing fetched before is handed out once this resolves. Offsets as in
   * `Offset` (`stored` asks the coordinator what the group has committed; where it has not, it begins as
   * `auto.offset.reset` says), or absolute. `timeout` in milliseconds. Resolves with a result for each partition; one with
   * an error, `_UNKNOWN_PARTITION` or `_STATE` for one that is not assigned, is read on where it was.
   */
  async seek(
    offsets: readonly TopicPartitionOffset[],
    options: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const { timeout = seekTimeout, signal } = bounded(options, 'seek')
    this.#assertFree('seek')
    return this._seek(offsets, { timeout, ...(signal ? { signal } : {}) })
  }

  /** @internal */
  _seek(
    offsets: readonly TopicPartitionOffset[],
    { timeout = seekTimeout, signal }: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    checkStarts(offsets, 'seek', { orNone: false })
    return this.exclusively(async () => {
      this.store()
      const list = await this.#resolveStored(offsets, timeout, signal)
      const settled = (value: unknown) => {
        const gone = soughtOf(list, value as NativePartition[] | null)
        this.reader?.retract?.(gone)
        this.inbox.forgetHanded(gone)
        this.inbox.drop(gone)
        this.forgetPositions(gone)
        this.#note(gone)
      }
      const results = await this.command<NativePartition[]>(
        (id) => this.native.seek(id, list, timeout),
        signal,
        settled,
      )
      return partitionResults(results)
    })
  }

  /** librdkafka does not seek to what is stored. Where nothing is, `invalid` stands for auto.offset.reset. */
  async #resolveStored(
    offsets: readonly TopicPartitionOffset[],
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<TopicPartitionOffset[]> {
    const stored = offsets.filter(({ offset }) => offset === Offset.stored)
    if (stored.length === 0) return [...offsets]
    this.assertMember('seek to Offset.stored')
    const committed = new Map<string, number>()
    for (const result of await this.committed(stored, signal ? { timeout, signal } : { timeout })) {
      if (result.error) throw result.error
      committed.set(nameOf(result), result.offset)
    }
    return offsets.map((at) =>
      at.offset === Offset.stored ? { ...at, offset: committed.get(nameOf(at)) ?? Offset.invalid } : at,
    )
  }

  /**
   * Takes partitions by hand, without a group's rebalances; null or an empty list gives all up. Where each is to start:
   * an offset, one of `Offset`'s, or a Date (the first message at or after it; the end where all are older), which asks the
   * brokers. Without one it starts at what is stored, else as `auto.offset.reset` says.
   */
  override async assign(partitions: readonly (TopicPartition & { offset?: number | Date })[] | null): Promise<void> {
    const list = partitions ?? []
    const timed = Array.isArray(list) ? list.filter((item) => item?.offset instanceof Date) : []
    if (timed.length === 0) return super.assign(partitions as readonly (TopicPartition & { offset?: number })[] | null)
    const starts = new Map<unknown, number>()
    const found = await this.offsetsForTimes(timed.map((item) => ({ ...item, time: item.offset as Date })))
    found.forEach(({ error, offset }, i) => {
      if (error) throw error
      starts.set(timed[i], offset)
    })
    return super.assign(
      list.map(
        (item) =>
          ({ ...item, offset: starts.get(item) ?? (item.offset as number | undefined) }) as TopicPartitionOffset,
      ),
    )
  }

  /**
   * What the group has committed; `Offset.invalid` where there is nothing. Asks the coordinator; `timeout` in
   * milliseconds, 10 s without one.
   */
  async committed(
    partitions: readonly TopicPartition[] = this.assignment,
    options: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const { timeout = defaultTimeout, signal } = bounded(options, 'committed')
    this.assertMember('committed')
    const list = checkPartitions(partitions, 'committed')
    return partitionResults(await this.command((id) => this.native.committed(id, list, timeout), signal))
  }

  /** The watermarks that the last fetch brought; null before it. Answers at once. */
  cachedWatermarks({ topic, partition }: TopicPartition): Watermarks | null {
    this.assertOpen()
    checkPartitions([{ topic, partition }], 'cachedWatermarks')
    const [low, high] = this.native.cachedWatermarks(topic, partition) ?? [Offset.invalid, Offset.invalid]
    return high === Offset.invalid ? null : { low, high }
  }

  /** Asks the partition's leader for its watermarks. `timeout` in milliseconds, 10 s without one. */
  async watermarks({ topic, partition }: TopicPartition, options: OperationOptions = {}): Promise<Watermarks> {
    this.assertOpen()
    const { timeout = defaultTimeout, signal } = bounded(options, 'watermarks')
    checkPartitions([{ topic, partition }], 'watermarks')
    const send = (id: number) => this.native.watermarks(id, topic, partition, timeout)
    const [low, high] = await this.command<[number, number]>(send, signal)
    return { low, high }
  }

  /**
   * For each partition the offset of the first message at or after `time` (a Date or milliseconds since 1970);
   * `Offset.end` where all are older.
   */
  async offsetsForTimes(
    partitions: readonly (TopicPartition & { time: Date | number })[],
    options: OperationOptions = {},
  ): Promise<TopicPartitionResult[]> {
    this.assertOpen()
    const { timeout = defaultTimeout, signal } = bounded(options, 'offsetsForTimes')
    checkPartitions(partitions, 'offsetsForTimes')
    const list = partitions.map(({ topic, partition, time }) => ({ topic, partition, offset: milliseconds(time) }))
    const send = (id: number) => this.native.offsetsForTimes(id, list, timeout)
    return partitionResults(await this.command<NativePartition[]>(send, signal))
  }

  /** How far this consumer is behind, for each partition, by what it knows without asking a broker. */
  lag(partitions: readonly TopicPartition[] = this.assignment): PartitionLag[] {
    return this.position(partitions).map(({ topic, partition, offset: position }) => {
      const end = this.cachedWatermarks({ topic, partition })?.high ?? Offset.invalid
      const known = position >= 0 && end >= 0
      return { topic, partition, position, end, lag: known ? Math.max(0, end - position) : null }
    })
  }

  /** This member's id in the group; empty before it has joined. */
  async memberId(): Promise<string> {
    this.assertOpen()
    return await this.command((id) => this.native.memberId(id))
  }

  /** `EAGER`, `COOPERATIVE` or `NONE`, which it is before the group has joined. */
  async rebalanceProtocol(): Promise<'EAGER' | 'COOPERATIVE' | 'NONE'> {
    this.assertOpen()
    return await this.command((id) => this.native.rebalanceProtocol(id))
  }
}

/** Those that are sought, or may be: without an answer, all. */
function soughtOf(list: TopicPartitionOffset[], results: NativePartition[] | null): TopicPartitionOffset[] {
  if (!results) return list
  const refused = new Set(
    results.filter(({ error }) => error && errorName(error.errno) !== '_IN_PROGRESS').map((result) => nameOf(result)),
  )
  return list.filter((at) => !refused.has(nameOf(at)))
}

/** librdkafka takes an int. */
function bounded(options: OperationOptions, what: string): OperationOptions {
  const { timeout, ...rest } = checkTimed(options, what)
  return timeout === undefined ? rest : { ...rest, timeout: Math.min(Math.round(timeout), 0x7fffffff) }
}

function milliseconds(time: Date | number): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new KafkaError('_INVALID_ARG', `a time is a Date or milliseconds since 1970; got ${String(time)}`)
}
