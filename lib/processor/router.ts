// Which handler a topic has, wrapped in its middleware.
import { KafkaError, type Message } from '../index.js'
import { Ack, type Task } from './task.js'
import { textOf } from './text.js'
import type {
  BatchHandler,
  BatchMiddleware,
  BatchTopicOptions,
  Handler,
  HandlerContext,
  MessageDeserializer,
  Middleware,
  MiddlewareTraits,
  ProcessorMessage,
  TopicOptions,
  UniversalMiddleware,
} from './types.js'

type AnyMiddleware = Middleware | BatchMiddleware
type Pattern = string | RegExp

/** What was said of a topic, before the middleware is known. */
export interface RouteDefinition {
  readonly pattern: Pattern
  readonly handler: Handler | BatchHandler
  readonly batch: { readonly max: number; readonly maxBytes: number; readonly timeout: number } | undefined
  readonly options: TopicOptions<unknown, unknown> | BatchTopicOptions<unknown, unknown>
}

/** A topic's handler as it is called. */
export interface Route {
  readonly definition: RouteDefinition
  handle(message: ProcessorMessage, context: HandlerContext): unknown
  handleBatch(messages: readonly ProcessorMessage[], context: HandlerContext): unknown
  /** The topic that a retry topic stands for; the topic itself otherwise. */
  topicOf(topic: string): string
}

export interface RouterDefaults {
  readonly key: MessageDeserializer<unknown> | undefined
  readonly value: MessageDeserializer<unknown> | undefined
  readonly explicit: boolean
  /** What is handled together is one transaction. */
  readonly transactional: boolean
}

export class Router {
  readonly #definitions: RouteDefinition[] = []
  readonly #middleware: Middleware[] = []
  readonly #batchMiddleware: BatchMiddleware[] = []
  readonly #defaults: RouterDefaults
  readonly #routes = new Map<RouteDefinition, Route>()
  /** Retry topic to the topic it stands for. */
  readonly #aliases = new Map<string, string>()

  constructor(defaults: RouterDefaults) {
    this.#defaults = defaults
  }

  use(middleware: Middleware): void {
    checkFunction(middleware, 'use() takes a middleware: a function from a handler to a handler')
    this.#middleware.push(middleware)
    if (traitsOf(middleware)) this.#batchMiddleware.push(middleware as unknown as BatchMiddleware)
  }

  useBatch(middleware: BatchMiddleware): void {
    checkFunction(middleware, 'useBatch() takes a middleware: a function from a batch handler to a batch handler')
    this.#batchMiddleware.push(middleware)
  }

  add(definition: RouteDefinition): void {
    const { pattern, handler, options } = definition
    if (!(pattern instanceof RegExp) && (typeof pattern !== 'string' || pattern === '')) {
      throw invalid(`a topic is a name or a RegExp; got ${pattern === '' ? "''" : typeof pattern}`)
    }
    checkFunction(handler, `the handler of ${String(pattern)} is a function`)
    for (const middleware of options.use ?? []) {
      checkFunction(middleware, `the middleware of ${String(pattern)} are functions from a handler to a handler`)
    }
    if (this.#definitions.some((other) => String(other.pattern) === String(pattern))) {
      throw invalid(`topic ${String(pattern)} has a handler already`)
    }
    this.#definitions.push(definition)
  }

  /** What to subscribe to. */
  get topics(): Pattern[] {
    if (this.#definitions.length === 0) throw invalid('there is no handler: call topic() or batchTopic() before run()')
    for (const definition of this.#definitions) {
      for (const traits of this.#middlewareOf(definition).map(traitsOf)) this.#addAliases(definition, traits)
    }
    return [...this.#definitions.map(({ pattern }) => pattern), ...this.#aliases.keys()]
  }

  #addAliases({ pattern }: RouteDefinition, traits: MiddlewareTraits | undefined): void {
    if (!traits?.aliases) return
    if (this.#defaults.transactional) {
      throw invalid(`${traits.name}() is not for guarantee: 'exactly-once': its transaction would wait for the delay`)
    }
    if (pattern instanceof RegExp) {
      throw invalid(`${traits.name}() needs the name of each topic, and cannot be used with ${String(pattern)}`)
    }
    for (const alias of traits.aliases(pattern)) this.#aliases.set(alias, pattern)
  }

  #middlewareOf(definition: RouteDefinition): readonly AnyMiddleware[] {
    const general = definition.batch ? this.#batchMiddleware : this.#middleware
    return [...(definition.options.use ?? []), ...general]
  }

  /** Throws what cannot work before anything runs. */
  check(): void {
    for (const definition of this.#definitions) this.#routeOf(definition)
  }

  /** The route of a topic that was received; undefined for one that nobody handles. */
  route(topic: string): Route | undefined {
    const name = this.#aliases.get(topic) ?? topic
    const exact = this.#definitions.find(({ pattern }) => pattern === name)
    const definition =
      exact ?? this.#definitions.find(({ pattern }) => pattern instanceof RegExp && matches(pattern, name))
    return definition && this.#routeOf(definition)
  }

  #routeOf(definition: RouteDefinition): Route {
    let route = this.#routes.get(definition)
    if (!route) {
      route = this.#build(definition)
      this.#routes.set(definition, route)
    }
    return route
  }

  #build(definition: RouteDefinition): Route {
    const middleware = this.#middlewareOf(definition)
    checkOrder(middleware, definition.pattern)
    const { options } = definition
    const decode = decoderOf(options.key ?? this.#defaults.key, options.value ?? this.#defaults.value)
    // The first used is the nearest to the handler: a failure meets them in the order in which they were used.
    const wrap = <H>(handler: H): H =>
      middleware.reduce<H>((next, wrapper) => (wrapper as unknown as (next: H) => H)(next), handler)
    const plain = middleware.length === 0 && !decode && !this.#defaults.explicit
    const topicOf = (topic: string) => this.#aliases.get(topic) ?? topic
    const unused = () => {
      throw new KafkaError('_STATE', 'not how this topic is handled')
    }
    if (definition.batch) {
      const inner = definition.handler as BatchHandler
      const handleBatch = wrap<BatchHandler>((batch, context) =>
        handleBatchInnermost(inner, batch, context, decode, this.#defaults.explicit),
      )
      return { definition, handle: unused, handleBatch, topicOf }
    }
    const inner = definition.handler as Handler
    const handle = plain
      ? inner
      : wrap<Handler>((message, context) => handleInnermost(inner, message, context, decode, this.#defaults.explicit))
    return { definition, handle, handleBatch: unused, topicOf }
  }
}

/** Turns what the handler said through `message.ack` into what middleware understands: returning and throwing. */
async function handleInnermost(
  handler: Handler,
  message: ProcessorMessage,
  context: HandlerContext,
  decode: Decode | undefined,
  explicit: boolean,
): Promise<void> {
  const task = message.ack as Task
  const call = task.call()
  if (decode) await decode(message)
  await handler(message, context)
  if (explicit) await acknowledged([task], context.signal)
  if (task.acked === Ack.fail && !task.isStale(call)) {
    task.forgetWord()
    throw task.error
  }
}

async function handleBatchInnermost(
  handler: BatchHandler,
  batch: readonly ProcessorMessage[],
  context: HandlerContext,
  decode: Decode | undefined,
  explicit: boolean,
): Promise<void> {
  const tasks = batch.map(({ ack }) => ack as Task)
  const calls = tasks.map((task) => task.call())
  let good = batch
  if (decode) {
    const kept: ProcessorMessage[] = []
    for (const message of batch) {
      try {
        await decode(message)
        kept.push(message)
      } catch (error) {
        // One that does not decode does not keep the others from the handler.
        message.ack.fail(error)
      }
    }
    good = kept
  }
  if (good.length > 0) await handler(good, context)
  if (explicit) await acknowledged(tasks, context.signal)
  const failed = tasks.filter((task, i) => task.acked === Ack.fail && !task.isStale(calls[i]))
  if (failed.length === 0) return
  const failures = failed.map((task) => ({ message: task.message as ProcessorMessage, error: task.error }))
  // From here on it is the middleware's: what that takes care of is handled.
  for (const task of failed) task.forgetWord()
  throw new BatchFailure(failures)
}

/** Some messages of a batch failed, and the handler said which; the others are handled. */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure'
  readonly failures: readonly { readonly message: ProcessorMessage; readonly error: unknown }[]

  constructor(failures: readonly { readonly message: ProcessorMessage; readonly error: unknown }[]) {
    const [{ error }] = failures
    const count = `${failures.length} message${failures.length === 1 ? '' : 's'}`
    super(`${count} of a batch failed; the first: ${error instanceof Error ? error.message : textOf(error)}`, {
      cause: error,
    })
    this.failures = failures
  }
}

function acknowledged(tasks: readonly Task[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = tasks.filter((task) => task.acked === Ack.none).length
    const abort = () => reject(signal.reason)
    const one = () => {
      if (--open > 0) return
      signal.removeEventListener('abort', abort)
      resolve()
    }
    if (open === 0) return resolve()
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    for (const task of tasks) if (task.acked === Ack.none) task.settled = one
  })
}

type Decode = (message: ProcessorMessage) => Promise<void> | void

function decoderOf(
  key: MessageDeserializer<unknown> | undefined,
  value: MessageDeserializer<unknown> | undefined,
): Decode | undefined {
  if (!key && !value) return undefined
  return async (message) => {
    const fields = message as { -readonly [Name in 'decoded' | 'decodedKey']: unknown } & Message
    const { topic } = message
    if (key) fields.decodedKey = await key.deserialize(message.key, { topic, part: 'key', message })
    if (value) fields.decoded = await value.deserialize(message.value, { topic, part: 'value', message })
  }
}

function traitsOf(middleware: AnyMiddleware): MiddlewareTraits | undefined {
  return (middleware as unknown as Partial<UniversalMiddleware>).universal
}

/** A middleware that waits for failures must stand before the one that takes care of them. */
function checkOrder(middleware: readonly AnyMiddleware[], pattern: Pattern): void {
  let caught: string | undefined
  for (const traits of middleware.map(traitsOf)) {
    if (traits?.needsFailures && caught) {
      throw invalid(
        `${traits.name}() is used after ${caught}(), which takes care of every failure: it would never see one of ` +
          `${String(pattern)}. Use it before`,
      )
    }
    if (traits?.catches) caught = traits.name
  }
}

/** As the subscription takes it: a pattern matches anywhere, unless it says otherwise. */
function matches(pattern: RegExp, topic: string): boolean {
  return new RegExp(pattern.source).test(topic)
}

function checkFunction(value: unknown, message: string): void {
  if (typeof value !== 'function') throw invalid(`${message}; got ${value === null ? 'null' : typeof value}`)
}

function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}
