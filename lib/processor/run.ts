// One run of a processor that is a group's member: receives, schedules, stores what is handled, gives partitions up.
import { setTimeout as delay } from 'node:timers/promises'
import {
  Consumer,
  type ConsumerConfig,
  type DeliveryReport,
  KafkaError,
  type Message,
  type MessageBatch,
  type ProducerRecord,
  type TopicPartition,
  type TopicPartitionOffset,
} from '../index.js'
import type { Batcher } from './batcher.js'
import { Flow } from './flow.js'
import { Handling, nameOf } from './handling.js'
import type { Journal } from './journal.js'
import type { Router } from './router.js'
import type { Sender } from './sender.js'
import type { ProcessorSettings } from './settings.js'
import { Partition, type Task } from './task.js'
import type { Outcome } from './types.js'

const storeInterval = 200
// For handlers that heed their signal, after it has aborted.
const grace = 1000
// REBALANCE_IN_PROGRESS, ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, STALE_MEMBER_EPOCH: the group has
// moved on, and will have the messages handled again; librdkafka commits once more when it gives the partitions up.
const movedOn = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
  'STALE_MEMBER_EPOCH',
])

export class ConsumerRun extends Handling {
  readonly #sender: Sender
  readonly #dirty = new Set<Partition>()
  readonly #end = new AbortController()
  readonly consumer: Consumer
  readonly flow: Flow
  #failure: { error: unknown } | undefined
  #stop: () => void = () => {}
  readonly #stopped = new Promise<void>((resolve) => {
    this.#stop = resolve
  })
  /** At most once: a batch that is being committed. */
  #committing: Promise<unknown> | undefined
  /** Takes nothing new any more. */
  draining = false
  /** The group has given it its partitions, of which there may be none. */
  joined = false

  constructor(settings: ProcessorSettings, router: Router, journal: Journal, sender: Sender) {
    super(settings, router, journal)
    this.#sender = sender
    const { logger, onStatistics, onThrottle, tokenProvider } = settings.options
    this.consumer = new Consumer(configOf(settings), {
      logger,
      onStatistics,
      onThrottle,
      tokenProvider,
      onError: (error) => this.onError(error),
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => this.#revoked(partitions),
      onLost: (partitions) => this.#lost(partitions),
    })
    this.flow = new Flow(settings, this.scheduler, this.consumer, this.partitions, journal, (error) =>
      this.onError(error as KafkaError),
    )
  }

  /** An error of a broker or of the library: the program decides whether that is the end. */
  onError(error: KafkaError): void {
    this.journal.lastError = error
    try {
      const result = this.settings.options.onError(error)
      if (result instanceof Promise) result.catch((thrown) => this.fail(thrown))
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  /** Ends the run with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stop()
  }

  async run(signal: AbortSignal | undefined): Promise<void> {
    const stop = () => this.#stop()
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) stop()
    const timer = setInterval(() => this.#store(), storeInterval)
    try {
      await this.consumer.subscribe(this.router.topics)
      const reading = this.#read().catch((error) => {
        if (!this.#end.signal.aborted) this.fail(error)
      })
      await Promise.race([this.#stopped, reading])
      await this.#drain()
      this.#end.abort()
      await reading
    } catch (error) {
      this.fail(error)
    } finally {
      clearInterval(timer)
      this.journal.flush(this.partitions.values())
      signal?.removeEventListener('abort', stop)
      await this.#close()
    }
    if (this.#failure) throw this.#failure.error
  }

  async #read(): Promise<void> {
    const batches = this.consumer.batches({ max: this.settings.maxQueued, signal: this.#end.signal })
    for (;;) {
      await this.flow.room(() => this.draining)
      const { value, done } = await batches.next()
      if (done) break
      if (this.settings.guarantee === 'at-most-once' && !this.draining) await this.#commitFirst(value)
      else if (!this.draining) this.#accept(value, undefined)
    }
    if (this.consumer.fatalError) throw this.consumer.fatalError
  }

  #accept(batch: MessageBatch, refused: ReadonlySet<Partition> | undefined): void {
    let topic: string | undefined
    let number = -1
    let partition: Partition | undefined
    let batcher: Batcher | undefined
    let received = 0
    batch.forEach((message: Message) => {
      if (message.partition !== number || message.topic !== topic) {
        topic = message.topic
        number = message.partition
        partition = this.#partition(topic, number)
        batcher = partition && this.batcherOf(partition)
        if (partition && (partition.closed || refused?.has(partition))) partition = undefined
      }
      if (!partition) return
      received++
      this.add(message, partition, batcher)
    })
    this.journal.received += received
    this.scheduler.pump()
  }

  /** At most once: what is committed first may be handled. */
  async #commitFirst(batch: MessageBatch): Promise<void> {
    const committing = this.#commit(batch)
    this.#committing = committing
    const refused = await committing
    this.#committing = undefined
    if (refused.length === 0 || this.consumer.closed) return
    // Not committed, so not handled: read again, by whoever has the partition then.
    await this.consumer.seek(refused).catch((error) => this.#reportCommit(error))
  }

  /** Hands over what could be committed; returns where that begins which could not. */
  async #commit(batch: MessageBatch): Promise<TopicPartitionOffset[]> {
    const refused = new Map<Partition, TopicPartitionOffset>()
    const first = new Map<string, TopicPartitionOffset>()
    batch.forEach(({ topic, partition, offset }) => {
      const name = nameOf(topic, partition)
      if (!first.has(name)) first.set(name, { topic, partition, offset })
    })
    const refuse = ({ topic, partition }: TopicPartition) => {
      const ours = this.#partition(topic, partition)
      const from = first.get(nameOf(topic, partition))
      if (ours && from) refused.set(ours, from)
    }
    try {
      for (const result of await this.consumer.commit(batch)) if (result.error) refuse(result)
    } catch (error) {
      this.#reportCommit(error)
      for (const from of first.values()) refuse(from)
    }
    this.#accept(batch, new Set(refused.keys()))
    return [...refused.values()]
  }

  #partition(topic: string, partition: number): Partition | undefined {
    return this.partitions.get(nameOf(topic, partition))
  }

  // --- Handling

  protected override finished(task: Task, outcome: Outcome): void {
    const { partition } = task
    this.journal.finished(task, outcome)
    if (outcome === 'success' || outcome === 'skip') {
      if (partition.finish(task) && !partition.dirty) {
        partition.dirty = true
        this.#dirty.add(partition)
      }
    }
    if (partition.paused) this.flow.look(partition)
  }

  protected override failed(error: unknown): void {
    this.fail(error)
  }

  override send(record: ProducerRecord): Promise<DeliveryReport> {
    return this.#sender.send(record)
  }

  // --- Offsets

  /** Stores what is handled, for librdkafka to commit. */
  #store(only?: ReadonlySet<Partition>): boolean {
    this.journal.tick(this.partitions.values())
    if (this.#dirty.size === 0 || this.consumer.fatalError) return false
    const offsets: TopicPartitionOffset[] = []
    for (const partition of this.#dirty) {
      if (only && !only.has(partition)) continue
      this.#dirty.delete(partition)
      partition.dirty = false
      const { passed } = partition
      if (passed) offsets.push(passed)
    }
    if (offsets.length === 0 || this.settings.guarantee === 'at-most-once') return false
    try {
      this.consumer.storeOffsets(offsets)
    } catch (error) {
      // Closed meanwhile: nothing is lost but the knowledge that these were handled.
      if (!this.consumer.closed) this.onError(error as KafkaError)
      return false
    }
    return true
  }

  async #commitStored(): Promise<void> {
    try {
      await this.consumer.commit()
    } catch (error) {
      this.#reportCommit(error)
    }
  }

  #reportCommit(error: unknown): void {
    if (error instanceof KafkaError && movedOn.has(error.code)) return
    this.onError(error as KafkaError)
  }

  // --- Partitions come and go

  async #assigned(list: TopicPartition[]): Promise<TopicPartitionOffset[] | undefined> {
    this.joined = true
    for (const { topic, partition } of list) {
      const route = this.router.route(topic)
      if (!route) continue
      const ours = new Partition(topic, partition, route, this)
      if (this.draining) ours.close()
      this.partitions.set(nameOf(topic, partition), ours)
    }
    this.emit({ type: 'rebalance', kind: 'assigned', partitions: list })
    return (await this.settings.options.onAssigned?.(list)) ?? undefined
  }

  /** Work in flight is finished, within bounds; then it is committed; then the partitions are given up. */
  async #revoked(list: TopicPartition[]): Promise<void> {
    const deadline = performance.now() + this.settings.drainTimeout
    const ours = list.map(({ topic, partition }) => this.#partition(topic, partition))
    await this.#finishFirst(
      ours.filter((partition) => partition !== undefined),
      deadline,
    )
    const partitions = this.#closePartitions(list)
    this.emit({ type: 'rebalance', kind: 'revoked', partitions: list })
    if (!(await this.#settled(partitions, deadline - performance.now()))) {
      await this.#abandon(partitions, new KafkaError('_TIMED_OUT', 'the partition is given up: draining took too long'))
    }
    try {
      await this.settings.options.onRevoked?.(list)
    } finally {
      if (this.#store(new Set(partitions))) await this.#commitStored()
      await this.#forget(partitions)
    }
  }

  async #lost(list: TopicPartition[]): Promise<void> {
    this.joined = false
    const partitions = this.#closePartitions(list)
    this.emit({ type: 'rebalance', kind: 'lost', partitions: list })
    await this.#abandon(
      partitions,
      new KafkaError('_ASSIGNMENT_LOST', 'the partition is taken by another member already'),
    )
    const { onLost, onRevoked } = this.settings.options
    try {
      await (onLost ?? onRevoked)?.(list)
    } finally {
      await this.#forget(partitions)
    }
  }

  /**
   * What is begun on leaving beside what is at work. At most once, all that waits: it is committed already, and nobody
   * else will handle it. By key, what waits before something that is handled: it would be handled again otherwise.
   */
  async #finishFirst(list: readonly Partition[], deadline: number): Promise<void> {
    const { guarantee, orderBy } = this.settings
    let through: (partition: Partition) => boolean
    if (guarantee === 'at-most-once') {
      // What is being committed just now does not wait there yet.
      const enough = new AbortController()
      const late = delay(Math.max(0, deadline - performance.now()), undefined, { signal: enough.signal })
      await Promise.race([this.#committing, late])
      enough.abort()
      for (const batcher of this.batchers.values()) batcher.hurry()
      through = ({ queued, busy }) => queued + busy === 0
    } else if (orderBy === 'key') {
      for (const partition of list) if (!partition.route.definition.batch) this.scheduler.curtail(partition)
      // No offset passes one that waits for its next attempt, so it is no use to wait.
      through = ({ queued, busy, sleeping, route }) =>
        queued + busy === 0 || sleeping > 0 || route.definition.batch !== undefined
    } else {
      return
    }
    await this.scheduler.until(() => this.scheduler.stopped || list.every(through), deadline - performance.now())
  }

  #closePartitions(list: readonly TopicPartition[]): Partition[] {
    const partitions: Partition[] = []
    for (const { topic, partition } of list) {
      const ours = this.#partition(topic, partition)
      if (!ours) continue
      partitions.push(ours)
      for (const batcher of this.batchers.values()) batcher.drop(ours)
      this.scheduler.close(ours)
    }
    return partitions
  }

  #settled(partitions: readonly Partition[], ms: number): Promise<boolean> {
    return this.scheduler.until(() => partitions.every(({ busy }) => busy === 0), ms)
  }

  /** Tells handlers that they work for nothing, and gives those that listen the time to end. */
  async #abandon(partitions: readonly Partition[], reason: unknown): Promise<void> {
    for (const partition of partitions) if (partition.busy > 0) partition.abort(reason)
    await this.#settled(partitions, grace)
  }

  async #forget(partitions: readonly Partition[]): Promise<void> {
    this.journal.flush(partitions)
    for (const partition of partitions) {
      this.#dirty.delete(partition)
      this.partitions.delete(nameOf(partition.topic, partition.partition))
    }
    await this.flow.forget(partitions)
  }

  get assignment(): TopicPartition[] {
    return this.consumer.assignment
  }

  // --- The end

  /** What is at work is finished; nothing is begun. Meanwhile this stays a member that answers its group. */
  async #drain(): Promise<void> {
    this.draining = true
    const partitions = [...this.partitions.values()]
    const deadline = performance.now() + this.settings.drainTimeout
    await this.#finishFirst(partitions, deadline)
    this.scheduler.stop()
    for (const batcher of this.batchers.values()) batcher.stop()
    const busy = () => partitions.some((partition) => partition.busy > 0)
    if (busy()) {
      void this.flow.pauseAll()
      if (!(await this.#settled(partitions, deadline - performance.now()))) {
        await this.#abandon(partitions, new KafkaError('_TIMED_OUT', 'the processor stops: draining took too long'))
      }
    }
    this.#store()
  }

  async #close(): Promise<void> {
    try {
      await this.consumer.close()
    } catch (error) {
      this.onError(error as KafkaError)
    }
    await this.#sender.close().catch((error) => this.onError(error))
  }
}

function configOf({ config, guarantee }: ProcessorSettings): ConsumerConfig {
  return {
    'auto.offset.reset': 'earliest',
    ...config,
    'enable.auto.offset.store': false,
    'enable.auto.commit': guarantee === 'at-least-once',
  }
}
