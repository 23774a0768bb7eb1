// What a program says of a pipeline, checked, and the configurations that come of it.
import { randomUUID } from 'node:crypto'
import type { ClientOptions, Logger } from './client.js'
import { type ConsumerConfig, type ProducerConfig, prepareConfig } from './config.js'
import { layerConfigs, splitConfig } from './config-split.js'
import type { Message } from './message.js'
import type { MessageBatch } from './message-batch.js'
import type { TopicPartition } from './offset.js'
import { checkCount, checkPipeline } from './pipeline-check.js'
import type { RebalanceHooks } from './rebalance.js'
import type { ProducerRecord } from './record.js'
import type { Transaction } from './transaction.js'

/** What the consumer of a pipeline, its producer, or both may be told. */
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
  /** librdkafka's properties: each client gets those that it takes. */
  config: PipelineConfig
  /** Properties of one of them, over those of `config`. */
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

/** @internal Throws `_INVALID_ARG` for what neither client would take, before there is one. */
export function settingsOf(options: ExactlyOnceOptions): PipelineSettings {
  checkPipeline(options)
  const { group, transactionalId, poison = 'fail', tokenProvider } = options
  const both = splitConfig(options.config)
  const id = transactionalId ?? `${group}-${randomUUID()}`
  const consumer: ConsumerConfig = layerConfigs(
    { 'auto.offset.reset': 'earliest' },
    both.consumer,
    options.consumer ?? {},
    {
      'group.id': group,
      'enable.auto.commit': false,
      // Nobody asks for what would be stored: the offsets go with the transactions.
      'enable.auto.offset.store': false,
      'isolation.level': 'read_committed',
    },
  )
  const producer: ProducerConfig = layerConfigs(
    { 'transaction.timeout.ms': defaultTransactionTimeout },
    both.producer,
    options.producer ?? {},
    { 'transactional.id': id },
  )
  const context = { tokenProvider: tokenProvider !== undefined }
  prepareConfig('consumer', consumer, context)
  prepareConfig('producer', producer, context)
  return {
    options,
    consumer,
    producer,
    poison,
    ownId: transactionalId === undefined,
    maxBatch: checkCount(options.maxBatch, 'maxBatch', 1, 1000),
    maxLatency: checkCount(options.maxLatency, 'maxLatency', 0, 50),
    attempts: checkCount(options.attempts, 'attempts', 1, 20),
    backoff: {
      initial: checkCount(options.backoff?.initial, 'backoff.initial', 0, 100),
      max: checkCount(options.backoff?.max, 'backoff.max', 0, 5000),
    },
  }
}
