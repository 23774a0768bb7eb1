// What a program says of a pipeline, checked, and the configurations that come of it.
import { randomUUID } from 'node:crypto'
import type { ClientOptions, Logger } from './client.js'
import type { ConsumerConfig, ProducerConfig } from './config.js'
import { KafkaError } from './errors.js'
import type { Message } from './message.js'
import type { MessageBatch } from './message-batch.js'
import type { TopicPartition } from './offset.js'
import type { RebalanceHooks } from './rebalance.js'
import type { ProducerRecord } from './record.js'
import type { Transaction } from './transaction.js'

/** What both clients of a pipeline may be told. */
export type PipelineConfig = Omit<ConsumerConfig & ProducerConfig, 'group.id' | 'transactional.id'>

export interface TransformContext {
  /** The transaction that the batch is part of, for what is not simply returned. */
  readonly tx: Transaction
  /** Aborts when the pipeline is told to stop: the transform may hurry, or throw. */
  readonly signal: AbortSignal
}

/**
 * Makes records of a batch. Called again for the same messages after an abort, so what it does beside should bear that.
 */
export type Transform = (
  batch: MessageBatch,
  context: TransformContext,
) => Iterable<ProducerRecord> | void | Promise<Iterable<ProducerRecord> | void>

/** The fate of a message for which `transform` throws. */
export type PoisonPolicy =
  /** The pipeline aborts and rejects with the error. The default. */
  | 'fail'
  /** The message goes to this topic, in the transaction that commits its offset, with headers that say why and where from. */
  | { readonly deadLetter: string | ((message: Message, error: unknown) => ProducerRecord) }

/** A transaction that was committed or aborted. */
export interface PipelineTransaction {
  committed: boolean
  /** Messages of the batch. */
  messages: number
  /** Records that `transform` returned. */
  records: number
  /** Milliseconds from the batch to its end. */
  latency: number
  /** Why it was aborted. */
  error: unknown
}

export interface ExactlyOnceOptions {
  /** librdkafka's properties for both clients: `bootstrap.servers`, security. */
  config: PipelineConfig
  /** Properties of one of them. */
  consumer?: ConsumerConfig
  producer?: ProducerConfig
  group: string
  topics: string | RegExp | readonly (string | RegExp)[]
  /**
   * `transactional.id` of this instance. Two that run at the same time must not share one: the newer fences the older.
   * Without it each run has an id of its own, and group membership alone keeps zombies out.
   */
  transactionalId?: string
  transform: Transform
  /** The most messages of a transaction: 1,000 without it. */
  maxBatch?: number
  /** Milliseconds that the first message of a transaction waits for more: 50 without it. */
  maxLatency?: number
  poison?: PoisonPolicy
  /** Failing attempts in a row until the pipeline gives up: 20 without it. */
  attempts?: number
  /** Milliseconds between failing attempts, doubled from `initial` (100) to `max` (5,000). */
  backoff?: { initial?: number; max?: number }
  /** Stops the pipeline: the transaction at hand is finished, and the promise resolves. */
  signal?: AbortSignal
  /**
   * Partitions have come, are about to go (no transaction is open then), or are somebody else's already: for a transform
   * with state. Awaited, between two batches. Without `onLost`, `onRevoked` is called for what is lost.
   */
  onAssigned?: (partitions: TopicPartition[]) => void | Promise<void>
  onRevoked?: RebalanceHooks['onRevoked']
  onLost?: RebalanceHooks['onLost']
  /** After each transaction. */
  onTransaction?: (transaction: PipelineTransaction) => void
  /** What made an attempt fail that will be repeated, and errors that belong to no call. */
  onError?: (error: unknown) => void
  logger?: Logger
  onStatistics?: ClientOptions['onStatistics']
  tokenProvider?: ClientOptions['tokenProvider']
}

/** @internal With every default. */
export interface PipelineSettings {
  options: ExactlyOnceOptions
  consumer: ConsumerConfig
  producer: ProducerConfig
  /** The id is nobody else's: a fenced producer can be replaced without fencing another pipeline. */
  ownId: boolean
  maxBatch: number
  maxLatency: number
  poison: PoisonPolicy
  attempts: number
  backoff: { initial: number; max: number }
}

// A stopped instance's transaction holds up its successor for so long, at most.
const defaultTransactionTimeout = 15_000

/** @internal */
export function settingsOf(options: ExactlyOnceOptions): PipelineSettings {
  checkRequired(options)
  const { config, group, transactionalId, poison = 'fail' } = options
  const id = transactionalId ?? `${group}-${randomUUID()}`
  const consumer: ConsumerConfig = {
    'auto.offset.reset': 'earliest',
    ...config,
    ...options.consumer,
    'group.id': group,
    'enable.auto.commit': false,
    // Nobody asks for what would be stored: the offsets go with the transactions.
    'enable.auto.offset.store': false,
    'isolation.level': 'read_committed',
  }
  const producer: ProducerConfig = {
    'transaction.timeout.ms': defaultTransactionTimeout,
    ...config,
    ...options.producer,
    'transactional.id': id,
  }
  return {
    options,
    consumer,
    producer,
    poison,
    ownId: transactionalId === undefined,
    maxBatch: count(options.maxBatch, 'maxBatch', 1, 1000),
    maxLatency: count(options.maxLatency, 'maxLatency', 0, 50),
    attempts: count(options.attempts, 'attempts', 1, 20),
    backoff: {
      initial: count(options.backoff?.initial, 'backoff.initial', 0, 100),
      max: count(options.backoff?.max, 'backoff.max', 0, 5000),
    },
  }
}

function checkRequired(options: ExactlyOnceOptions): void {
  const { config, group, topics, transform, poison } = options ?? {}
  if (typeof config !== 'object' || config === null) throw invalid('config is an object of librdkafka properties')
  if (typeof group !== 'string' || group === '') throw invalid('group is the name of the consumer group')
  if (topics === undefined) throw invalid('topics are the names, or patterns, to read')
  if (typeof transform !== 'function') throw invalid('transform is a function from a batch to records')
  if (poison !== undefined && poison !== 'fail' && poison?.deadLetter === undefined) {
    throw invalid("poison is 'fail' or { deadLetter: topic }")
  }
  const owned: [object | undefined, string, unknown][] = [
    [options.consumer, 'enable.auto.commit', false],
    [options.consumer, 'enable.auto.offset.store', false],
    [options.consumer, 'isolation.level', 'read_committed'],
    [options.consumer, 'group.id', group],
    [options.producer, 'transactional.id', options.transactionalId],
  ]
  for (const [properties, name, value] of owned) {
    const given = (properties as Record<string, unknown> | undefined)?.[name]
    if (given !== undefined && given !== value) throw invalid(`'${name}' is the pipeline's to set`)
  }
}

function count(value: number | undefined, name: string, least: number, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isFinite(value) && value >= least) return value
  throw invalid(`${name} is a number from ${least}; got ${String(value)}`)
}

function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', `exactlyOnce: ${message}`)
}
