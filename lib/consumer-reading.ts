// How a consumer gets its messages: it asks, and the poll thread answers with slabs (inbox.ts).
import { randomUUID } from 'node:crypto'
import { abortable } from './abort.js'
import { every } from './attention.js'
import { binding, Dispatch, type NativeConsumer, type NativePartition } from './binding.js'
import { Client, type ClientOptions, guard, type OperationOptions, settlesWithin } from './client.js'
import { checkClientOptions } from './client-check.js'
import { type ConsumerConfig, effective, prepareConfig } from './config.js'
import { Connection } from './connection.js'
import { publishCommit, publishReceive } from './consumer-diagnostics.js'
import { ErrorCodes, errorName, KafkaError } from './errors.js'
import { Inbox } from './inbox.js'
import { Message, type PartitionSlot } from './message.js'
import {
  Offset,
  partitionResults,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'
import type { RebalanceHooks } from './rebalance.js'

/** Program values of a consumer. */
export interface ConsumerOptions extends ClientOptions, RebalanceHooks {
  /** The end of a partition was reached, with `enable.partition.eof`. */
  onPartitionEof?: (position: TopicPartitionOffset) => void
  /** What a commit, automatic ones included, has come to. */
  onOffsetCommit?: (results: TopicPartitionResult[], error: KafkaError | undefined) => void
}

const hooks = ['onAssigned', 'onRevoked', 'onLost', 'onPartitionEof', 'onOffsetCommit'] as const

/** Who reads. Not exported, but a protected accessor names it. */
export interface ReadingOwner {
  /** The end of a partition was reached; true when there is nothing more to wait for. */
  readonly atEnd?: ((partition: TopicPartition, offset: number) => boolean) | undefined
  /** What it hands out is handled when the application says so. */
  readonly byHand?: boolean
  /** Pauses and seeks by itself, under this name. */
  readonly exclusive?: string
  /** Partitions have been taken over; are about to be given up; are gone. */
  assigned?(partitions: readonly TopicPartition[]): void
  revoking?(partitions: readonly TopicPartition[], lost: boolean): Promise<void>
  revoked?(partitions: readonly TopicPartition[] | null): void
  /** What was handled since this was asked last, where that is not all that was handed out. */
  handled?(): TopicPartitionOffset[]
  /** The first of each partition that it got and did not hand out. */
  unread?(): TopicPartitionOffset[]
  /** Takes out of the batch it is making what belongs to these partitions, or all; returns the first offset of each. */
  retract?(partitions: readonly TopicPartition[] | null): TopicPartitionOffset[]
  /** It has ended, and still puts things in order; who wants to read next waits. */
  readonly ending?: Promise<unknown> | undefined
}

/** @internal What is asked of the poll thread: Want in native/consumer.h. */
export const Want = { readAhead: 1, wait: 2 } as const

// kLastOfAnswer and kHasErrors in native/consumer.cc.
const SlabFlag = { lastOfAnswer: 1, hasErrors: 2 } as const
const { _FATAL, _PARTITION_EOF, _MAX_POLL_EXCEEDED } = ErrorCodes
const resets: Readonly<Record<string, number>> = {
  ...{ smallest: Offset.beginning, earliest: Offset.beginning, beginning: Offset.beginning },
  ...{ largest: Offset.end, latest: Offset.end, end: Offset.end },
}
// How often a slow application's offsets are stored, and the group told that it is alive.
const attentionInterval = 500

export abstract class ConsumerReading extends Client<NativeConsumer> {
  protected readonly options: ConsumerOptions
  /** @internal */
  protected readonly inbox = new Inbox()
  /** Its `group.id`; null without one. */
  readonly groupId: string | null
  protected readonly isolation: string
  /** Without a group nothing is stored: where to begin then, by auto.offset.reset. No coordinator is to be asked. */
  protected readonly unstored: number | undefined
  /** Whether the application wants to hear of a partition's end. */
  protected readonly partitionEof: boolean
  protected readonly maxPollInterval: number
  protected readonly groupProtocol: 'classic' | 'consumer'
  protected readonly autoStore: boolean
  protected readonly autoCommit: boolean
  /** Ends the looking up; a member has it. */
  protected readonly endAttention: (() => void) | undefined
  /** @internal */
  protected readonly connection = new Connection((timeout) => this.ready({ timeout }))
  /** When messages last came, in milliseconds since 1970. */
  protected lastMessage: number | null = null
  #reader: ReadingOwner | undefined
  #asking = false
  // Whether the poll thread owes an answer.
  #asked = false
  // When librdkafka was last known to have been polled.
  #polled = performance.now()
  // Usually one: the reader's. unsubscribe() may wait beside it.
  readonly #waiting = new Set<() => void>()
  /** How many of the rows handed out last the application is still busy with. */
  protected busyWith = 0

  constructor(config: ConsumerConfig, options: ConsumerOptions = {}) {
    checkClientOptions(options, 'Consumer', hooks)
    const entries = prepareConfig('consumer', config, { tokenProvider: options.tokenProvider !== undefined })
    const values = effective('consumer', config)
    const groupId = values['group.id']
    const member = groupId !== null
    if (!member) entries.push(...withoutGroup(entries))
    const reset = entries.findLast(([name]) => name === 'auto.offset.reset')?.[1] ?? ''
    super((dispatch) => new binding.Consumer(entries.flat(), dispatch), values['client.id'] ?? 'consumer', options)
    this.resources = { GROUP_AUTHORIZATION_FAILED: groupId ?? '' }
    this.groupId = groupId
    this.isolation = values['isolation.level'] ?? 'read_committed'
    this.partitionEof = values['enable.partition.eof']
    this.unstored = member ? undefined : resets[reset]
    this.options = options
    this.maxPollInterval = values['max.poll.interval.ms']
    this.groupProtocol = values['group.protocol'] === 'consumer' ? 'consumer' : 'classic'
    this.autoStore = values['enable.auto.offset.store'] && member
    this.autoCommit = values['enable.auto.commit'] && member
    this.inbox.tracking = !this.autoCommit && member
    if (member) {
      const interval = Math.min(attentionInterval, Math.ceil(this.maxPollInterval / 4))
      this.endAttention = every(interval, () => this.#attend())
    }
  }

  /** Whether there is a group. */
  protected get member(): boolean {
    return this.groupId !== null
  }

  /** Whether a rebalance waits for the application. */
  protected abstract get rebalancePending(): boolean
  protected abstract runRebalance(): Promise<void>
  /** Stores what the application is through with. */
  protected abstract store(): void

  /** @internal Throws when somebody reads already; false when who read before has not ended by the deadline. */
  async acquire(
    reader: ReadingOwner,
    signal?: AbortSignal,
    deadline: number = Number.POSITIVE_INFINITY,
  ): Promise<boolean> {
    if (this.#reader === reader) return true
    while (this.#reader?.ending) {
      const ending = signal ? abortable(this.#reader.ending, signal) : this.#reader.ending
      if (deadline === Number.POSITIVE_INFINITY) await ending
      else if (!(await settlesWithin(ending, Math.max(0, deadline - performance.now())))) return false
      signal?.throwIfAborted()
    }
    if (this.#reader) {
      throw new KafkaError('_CONFLICT', `${this.name} is being read already: there is one reader at a time`)
    }
    this.assertOpen()
    this.#reader = reader
    return true
  }

  /** @internal */
  release(reader: ReadingOwner): void {
    if (this.#reader !== reader) return
    if (reader.byHand) {
      // None of it is to be stored by whoever reads next.
      this.busyWith = 0
      this.store()
    }
    this.#reader = undefined
  }

  /** @internal What the application has been handed last: it is busy with so many messages. */
  set inHand(count: number) {
    this.busyWith = count
  }

  protected get reader(): ReadingOwner | undefined {
    return this.#reader
  }

  /** @internal Makes the reader look up: see Inbox.limit. */
  interrupt(): void {
    this.inbox.limit = Math.min(this.inbox.limit, this.inbox.row)
    for (const wake of this.#waiting) wake()
  }

  /** For handlers that are slow, or batches that last: a quick application stores and asks by itself. */
  #attend(): void {
    if (this.#asking) return
    this.store()
    this.inbox.limit = Math.min(this.inbox.limit, this.inbox.row)
  }

  /**
   * @internal The application asks for more: it is through with what it has. True when the inbox has a message; false at
   * the deadline, and when the consumer is closed.
   */
  async ask(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    this.#asking = true
    try {
      // Who took too long has lost what it has in its hands: that is to be known before it counts as handled.
      const late = this.#tellGroup()
      if (late) await late
      this.busyWith = 0
      this.store()
      return await this.more(deadline, signal)
    } finally {
      this.#asking = false
    }
  }

  /** @internal The same, while the application is not through with what it has. */
  async more(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted()
      if (this.rebalancePending) {
        if (!this.#asking) return false
        await this.runRebalance()
        continue
      }
      if (this.fatalError) throw this.fatalError
      if (this.closed) return false
      const { inbox } = this
      if (inbox.advance()) {
        if (inbox.limit <= inbox.row) {
          if (this.#takeError()) return false
          continue
        }
        const late = this.#tellGroup()
        if (late) {
          await late
          continue
        }
        this.#readAhead()
        return true
      }
      const left = deadline - performance.now()
      if (left <= 0) {
        // Who never waits asks all the same, and is alive.
        if (!this.#asked) this.readOn()
        this.#tellGroup()
        return false
      }
      await this.wait(left, signal)
    }
  }

  /**
   * An application that takes long to get through what it was given is alive: the group is told, and a rebalance that
   * waits is heard of. After more than max.poll.interval.ms there is something to wait for: whether what was given is
   * still this member's.
   */
  #tellGroup(): Promise<unknown> | undefined {
    if (!this.member) return undefined
    const now = performance.now()
    const since = now - this.#polled
    if (since < attentionInterval && since < this.maxPollInterval / 4) return undefined
    this.#polled = now
    const told = this.command((id) => this.native.poll(id)).catch(() => {})
    return since > this.maxPollInterval ? told : undefined
  }

  #readAhead(): void {
    if (this.#asked || !this.inbox.lastSlab) return
    this.readOn()
  }

  /** Asks for what is there, without waiting for it. */
  protected readOn(): void {
    this.#asked = true
    this.native.read(Want.readAhead)
  }

  /** Until something arrives, or for `ms` milliseconds, or until the signal aborts. */
  protected wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    this.#asked = true
    this.native.read(Want.wait)
    this.native.hold()
    return new Promise((resolve) => {
      const wake = () => {
        if (!this.#waiting.delete(wake)) return
        this.#polled = performance.now()
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

  /** The row at hand is an error: reported, or thrown when it is fatal. True when it ends what is being read. */
  #takeError(): boolean {
    const { inbox } = this
    const { slab, row } = inbox
    if (!slab) return false
    const errno = slab.error(row)
    const message = new Message(slab, row)
    const { topic, partition } = message
    inbox.row++
    inbox.relimit()
    if (errno === _FATAL) return false // its cause came ahead of it
    if (errno === _PARTITION_EOF) {
      const { offset } = message
      if (this.partitionEof) guard(() => this.options.onPartitionEof?.({ topic, partition, offset }))
      return this.#reader?.atEnd?.({ topic, partition }, offset) ?? false
    }
    const where = topic === '' ? '' : ` (${topic}${partition >= 0 ? ` [${partition}]` : ''})`
    this.report(new KafkaError(errorName(errno), `${message.text() ?? ''}${where}`))
    return false
  }

  protected override dispatch(kind: number, a: unknown, b: unknown, c: unknown, d: unknown): void {
    switch (kind) {
      case Dispatch.messages:
        this.#receive(a as ArrayBuffer, b as number, c as PartitionSlot[] | null, d as number)
        break
      case Dispatch.offsetCommit: {
        const error = a ? KafkaError.from(a as never) : undefined
        const results = partitionResults(b as NativePartition[])
        publishCommit(this.name, results, error)
        guard(() => this.options.onOffsetCommit?.(results, error))
        break
      }
      default:
        super.dispatch(kind, a, b, c, d)
    }
  }

  #receive(memory: ArrayBuffer, count: number, slots: PartitionSlot[] | null, flags: number): void {
    const hasErrors = (flags & SlabFlag.hasErrors) !== 0
    publishReceive(this.name, count, memory.byteLength)
    this.inbox.receive(memory, count, slots, hasErrors)
    this.#polled = performance.now()
    if (!hasErrors) {
      this.lastMessage = Date.now()
      this.connection.seen()
    }
    if (hasErrors && this.inbox.has(_MAX_POLL_EXCEEDED)) this.#tooLate()
    if (flags & SlabFlag.lastOfAnswer) this.#asked = false
    for (const wake of this.#waiting) wake()
  }

  /** The application took longer than it may: its partitions are lost, though their revocation is still to come. */
  #tooLate(): void {
    this.inbox.forgetHanded(null)
    this.inbox.drop(null)
    this.#reader?.revoked?.(null)
    const text =
      `the application took longer than ${this.maxPollInterval} ms (max.poll.interval.ms) from one message or batch to the ` +
      'next, so its partitions go to other members; it rejoins when it asks again, and what it did not commit is read ' +
      'again. Handle messages quicker, read smaller batches, or raise max.poll.interval.ms'
    this.report(new KafkaError('_MAX_POLL_EXCEEDED', text))
  }

  override async ready(options: OperationOptions = {}): Promise<void> {
    await super.ready(options)
    this.connection.seen()
  }

  /** @internal */
  protected override report(error: KafkaError): void {
    if (error.code === '_ALL_BROKERS_DOWN') this.connection.lost()
    super.report(error)
  }

  protected override failed(): void {
    this.interrupt()
  }
}

/**
 * librdkafka's consumers have a group in any case: one of its own, which it never joins and never commits for. The ends
 * of partitions are what `read` ends with.
 */
function withoutGroup(entries: readonly (readonly [name: string, value: string])[]): [name: string, value: string][] {
  const own: [string, string][] = [
    ['group.id', `odradek-${randomUUID()}`],
    ['enable.auto.commit', 'false'],
    ['enable.partition.eof', 'true'],
  ]
  if (!entries.some(([name]) => name === 'auto.offset.reset')) own.push(['auto.offset.reset', 'earliest'])
  return own
}
