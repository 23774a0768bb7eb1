// What programs of odradek/processor are written in: handlers, middleware, contexts, options.
import type {
  ConsumerOptions,
  DeliveryReport,
  KafkaError,
  Message,
  Producer,
  ProducerConfig,
  ProducerRecord,
  TopicPartition,
} from '../index.js'
import type { PipelineMetrics } from '../pipeline.js'

/** Turns bytes into a value. Null bytes are handed over, too: they are a tombstone. What it throws is a failure. */
export interface MessageDeserializer<T> {
  deserialize(bytes: Buffer | null, where: DeserializeContext): T | Promise<T>
}

export interface DeserializeContext {
  readonly topic: string
  readonly part: 'key' | 'value'
  readonly message: Message
}

/** What is to become of a message, said by the handler itself. Without a word, returning is success, throwing failure. */
export interface Acknowledgement {
  /** It is handled. */
  success(): void
  /** It failed: as if the handler had thrown this error. */
  fail(error: unknown): void
  /** It is not for this handler: its offset moves on, and it is counted as skipped. */
  skip(): void
}

/** A message in the hands of a handler. */
export type ProcessorMessage<Value = unknown, Key = unknown> = Message & {
  readonly ack: Acknowledgement
  /** What the topic's (or the processor's) `value` deserializer made of the value; undefined without one. */
  readonly decoded: Value
  /** The same of the key. */
  readonly decodedKey: Key
}

export interface HandlerContext {
  /** Aborts when the outcome does not count any more: the partition is lost, or its draining took too long. */
  readonly signal: AbortSignal
  /** True once that is so: whatever fails now is no failure of the message's. */
  readonly abandoned: boolean
  /** 1, and more when `retry` calls again. */
  attempt: number
  /** The message, or those of the batch. */
  readonly messages: readonly ProcessorMessage[]
  /** The topic whose handler this is: with retry topics the one that the message was first written to. */
  readonly topic: string
  /**
   * Sends a record and waits until it is delivered; in a processor with `guarantee: 'exactly-once'` it is part of the
   * transaction, and need not be awaited.
   */
  send(record: ProducerRecord): Promise<DeliveryReport>
  /**
   * Waits without taking one of the `concurrency` places, and without blocking other partitions or keys. Rejects when the
   * message is not to be handled here any more: the partition was taken away, or the processor stops.
   */
  sleep(ms: number): Promise<void>
  /** Tells the observers. */
  emit(event: ProcessorEvent): void
}

/** Handles a message. Its promise is awaited; returning is success, throwing is failure. */
export type Handler<Value = unknown, Key = unknown> = (
  message: ProcessorMessage<Value, Key>,
  context: HandlerContext,
) => unknown

/** Wraps a handler. */
export type Middleware = (next: Handler) => Handler

/** Handles several messages at once. Those that called `message.ack.fail(error)` fail, and only those. */
export type BatchHandler<Value = unknown, Key = unknown> = (
  batch: readonly ProcessorMessage<Value, Key>[],
  context: HandlerContext,
) => unknown

export type BatchMiddleware = (next: BatchHandler) => BatchHandler

/** Wraps both: what the built-in middleware is. */
export interface UniversalMiddleware {
  (next: Handler): Handler
  (next: BatchHandler): BatchHandler
  /** @internal */
  readonly universal: MiddlewareTraits
}

/** @internal */
export interface MiddlewareTraits {
  readonly name: string
  /** Failures end here: what is used after it never sees one. */
  readonly catches?: boolean
  /** Needs to see failures. */
  readonly needsFailures?: boolean
  /** More topics to read for the handlers of these. */
  aliases?(topic: string): readonly string[]
}

export type OrderBy = 'partition' | 'key' | 'none'
export type Guarantee = 'at-least-once' | 'at-most-once' | 'exactly-once'
export type Outcome = 'success' | 'skip' | 'failure' | 'abandoned'

/**
 * What observers are told. Times in milliseconds. A `handled` tells of `count` messages, with the time of the last: all
 * are timed up to some two thousand a second, and a sample of more. For a batch it is the time of the batch.
 */
export type ProcessorEvent =
  | {
      type: 'handled'
      topic: string
      partition: number
      count: number
      /** Calls of the handler: one for a batch. */
      calls: number
      outcome: Outcome
      duration: number
    }
  | { type: 'retry'; topic: string; attempt: number; delay: number; error: unknown }
  | { type: 'deadLetter'; topic: string; to: string; error: unknown }
  | { type: 'retryTopic'; topic: string; to: string; error: unknown }
  | { type: 'circuit'; state: 'open' | 'halfOpen' | 'closed' }
  | { type: 'rebalance'; kind: 'assigned' | 'revoked' | 'lost'; partitions: TopicPartition[] }
  | { type: 'paused' | 'resumed'; partitions: TopicPartition[] }

export type ProcessorObserver = (event: ProcessorEvent) => void

export interface ProcessorOptions
  extends Pick<
    ConsumerOptions,
    'logger' | 'onStatistics' | 'onThrottle' | 'tokenProvider' | 'onAssigned' | 'onRevoked' | 'onLost'
  > {
  /**
   * Errors of brokers and of the library that belong to no message. Returning goes on, throwing (or rejecting) stops
   * `run()` with what was thrown. Fatal errors stop it anyway.
   */
  onError: (error: KafkaError) => void | Promise<void>
  /** How many handlers run at the same time: 1 without it. */
  concurrency?: number
  /** What is handled one after the other: a partition's messages (the default), a key's, or nothing. */
  orderBy?: OrderBy
  guarantee?: Guarantee
  /** `'explicit'`: a message is handled when one of `message.ack`'s methods is called, not when the handler returns. */
  acknowledge?: 'return' | 'explicit'
  /** For all topics that bring none of their own. */
  key?: MessageDeserializer<unknown>
  value?: MessageDeserializer<unknown>
  /**
   * More is received when fewer messages than this wait for a handler, and at most so many at once. 2,000 without it, or
   * four times the concurrency; with `'at-most-once'` 100, or twice the concurrency.
   */
  maxQueued?: number
  /** How far a partition may get ahead of its first unhandled message, in messages: 10,000 without it. */
  maxAhead?: number
  /** Milliseconds that handlers at work get when their partition is revoked or the processor stops: 30,000 without it. */
  drainTimeout?: number
  /** For `context.send`, dead letters and retry topics: a producer, or properties for one; without it the consumer's. */
  producer?: Producer | ProducerConfig
  /** With `guarantee: 'exactly-once'`. */
  exactlyOnce?: ExactlyOnceSettings
}

/** See odradek/pipeline. */
export interface ExactlyOnceSettings {
  transactionalId?: string
  maxBatch?: number
  maxLatency?: number
  attempts?: number
  backoff?: { initial?: number; max?: number }
}

export interface TopicOptions<Value, Key> {
  value?: MessageDeserializer<Value>
  key?: MessageDeserializer<Key>
  /** Middleware of this topic, nearer to the handler than the processor's. */
  use?: readonly Middleware[]
}

export interface BatchTopicOptions<Value, Key> {
  /** The most messages of a batch: 1,000 without it. */
  max?: number
  /** The most bytes of keys and values; one message may be larger. */
  maxBytes?: number
  /** Milliseconds that the first message of a batch waits for more: 100 without it. */
  timeout?: number
  value?: MessageDeserializer<Value>
  key?: MessageDeserializer<Key>
  use?: readonly BatchMiddleware[]
}

export type ProcessorState = 'new' | 'running' | 'draining' | 'stopped'

export interface ProcessorHealth {
  /** Alive: running (or not begun, or stopped on purpose), and nothing fatal has happened. */
  ok: boolean
  /** Has had its assignment, is running, and takes messages. */
  ready: boolean
  state: ProcessorState
  assigned: TopicPartition[]
  paused: TopicPartition[]
  /** Handlers at work. */
  running: number
  /** Messages that wait for one. */
  queued: number
  /** Messages that wait for their next attempt. */
  sleeping: number
  lastError: KafkaError | undefined
  /** When a message was handled last: milliseconds since 1970. */
  lastHandled: number | undefined
}

/** Since the start. */
export interface ProcessorCounts {
  received: number
  handled: number
  skipped: number
  failed: number
  /** Handled although it does not count: the partition was gone by then. */
  abandoned: number
  /** With `guarantee: 'exactly-once'`. */
  pipeline: PipelineMetrics | undefined
}
