// A stream for each assigned partition. One loop reads for all of them and hands out to each its own; a partition whose
// handler does not keep up is paused, so that it does not hold up the others.
import { settlesWithin } from './client.js'
import type { ReadingOwner } from './consumer-reading.js'
import { KafkaError } from './errors.js'
import type { Inbox } from './inbox.js'
import { Message } from './message.js'
import { nameOf, type TopicPartition, type TopicPartitionOffset } from './offset.js'
import { PartitionStream } from './partition-stream.js'
import { onNextTurn } from './turn.js'

export interface PartitionStreamsOptions {
  /** Messages that wait in a stream before its partition is paused; 500 without it. */
  max?: number
  /**
   * Milliseconds that leaving (`break`, an aborted signal) waits for handlers to get through with their message in hand;
   * 5 s without it. A message that is still in hand then counts as not handled, and comes again.
   */
  timeout?: number
  signal?: AbortSignal
}

/** @internal What of a consumer the streams need. */
export interface PartitionSource {
  readonly inbox: Inbox
  readonly closed: boolean
  /** It does not wait for handlers any more. */
  readonly leaving: boolean
  readonly assignment: TopicPartition[]
  readonly maxPollInterval: number
  acquire(owner: ReadingOwner, signal: AbortSignal): Promise<boolean>
  release(owner: ReadingOwner): void
  ask(deadline: number, signal: AbortSignal | undefined): Promise<boolean>
  pause(partitions: readonly TopicPartition[]): Promise<unknown>
  resume(partitions: readonly TopicPartition[]): Promise<unknown>
  seek(offsets: readonly TopicPartitionOffset[]): Promise<unknown>
}

type Result = IteratorResult<PartitionStream>
const done = { done: true, value: undefined } as const
const defaultMax = 500
const defaultTimeout = 5000
// How often handlers that are stuck are looked for.
const turn = 1000
const stuckPause = 50

/** @internal */
export class PartitionStreams implements AsyncIterableIterator<PartitionStream>, ReadingOwner {
  readonly #source: PartitionSource
  readonly #max: number
  readonly #timeout: number
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #streams = new Map<string, PartitionStream>()
  readonly #fresh: PartitionStream[] = []
  #waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined
  #pump: Promise<void> | undefined
  #left = false
  #error: { error: unknown } | undefined
  // ReadingOwner
  readonly byHand = true
  readonly exclusive = 'partitionStreams()'
  ending: Promise<unknown> | undefined

  constructor(
    source: PartitionSource,
    { max = defaultMax, timeout = defaultTimeout, signal }: PartitionStreamsOptions,
  ) {
    if (!Number.isSafeInteger(max) || max < 1) {
      throw new KafkaError('_INVALID_ARG', `max of partitionStreams() is an integer from 1; got ${String(max)}`)
    }
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new KafkaError('_INVALID_ARG', `partitionStreams: timeout is milliseconds from 0; got ${String(timeout)}`)
    }
    this.#source = source
    this.#max = max
    this.#timeout = timeout
    this.#signal = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal
  }

  next(): Promise<Result> {
    this.#pump ??= this.#run()
    const value = this.#fresh.shift()
    if (value) return Promise.resolve({ done: false, value })
    if (this.#error) {
      const { error } = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#left) return Promise.resolve(done)
    if (this.#waiting)
      return Promise.reject(new KafkaError('_CONFLICT', 'partitionStreams() is being waited for already'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  async return(): Promise<Result> {
    this.#left = true
    // Who reads next waits, whoever waits for this.
    this.ending ??= this.#pump
    this.#stop.abort()
    await this.#pump
    return done
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  // --- For the consumer

  assigned(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) {
      const name = nameOf(partition)
      if (this.#streams.has(name)) continue
      const stream = new PartitionStream(partition, (taken) => this.#taken(taken))
      this.#streams.set(name, stream)
      this.#fresh.push(stream)
    }
    const waiting = this.#waiting
    const value = waiting && this.#fresh.shift()
    if (!waiting || !value) return
    this.#waiting = undefined
    waiting.resolve({ done: false, value })
  }

  /** Ends their streams, and waits until the handlers are through with what they have. */
  async revoking(partitions: readonly TopicPartition[], lost: boolean): Promise<void> {
    const gone = partitions.map(nameOf).flatMap((name) => this.#streams.get(name) ?? [])
    for (const stream of gone) stream.end()
    if (!lost) await Promise.all(gone.map(({ drained }) => drained))
  }

  revoked(partitions: readonly TopicPartition[] | null): void {
    const paused: PartitionStream[] = []
    for (const name of partitions ? partitions.map(nameOf) : [...this.#streams.keys()]) {
      const stream = this.#streams.get(name)
      stream?.end()
      if (stream?.paused) paused.push(stream)
      this.#streams.delete(name)
    }
    // librdkafka's pauses outlast assignments: who gets the partition again would never read it.
    if (!this.#source.closed) void this.#resume(paused)
  }

  handled(): TopicPartitionOffset[] {
    return [...this.#streams.values()].flatMap((stream) => stream.handled() ?? [])
  }

  unread(): TopicPartitionOffset[] {
    return [...this.#streams.values()].flatMap((stream) => stream.unread ?? [])
  }

  // --- The loop

  async #run(): Promise<void> {
    let failure: { error: unknown } | undefined
    try {
      await this.#source.acquire(this, this.#signal)
      this.assigned(this.#source.assignment)
      while (!this.#left && !this.#source.closed) await this.#turn()
    } catch (error) {
      if (!this.#left) failure = { error }
    }
    await this.#finish(failure)
  }

  async #turn(): Promise<void> {
    this.#signal.throwIfAborted()
    if (this.#stuck()) {
      // Nobody asks any more, so the group hears of it, by max.poll.interval.ms.
      await new Promise((resolve) => setTimeout(resolve, stuckPause))
      return
    }
    const { inbox } = this.#source
    if (!(await this.#source.ask(performance.now() + turn, this.#signal))) return
    if (this.#left) return
    const { slab, from, to } = inbox.take(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    for (let row = from; row < to; row++)
      this.#streams.get(nameOf(slab.slots[slab.slot(row)]))?.push(new Message(slab, row))
    await this.#pauseSlow()
    // Handlers get their turn though there is always more.
    await new Promise((resolve) => onNextTurn(resolve))
  }

  #stuck(): boolean {
    const before = performance.now() - this.#source.maxPollInterval
    for (const { busySince } of this.#streams.values()) if (busySince !== undefined && busySince < before) return true
    return false
  }

  async #pauseSlow(): Promise<void> {
    const slow = [...this.#streams.values()].filter(
      (stream) => !stream.paused && (stream.length >= this.#max || stream.ended),
    )
    if (slow.length === 0) return
    for (const stream of slow) stream.paused = true
    await this.#source.pause(slow.map(({ topic, partition }) => ({ topic, partition })))
    for (const stream of slow) this.#taken(stream)
  }

  /** A handler has got on: there may be room again. */
  #taken(stream: PartitionStream): void {
    if (!stream.paused || stream.ended || stream.length > this.#max / 2) return
    stream.paused = false
    void this.#resume([stream])
  }

  async #resume(streams: readonly PartitionStream[]): Promise<void> {
    if (streams.length === 0) return
    // Whoever closes meanwhile wants no more of it.
    await this.#source.resume(streams.map(({ topic, partition }) => ({ topic, partition }))).catch(() => {})
  }

  async #finish(failure: { error: unknown } | undefined): Promise<void> {
    this.#left = true
    // Who aborts knows; for the streams it is an end like any other.
    const error = failure && !this.#signal.aborted ? failure.error : undefined
    const streams = [...this.#streams.values()]
    const unread = this.unread()
    const ending = this.#settle(streams, unread, error)
    this.ending ??= ending
    await ending
    this.#source.release(this)
    const waiting = this.#waiting
    this.#waiting = undefined
    if (!waiting) this.#error = failure
    else if (failure) waiting.reject(failure.error)
    else waiting.resolve(done)
  }

  /** Ends all streams; what nobody was handed comes again for whoever reads next. */
  async #settle(streams: PartitionStream[], unread: TopicPartitionOffset[], error: unknown): Promise<void> {
    for (const stream of streams) stream.end(error)
    // Nothing can be committed any more, and a handler that never asks again would keep the error from the program.
    if (error) return
    const drained = Promise.all(streams.map(({ drained }) => drained))
    const deadline = performance.now() + this.#timeout
    while (!(await settlesWithin(drained, stuckPause))) {
      // Who closes waits for handlers itself.
      if (this.#source.leaving || (performance.now() > deadline && !this.#source.closed)) break
    }
    if (this.#source.closed) return
    const from = new Map(unread.map((at) => [nameOf(at), at]))
    for (const { inHand } of streams) if (inHand) from.set(nameOf(inHand), inHand)
    if (from.size > 0) await this.#source.seek([...from.values()]).catch(() => {})
    await this.#resume(streams.filter(({ paused }) => paused))
  }
}
