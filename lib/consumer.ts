// A consumer: it asks, and the poll thread answers with slabs of messages. What an application was handed is stored as
// handled when it asks for what comes after. Its layers: consumer-reading, -group, -positions, -offsets.
import type { Readable } from 'node:stream'
import { checkSignal } from './abort.js'
import { settlesWithin } from './client.js'
import { checkOptions, refuseClose, signalOf } from './client-check.js'
import type { ConsumerHealth } from './connection.js'
import { ConsumerOffsets, rebalancing } from './consumer-offsets.js'
import { type MessageSource, MessageStream, type ReadableOptions } from './consumer-readable.js'
import type { ReadingOwner } from './consumer-reading.js'
import { KafkaError } from './errors.js'
import { Message } from './message.js'
import type { MessageBatch } from './message-batch.js'
import type { PartitionStream } from './partition-stream.js'
import { PartitionStreams, type PartitionStreamsOptions } from './partition-streams.js'
import { RangeReader, type ReadOptions } from './range.js'
import { type BatchOptions, BatchReader, MessageReader } from './readers.js'
import { onNextTurn } from './turn.js'

export type { ConsumerOptions } from './consumer-reading.js'

const defaultCloseTimeout = 30_000
const hookGrace = 1000
// Commits whose answers are longer in coming have no coordinator.
const commitGrace = 1000

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
export class Consumer extends ConsumerOffsets implements AsyncIterable<Message>, AsyncDisposable {
  /** Reads message by message. One reader at a time; `break` leaves the consumer usable. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return this.messages()
  }

  /** The same, with a signal: the iteration rejects with its reason, and no message is lost. */
  messages(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<Message> {
    return new MessageReader(this, this.inbox, signalOf(options, 'messages'))
  }

  /**
   * Reads batch by batch: each is full (`max` messages, `maxBytes` bytes), or as full as it became within `timeout`
   * milliseconds of its first message; without a timeout it is what is there.
   */
  batches(options: BatchOptions = {}): AsyncIterableIterator<MessageBatch> {
    checkOptions(options, 'batches', ['max', 'timeout', 'maxBytes', 'signal'])
    checkSignal(options.signal, 'batches')
    return new BatchReader(this, this.inbox, options)
  }

  /**
   * Reads a stretch of a topic, from an offset or a time up to an offset, a time or the end, and ends by itself: in each
   * partition in order, all partitions at once. For a consumer without a `group.id` (with one, `enable.partition.eof` has
   * to be set) that has nothing assigned; afterwards it has nothing assigned again. Throws KafkaError `_INVALID_ARG`;
   * rejects with `_STATE` when there are partitions already, and with what librdkafka says of an unknown topic.
   *
   * ```ts
   * const reader = new Consumer({ 'bootstrap.servers': brokers })
   * for await (const m of reader.read({ topic: 'orders', from: new Date('2026-11-01'), to: new Date('2026-11-02') })) await reserve(m.value)
   * for await (const m of reader.read({ topic: 'orders', partition: 3, from: Offset.tail(100) })) await reserve(m.value)
   * ```
   */
  read(options: ReadOptions): AsyncIterableIterator<Message> {
    if (this.member && !this.partitionEof) {
      const how = "leave 'group.id' away, or set 'enable.partition.eof'"
      throw new KafkaError('_INVALID_ARG', `read: ${this.name} is not told of the ends of partitions: ${how}`)
    }
    checkOptions(options, 'read', ['topic', 'partition', 'from', 'to', 'timeout', 'signal'])
    checkSignal(options.signal, 'read')
    return new RangeReader(this, options, this.isolation)
  }

  /** @internal For RangeReader. */
  _messagesUntil(atEnd: ReadingOwner['atEnd'], signal: AbortSignal | undefined): MessageReader {
    return new MessageReader(this, this.inbox, signal, { atEnd })
  }

  /**
   * The messages as a Node stream in object mode. A stream takes messages before they are handled, so none of them counts
   * as handled by itself: say so with `storeOffsets(message)`, or `commit(message)`. Destroying it leaves the consumer
   * usable, and what the stream had not handed out comes again.
   */
  readable(options: ReadableOptions = {}): Readable {
    checkOptions(options, 'readable', ['signal', 'highWaterMark'])
    checkSignal(options.signal, 'readable')
    const source: MessageSource = {
      read: (signal) => new MessageReader(this, this.inbox, signal, { byHand: true }),
      rewind: (offsets) => this.seek(offsets),
    }
    return new MessageStream(source, options)
  }

  /**
   * A stream for each assigned partition, those that come with later assignments included: each to be read at its own
   * pace, all at once. One whose handler does not keep up is paused when `max` messages wait in it. A message counts as
   * handled when its stream is asked for the next one; a partition is given up when its handler is through with the message
   * in hand; leaving waits for handlers for `timeout` ms, `close` for half of its timeout. A handler that takes longer than
   * `max.poll.interval.ms` stops the reading of all, so that the group notices.
   *
   * ```ts
   * for await (const stream of consumer.partitionStreams()) {
   *   void (async () => { for await (const message of stream) await handle(message) })()
   * }
   * ```
   */
  partitionStreams(options: PartitionStreamsOptions = {}): AsyncIterableIterator<PartitionStream> {
    checkOptions(options, 'partitionStreams', ['max', 'timeout', 'signal'])
    checkSignal(options.signal, 'partitionStreams')
    const consumer = this
    return new PartitionStreams(
      {
        inbox: this.inbox,
        maxPollInterval: this.member ? this.maxPollInterval : Number.POSITIVE_INFINITY,
        get closed() {
          return consumer.closed
        },
        get leaving() {
          return consumer.leaving
        },
        get assignment() {
          return consumer.assignment
        },
        acquire: (owner, signal) => this.acquire(owner, signal),
        release: (owner) => this.release(owner),
        ask: (deadline, signal) => this.ask(deadline, signal),
        pause: (partitions) => this._pause(partitions),
        resume: (partitions) => this._resume(partitions),
        seek: (offsets) => this._seek(offsets),
      },
      options,
    )
  }

  /** How it is with this consumer, for a probe. Answers at once. */
  health(): ConsumerHealth {
    const { closed, fatalError, lastError, lastMessage } = this
    const connected = !closed && this.connection.up
    const lag = closed || fatalError ? 0 : this.lag().reduce((sum, { lag }) => sum + (lag ?? 0), 0)
    const ok = connected && !fatalError
    return { ok, connected, assigned: this.isAssigned, fatalError, lastError, lastMessage, lag }
  }

  /**
   * The next message, or null after `timeout` milliseconds without one; 0 takes what is there already. Null when closed,
   * too.
   */
  async poll(timeout: number, options: { signal?: AbortSignal } = {}): Promise<Message | null> {
    const signal = signalOf(options, 'poll')
    if (typeof timeout !== 'number' || !(timeout >= 0)) {
      throw new KafkaError('_INVALID_ARG', `poll: timeout is milliseconds from 0; got ${String(timeout)}`)
    }
    const reader = {}
    const deadline = performance.now() + timeout
    if (!(await this.acquire(reader, signal, deadline))) return null
    try {
      if (!(await this.ask(deadline, signal))) {
        // What comes crosses in a turn of the event loop, which a program that polls without waiting would not have.
        if (timeout === 0) await new Promise((resolve) => onNextTurn(resolve))
        return null
      }
      const { slab, from } = this.inbox.take(1, Number.MAX_SAFE_INTEGER)
      this.inHand = 1
      return new Message(slab, from)
    } finally {
      this.release(reader)
    }
  }

  /**
   * Leaves the group, after commits under way, the `onRevoked` hook and a last commit of what was handled, and stops. Settles within
   * `timeout` milliseconds (30 s without one) in every state; further calls return the same promise.
   */
  close(options: { timeout?: number } = {}): Promise<void> {
    const refused = this.closed ? undefined : refuseClose(options)
    if (refused) return refused
    const timeout = (this.closed ? undefined : options.timeout) ?? defaultCloseTimeout
    return this.closeOnce(timeout, async () => {
      this.endAttention?.()
      this.store()
      this.interrupt()
      // Not for long, since a hook may be what waits for this.
      await this.finishRebalance(Math.min(timeout / 2, hookGrace))
      await this.finishStreams(timeout / 2)
      await settlesWithin(this.commitsUnderWay(), Math.min(timeout / 2, commitGrace))
      if (this.autoCommit) await settlesWithin(this.#commitBeforeLeaving(), timeout / 2)
      this.leaving = true
    })
  }

  /**
   * librdkafka commits what it gives up, but when another rebalance goes on (somebody else left a moment ago) the commit
   * queues behind its JoinGroup, arrives for a generation that has passed, and fails. As long as this is still a member,
   * it can be made again.
   */
  async #commitBeforeLeaving(): Promise<void> {
    for (let attempt = 0; attempt < 10 && this.isAssigned && !this.fatalError; attempt++) {
      this.readOn() // so that the rebalance gets on
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
