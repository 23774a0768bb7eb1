// Reads a stretch of a topic and ends by itself: where it begins and ends is found out before the first message.
import type { Ask } from './admin-request.js'
import { settingsOf } from './admin-request.js'
import { describeTopics, listOffsets, type OffsetSpec } from './admin-topics.js'
import type { Consumer } from './consumer.js'
import { KafkaError } from './errors.js'
import type { Message } from './message.js'
import { nameOf, Offset, type TopicPartition, type TopicPartitionOffset } from './offset.js'
import type { MessageReader } from './readers.js'

/** What `read` reads. */
export interface ReadOptions {
  topic: string
  /** One partition; all of the topic's without it. */
  partition?: number
  /** An offset, one of `Offset`'s, or a time: the first message at or after it. `Offset.beginning` without it. */
  from?: number | Date
  /** The first that is not read any more, in the same way. `Offset.end` without it: where the end is when reading begins. */
  to?: number | Date
  /** Milliseconds for finding out where to begin and end; 30 s without it. */
  timeout?: number
  signal?: AbortSignal
}

/** Partitions with the first offset to read and the first that is not. */
interface Stretch extends TopicPartition {
  from: number
  to: number
}

const done = { done: true, value: undefined } as const

/** @internal */
export class RangeReader implements AsyncIterableIterator<Message> {
  readonly #consumer: Consumer
  readonly #options: ReadOptions
  readonly #isolation: 'read_uncommitted' | 'read_committed'
  /** By partition the first offset that is not read; those that are through are gone. */
  readonly #left = new Map<string, number>()
  readonly #paused: TopicPartition[] = []
  #reader: MessageReader | undefined
  #ended = false

  constructor(consumer: Consumer, options: ReadOptions, isolation: string) {
    this.#consumer = consumer
    this.#options = checkOptions(options)
    this.#isolation = isolation === 'read_uncommitted' ? isolation : 'read_committed'
  }

  async next(): Promise<IteratorResult<Message>> {
    if (this.#ended) return done
    try {
      this.#reader ??= await this.#begin()
      while (this.#left.size > 0) {
        const { done, value: message } = await this.#reader.next()
        if (done) break
        if (await this.#within(message)) return { done: false, value: message }
      }
    } catch (error) {
      await this.return().catch(() => {})
      throw error
    }
    return this.return()
  }

  /** Gives the partitions up; the consumer is free again. */
  async return(): Promise<IteratorResult<Message>> {
    if (this.#ended) return done
    this.#ended = true
    const reader = this.#reader
    await reader?.return()
    if (reader && !this.#consumer.closed) {
      // A pause would outlast the assignment.
      if (this.#paused.length > 0) await this.#consumer.resume(this.#paused)
      await this.#consumer.assign(null)
    }
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #begin(): Promise<MessageReader> {
    const { topic, signal } = this.#options
    signal?.throwIfAborted()
    if (this.#consumer.isAssigned) {
      throw new KafkaError(
        '_STATE',
        `read: ${this.#consumer.name} has partitions already; read with a consumer of its own`,
      )
    }
    const stretches = await this.#stretches()
    const reader = this.#consumer._messagesUntil((partition, offset) => this.#end(partition, offset), signal)
    const open = stretches.filter(({ from, to }) => from < to)
    for (const stretch of open) this.#left.set(nameOf(stretch), stretch.to)
    if (open.length > 0) {
      await this.#consumer.assign(open.map(({ partition, from: offset }) => ({ topic, partition, offset })))
    }
    return reader
  }

  /** Whether the message is one to hand out; a partition is through with its last. */
  async #within(message: Message): Promise<boolean> {
    const { topic, partition, offset } = message
    const to = this.#left.get(nameOf(message))
    if (to === undefined) return false
    if (offset < to - 1) return true
    this.#left.delete(nameOf(message))
    if (this.#left.size > 0) {
      this.#paused.push({ topic, partition })
      await this.#consumer.pause([{ topic, partition }])
    }
    return offset < to
  }

  /** The end of a partition: what is missing of the stretch was compacted away, or was never for readers. */
  #end(partition: TopicPartition, offset: number): boolean {
    const to = this.#left.get(nameOf(partition))
    if (to !== undefined && offset >= to) this.#left.delete(nameOf(partition))
    return this.#left.size === 0
  }

  async #stretches(): Promise<Stretch[]> {
    const { from = Offset.beginning, to = Offset.end } = this.#options
    const partitions = await this.#partitions()
    const [low, high, first, last] = await Promise.all([
      this.#list(partitions, 'earliest'),
      this.#list(partitions, 'latest'),
      from instanceof Date ? this.#list(partitions, from) : undefined,
      to instanceof Date ? this.#list(partitions, to) : undefined,
    ])
    return partitions.map((partition, i) => {
      const ends = { low: low[i], high: high[i] }
      const begin = at(from, ends, first?.[i])
      return { ...partition, from: Math.max(begin, ends.low), to: Math.min(at(to, ends, last?.[i]), ends.high) }
    })
  }

  async #partitions(): Promise<TopicPartition[]> {
    const { topic, partition, ...options } = this.#options
    if (partition !== undefined) return [{ topic, partition }]
    const [{ partitions, error }] = await describeTopics(this.#ask, [topic], requestOf(options))
    if (error) throw error
    return partitions.map(({ partition }) => ({ topic, partition }))
  }

  async #list(partitions: readonly TopicPartition[], spec: OffsetSpec): Promise<number[]> {
    const list = partitions.map((partition) => ({ ...partition, spec }))
    const options = { ...requestOf(this.#options), isolationLevel: this.#isolation }
    const found = new Map<string, TopicPartitionOffset>()
    for (const result of await listOffsets(this.#ask, list, options)) {
      if (result.error) throw result.error
      found.set(nameOf(result), result)
    }
    return partitions.map((partition) => found.get(nameOf(partition))?.offset ?? Offset.end)
  }

  readonly #ask: Ask = async (operation, args, options, more) => {
    const settings = settingsOf(operation, options, more)
    const send = this.#consumer.request<string>(
      (native, id) => native.admin(id, operation, args, settings),
      options.signal,
    )
    return JSON.parse(await send)
  }
}

/** The offset that is meant; `time` is what was found for a Date, -1 when all messages are older. */
function at(where: number | Date, { low, high }: { low: number; high: number }, time: number | undefined): number {
  if (where instanceof Date) return time === undefined || time < 0 ? high : time
  if (where === Offset.beginning) return low
  if (where === Offset.end) return high
  return where >= 0 ? where : high - (Offset.tail(0) - where)
}

function requestOf({ timeout, signal }: { timeout?: number; signal?: AbortSignal }) {
  return { ...(timeout === undefined ? {} : { timeout }), ...(signal ? { signal } : {}) }
}

function checkOptions(options: ReadOptions): ReadOptions {
  const { topic, partition, from, to } = options ?? {}
  if (typeof topic !== 'string' || topic === '') throw invalid('topic is a name', topic)
  if (partition !== undefined && (!Number.isSafeInteger(partition) || partition < 0)) {
    throw invalid('partition is an integer from 0', partition)
  }
  checkWhere('from', from)
  checkWhere('to', to)
  return options
}

function checkWhere(name: string, where: unknown): void {
  if (where === undefined) return
  const what = `${name} is an offset, Offset.beginning, .end, .tail(n) or a Date`
  if (where instanceof Date) {
    if (Number.isNaN(where.getTime()) || where.getTime() < 0) throw invalid(what, where)
    return
  }
  const known = where === Offset.beginning || where === Offset.end || (where as number) <= Offset.tail(0)
  if (!Number.isSafeInteger(where) || ((where as number) < 0 && !known)) throw invalid(what, where)
}

function invalid(what: string, given: unknown): KafkaError {
  return new KafkaError(
    '_INVALID_ARG',
    `read: ${what}; got ${typeof given === 'string' ? `'${given}'` : String(given)}`,
  )
}
