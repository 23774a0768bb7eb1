// A service's frame: handlers for topics, middleware around them, one run until a signal says stop.
import type { Consumer, ConsumerConfig, KafkaError, Producer } from '../index.js'
import { ExactlyOnceRun } from './exactly-once.js'
import { Journal } from './journal.js'
import { Router } from './router.js'
import { ConsumerRun } from './run.js'
import { Sender } from './sender.js'
import {
  checkDeserializer,
  checkNames,
  integer,
  invalid,
  milliseconds,
  type ProcessorSettings,
  settingsOf,
} from './settings.js'
import type {
  BatchHandler,
  BatchMiddleware,
  BatchTopicOptions,
  Handler,
  Middleware,
  ProcessorCounts,
  ProcessorHealth,
  ProcessorObserver,
  ProcessorOptions,
  ProcessorState,
  TopicOptions,
} from './types.js'

const topicFields = ['value', 'key', 'use']
const batchFields = [...topicFields, 'max', 'maxBytes', 'timeout']

/**
 * Consumes topics with handlers. The first argument is a consumer's configuration (`auto.offset.reset` is `earliest`
 * without a word).
 *
 * ```ts
 * const app = new Processor({ 'bootstrap.servers': brokers, 'group.id': 'inventory' }, {
 *   concurrency: 100, orderBy: 'key', onError: (error) => { throw error },
 * })
 * app.use(retry({ attempts: 5 }))
 * app.use(deadLetter({ topic: (message) => `${message.topic}.dlq` }))
 * app.topic('orders', async (message, { signal }) => { await reserve(message.json<Order>(), signal) })
 * await app.run({ signal: shutdownSignal() })
 * ```
 *
 * Throws KafkaError `_INVALID_ARG` that names the argument for what it does not accept.
 */
export class Processor {
  readonly #settings: ProcessorSettings
  readonly #router: Router
  readonly #journal = new Journal()
  readonly #sender: Sender
  #run: ConsumerRun | ExactlyOnceRun | undefined
  #state: ProcessorState = 'new'
  #failed = false

  constructor(config: ConsumerConfig, options: ProcessorOptions) {
    this.#settings = settingsOf(config, options)
    const { key, value } = options
    const { explicit, guarantee } = this.#settings
    this.#router = new Router({ key, value, explicit, transactional: guarantee === 'exactly-once' })
    this.#sender = new Sender(config, options, (error) => this.#onError(error))
  }

  #onError(error: KafkaError): void {
    if (this.#run) this.#run.onError(error)
    else void this.#settings.options.onError(error)
  }

  /**
   * Wraps every handler. A failure meets middleware in the order in which it was used: `use(retry())`, then
   * `use(deadLetter())`, tries again before it gives up; what is used first is nearest to the handler. The built-in
   * middleware wraps batch handlers, too; a function of one's own only those of single messages (see `useBatch`).
   */
  use(middleware: Middleware): this {
    this.#assertNew('use')
    this.#router.use(middleware)
    return this
  }

  /** The same for batch handlers. */
  useBatch(middleware: BatchMiddleware): this {
    this.#assertNew('useBatch')
    this.#router.useBatch(middleware)
    return this
  }

  /** The handler of a topic, or of the topics that a pattern matches and that have no handler of their own. */
  topic<Value = unknown, Key = unknown>(topic: string | RegExp, handler: Handler<Value, Key>): this
  topic<Value = unknown, Key = unknown>(
    topic: string | RegExp,
    options: TopicOptions<Value, Key>,
    handler: Handler<Value, Key>,
  ): this
  topic(pattern: string | RegExp, first: unknown, second?: unknown): this {
    this.#assertNew('topic')
    const [options, handler] = second === undefined ? [{}, first] : [first, second]
    this.#checkOptions(options, topicFields, pattern)
    this.#router.add({
      pattern,
      handler: handler as Handler,
      batch: undefined,
      options: options as TopicOptions<unknown, unknown>,
    })
    return this
  }

  /**
   * The same for a handler that takes several messages at once: as soon as there are `max` of them, or `maxBytes`, or
   * `timeout` milliseconds after the first. Batches hold messages of all partitions of the topic; unless `orderBy` is
   * `'none'`, one batch of a topic is handled at a time.
   */
  batchTopic<Value = unknown, Key = unknown>(
    topic: string | RegExp,
    options: BatchTopicOptions<Value, Key>,
    handler: BatchHandler<Value, Key>,
  ): this {
    this.#assertNew('batchTopic')
    this.#checkOptions(options, batchFields, topic)
    const { max, maxBytes, timeout } = options
    const batch = {
      max: integer(max, 'max of batchTopic()', 1, Math.min(1000, this.#settings.maxQueued)),
      maxBytes: integer(maxBytes, 'maxBytes of batchTopic()', 1, Number.POSITIVE_INFINITY),
      timeout: milliseconds(timeout, 'timeout of batchTopic()', 0, 100),
    }
    if (batch.max > this.#settings.maxQueued) {
      throw invalid(
        `max of batchTopic() is ${batch.max}, and maxQueued ${this.#settings.maxQueued}: no batch gets full`,
      )
    }
    this.#router.add({
      pattern: topic,
      handler: handler as BatchHandler,
      batch,
      options: options as BatchTopicOptions<unknown, unknown>,
    })
    return this
  }

  #checkOptions(options: unknown, fields: readonly string[], pattern: string | RegExp): void {
    checkNames(options, fields, String(pattern))
    const { key, value } = options as TopicOptions<unknown, unknown>
    checkDeserializer(key, `key of ${String(pattern)}`)
    checkDeserializer(value, `value of ${String(pattern)}`)
  }

  #assertNew(what: string): void {
    if (this.#state !== 'new') throw invalid(`${what}() is called before run()`)
  }

  /** Tells a function what happens; returns a function that stops it. Costs nothing as long as nobody observes. */
  observe(observer: ProcessorObserver): () => void {
    return this.#journal.observe(observer)
  }

  /**
   * Runs until the signal aborts: then what is at work is finished (within `drainTimeout`), committed, and the group is
   * left. Rejects, after the same, with what a handler threw and no middleware took care of, with what `onError` threw,
   * or with a fatal error. Once.
   */
  async run({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    this.#assertNew('run')
    this.#router.check()
    const topics = this.#router.topics
    const [settings, router, journal] = [this.#settings, this.#router, this.#journal]
    this.#run =
      settings.guarantee === 'exactly-once'
        ? new ExactlyOnceRun(settings, router, topics, journal)
        : new ConsumerRun(settings, router, journal, this.#sender)
    this.#state = 'running'
    try {
      await this.#run.run(signal)
    } catch (error) {
      this.#failed = true
      throw error
    } finally {
      this.#state = 'stopped'
    }
  }

  /** The consumer, while it runs: for its statistics and positions. Undefined with `guarantee: 'exactly-once'`. */
  get consumer(): Consumer | undefined {
    return this.#run instanceof ConsumerRun ? this.#run.consumer : undefined
  }

  /** Its `group.id`. */
  get groupId(): string {
    return this.#settings.group
  }

  /** The producer of `context.send`, once there is one. */
  get producer(): Producer | undefined {
    return this.#sender.producer
  }

  /** For probes: `health().ok` for liveness, `health().ready` for readiness. Answers at once. */
  health(): ProcessorHealth {
    const run = this.#run
    const state: ProcessorState = this.#state === 'running' && run?.draining ? 'draining' : this.#state
    const fatal = run?.consumer?.fatalError !== undefined
    const { running = 0, queued = 0, queuedPaused = 0, sleeping = 0 } = run?.scheduler ?? {}
    return {
      ok: !fatal && !this.#failed,
      ready: state === 'running' && !fatal && run?.joined === true,
      state,
      assigned: run && state !== 'stopped' ? run.assignment : [],
      paused: run?.flow?.paused ?? [],
      running,
      queued: queued + queuedPaused,
      sleeping,
      lastError: this.#journal.lastError,
      lastHandled: this.#journal.lastHandled,
    }
  }

  /** What it has done since it began. */
  get counts(): ProcessorCounts {
    const { received, handled, skipped, failed, abandoned } = this.#journal
    const pipeline = this.#run instanceof ExactlyOnceRun ? this.#run.metrics : undefined
    return { received, handled, skipped, failed, abandoned, pipeline }
  }
}
