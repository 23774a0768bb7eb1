// A processor on top of odradek/pipeline: each batch is a transaction that holds what its handlers sent, and its offsets.
import type {
  ConsumerConfig,
  DeliveryReport,
  KafkaError,
  MessageBatch,
  ProducerConfig,
  ProducerRecord,
  TopicPartition,
} from '../index.js'
import { Pipeline, type PipelineMetrics, type TransformContext } from '../pipeline.js'
import { Handling, nameOf } from './handling.js'
import type { Journal } from './journal.js'
import type { Router } from './router.js'
import type { Scheduler } from './scheduler.js'
import { type ProcessorSettings, producerConfigOf } from './settings.js'
import { Partition, type Task } from './task.js'
import type { Outcome } from './types.js'

export class ExactlyOnceRun {
  readonly #settings: ProcessorSettings
  readonly #router: Router
  readonly #journal: Journal
  readonly #pipeline: Pipeline
  readonly #stop = new AbortController()
  #failure: { error: unknown } | undefined
  #current: Transacted | undefined
  readonly #assigned = new Map<string, TopicPartition>()
  readonly consumer = undefined
  readonly flow = undefined
  joined = false

  constructor(settings: ProcessorSettings, router: Router, topics: (string | RegExp)[], journal: Journal) {
    this.#settings = settings
    this.#router = router
    this.#journal = journal
    const { config, options, group } = settings
    const { 'group.id': _, ...consumer } = config as ConsumerConfig & Record<string, unknown>
    const { logger, onStatistics, tokenProvider, exactlyOnce } = options
    this.#pipeline = new Pipeline({
      config: {},
      consumer: consumer as ConsumerConfig,
      producer: producerConfigOf(config, options.producer as ProducerConfig | undefined),
      group,
      topics,
      transform: (batch, context) => this.#transform(batch, context),
      signal: this.#stop.signal,
      onError: (error) => this.onError(error as KafkaError),
      onAssigned: (partitions) => this.#assign(partitions),
      onRevoked: (partitions) => this.#giveUp('revoked', partitions),
      onLost: (partitions) => this.#giveUp('lost', partitions),
      ...defined({ logger, onStatistics, tokenProvider }),
      ...defined({ ...exactlyOnce }),
    })
  }

  get metrics(): PipelineMetrics {
    return this.#pipeline.metrics
  }

  get scheduler(): Scheduler | undefined {
    return this.#current?.scheduler
  }

  get draining(): boolean {
    return this.#stop.signal.aborted
  }

  onError(error: KafkaError): void {
    this.#journal.lastError = error
    const fail = (thrown: unknown) => {
      this.#failure ??= { error: thrown }
      this.#stop.abort()
    }
    try {
      const result = this.#settings.options.onError(error)
      if (result instanceof Promise) result.catch(fail)
    } catch (thrown) {
      fail(thrown)
    }
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const stop = () => this.#stop.abort()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    try {
      await this.#pipeline.run()
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    if (this.#failure) throw this.#failure.error
  }

  get assignment(): TopicPartition[] {
    return [...this.#assigned.values()]
  }

  /** Between two transactions; where to start is the group's to say. */
  async #assign(partitions: TopicPartition[]): Promise<void> {
    this.joined = true
    for (const one of partitions) this.#assigned.set(nameOf(one.topic, one.partition), one)
    this.#journal.emit({ type: 'rebalance', kind: 'assigned', partitions })
    await this.#settings.options.onAssigned?.(partitions)
  }

  async #giveUp(kind: 'revoked' | 'lost', partitions: TopicPartition[]): Promise<void> {
    if (kind === 'lost') this.joined = false
    for (const { topic, partition } of partitions) this.#assigned.delete(nameOf(topic, partition))
    this.#journal.emit({ type: 'rebalance', kind, partitions })
    const { onRevoked, onLost = onRevoked } = this.#settings.options
    await (kind === 'lost' ? onLost : onRevoked)?.(partitions)
  }

  async #transform(batch: MessageBatch, context: TransformContext): Promise<undefined> {
    const transacted = new Transacted(this.#settings, this.#router, this.#journal, context)
    this.#current = transacted
    try {
      await transacted.run(batch)
    } finally {
      this.#current = undefined
      this.#journal.tick([])
    }
    return undefined
  }
}

/** The messages of one transaction, handled as the settings say. */
class Transacted extends Handling {
  readonly #context: TransformContext
  #left = 0
  #failure: { error: unknown } | undefined

  constructor(settings: ProcessorSettings, router: Router, journal: Journal, context: TransformContext) {
    super(settings, router, journal)
    this.#context = context
  }

  async run(batch: MessageBatch): Promise<void> {
    const { signal } = this.#context
    let timer: NodeJS.Timeout | undefined
    // Told to stop: the transaction at hand is finished, unless that takes too long or would mean to wait.
    const stop = () => {
      if (this.scheduler.sleeping > 0) this.#abandon()
      else timer = setTimeout(() => this.#abandon(), this.settings.drainTimeout)
    }
    signal.addEventListener('abort', stop, { once: true })
    try {
      this.#add(batch)
      const over = () => this.#left === 0 || (this.scheduler.stopped && this.#idle())
      while (!(await this.scheduler.until(over, 0x7fffffff)));
      if (this.#failure) throw this.#failure.error
      if (this.#left > 0) throw signal.reason
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      for (const batcher of this.batchers.values()) batcher.stop()
      this.journal.flush(this.partitions.values())
    }
  }

  #idle(): boolean {
    for (const { busy } of this.partitions.values()) if (busy > 0) return false
    return true
  }

  #abandon(): void {
    this.scheduler.stop()
    for (const partition of this.partitions.values()) partition.abort(this.#context.signal.reason)
  }

  #add(batch: MessageBatch): void {
    batch.forEach((message) => {
      const partition = this.#partition(message.topic, message.partition)
      if (!partition) return
      this.journal.received++
      this.#left++
      this.add(message, partition, this.batcherOf(partition))
    })
    // There is no more to come in this transaction.
    for (const batcher of this.batchers.values()) batcher.last()
    this.scheduler.pump()
  }

  #partition(topic: string, number: number): Partition | undefined {
    const name = nameOf(topic, number)
    let partition = this.partitions.get(name)
    if (!partition) {
      const route = this.router.route(topic)
      if (!route) return undefined
      partition = new Partition(topic, number, route, this)
      this.partitions.set(name, partition)
    }
    return partition
  }

  protected override finished(task: Task, outcome: Outcome): void {
    this.journal.finished(task, outcome)
    if (outcome !== 'success' && outcome !== 'skip') return
    task.partition.finish(task)
    this.#left--
  }

  protected override failed(error: unknown): void {
    this.#failure ??= { error }
    // The transaction is aborted, so what has not begun need not begin.
    this.scheduler.stop()
  }

  override send(record: ProducerRecord): Promise<DeliveryReport> {
    return this.#context.tx.send(record)
  }
}

function defined<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>
}
