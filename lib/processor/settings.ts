// What a program says of a processor, checked, with every default.
import { type ConsumerConfig, KafkaError, Producer, type ProducerConfig } from '../index.js'
import type { Guarantee, MessageDeserializer, OrderBy, ProcessorOptions } from './types.js'

export interface ProcessorSettings {
  readonly config: ConsumerConfig
  readonly options: ProcessorOptions
  readonly group: string
  readonly concurrency: number
  readonly orderBy: OrderBy
  readonly guarantee: Guarantee
  readonly explicit: boolean
  readonly maxQueued: number
  readonly maxAhead: number
  readonly drainTimeout: number
}

const orders: readonly OrderBy[] = ['partition', 'key', 'none']
const guarantees: readonly Guarantee[] = ['at-least-once', 'at-most-once', 'exactly-once']
const names: readonly (keyof ProcessorOptions)[] = [
  'onError',
  'concurrency',
  'orderBy',
  'guarantee',
  'acknowledge',
  'key',
  'value',
  'maxQueued',
  'maxAhead',
  'drainTimeout',
  'producer',
  'exactlyOnce',
  'logger',
  'onStatistics',
  'onThrottle',
  'tokenProvider',
  'onAssigned',
  'onRevoked',
  'onLost',
]
const owned = ['enable.auto.commit', 'enable.auto.offset.store'] as const

export function settingsOf(config: ConsumerConfig, options: ProcessorOptions): ProcessorSettings {
  if (typeof config !== 'object' || config === null) throw invalid('the first argument is an object of properties')
  if (typeof options !== 'object' || options === null || typeof options.onError !== 'function') {
    throw invalid(
      'onError is mandatory: a function for errors of brokers and of the library; throwing in it stops run()',
    )
  }
  checkNames(options, names, 'a processor')
  const group = config['group.id']
  if (typeof group !== 'string' || group === '') throw invalid("'group.id' is the name of the consumer group")
  for (const name of owned) {
    if (config[name] !== undefined) throw invalid(`'${name}' is the processor's to set: it stores what was handled`)
  }
  const concurrency = finite(options.concurrency, 'concurrency', 1)
  const guarantee = oneOf(options.guarantee, 'guarantee', guarantees, 'at-least-once')
  checkProducer(options, guarantee)
  for (const name of ['key', 'value'] as const) checkDeserializer(options[name], name)
  return {
    config,
    options,
    group,
    concurrency,
    guarantee,
    orderBy: oneOf(options.orderBy, 'orderBy', orders, 'partition'),
    explicit: oneOf(options.acknowledge, 'acknowledge', ['return', 'explicit'] as const, 'return') === 'explicit',
    maxQueued: finite(options.maxQueued, 'maxQueued', defaultQueued(guarantee, concurrency)),
    maxAhead: integer(options.maxAhead, 'maxAhead', 1, 10_000),
    drainTimeout: milliseconds(options.drainTimeout, 'drainTimeout', 0, 30_000),
  }
}

/** At most once, what waits is committed already: a crash loses it. */
function defaultQueued(guarantee: Guarantee, concurrency: number): number {
  return guarantee === 'at-most-once' ? Math.max(100, 2 * concurrency) : Math.max(2000, 4 * concurrency)
}

function checkProducer({ producer, exactlyOnce, onThrottle }: ProcessorOptions, guarantee: Guarantee): void {
  if (producer !== undefined && (typeof producer !== 'object' || producer === null)) {
    throw invalid("producer is a Producer, or an object of a producer's properties")
  }
  if (guarantee !== 'exactly-once') {
    if (exactlyOnce !== undefined) throw invalid("exactlyOnce is for guarantee: 'exactly-once'")
    return
  }
  checkNames(exactlyOnce, ['transactionalId', 'maxBatch', 'maxLatency', 'attempts', 'backoff'], 'exactlyOnce')
  if (onThrottle !== undefined) {
    throw invalid("onThrottle is not told with guarantee: 'exactly-once': its consumer and producer are the pipeline's")
  }
  if (producer instanceof Producer) {
    throw invalid("with guarantee: 'exactly-once' the producer is the pipeline's: pass its properties, not a Producer")
  }
}

export function checkDeserializer(value: unknown, name: string): void {
  if (value === undefined || typeof (value as MessageDeserializer<unknown>)?.deserialize === 'function') return
  throw invalid(`${name} is a deserializer, an object with deserialize(bytes, where): see odradek/serde`)
}

/** A number of milliseconds or of things; the fallback when it is not given. */
export function integer(value: number | undefined, name: string, least: number, fallback: number): number {
  if (value === undefined) return fallback
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= least)) return value
  throw invalid(`${name} is an integer from ${least}; got ${String(value)}`)
}

/** How many of what takes memory. */
function finite(value: number | undefined, name: string, fallback: number): number {
  if (value === Number.POSITIVE_INFINITY) throw invalid(`${name} is an integer from 1; got ${value}`)
  return integer(value, name, 1, fallback)
}

// What Node's timers can wait for; more of it is a millisecond to them.
const longest = 0x7fffffff

/** Milliseconds of a timer. */
export function milliseconds(value: number | undefined, name: string, least: number, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= least && value <= longest) return value
  throw invalid(`${name} is an integer from ${least} to ${longest}, in milliseconds; got ${String(value)}`)
}

/** Refuses options that do not exist: a slip of the pen would be no option at all. */
export function checkNames(options: unknown, names: readonly string[], what: string): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) {
    throw invalid(`the options of ${what} are an object; got ${options === null ? 'null' : typeof options}`)
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) throw invalid(`unknown option '${name}' of ${what}; there are ${names.join(', ')}`)
  }
}

export function oneOf<T extends string>(value: T | undefined, name: string, all: readonly T[], fallback: T): T {
  if (value === undefined) return fallback
  if (all.includes(value)) return value
  throw invalid(`${name} is one of ${all.map((one) => `'${one}'`).join(', ')}; got '${String(value)}'`)
}

export function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}

// Of what is said of the consumer, what is true of every client of the same cluster.
const common =
  /^(bootstrap\.servers|metadata\.broker\.list|client\.id|client\.rack|client\.dns\.lookup|security\.|sasl\.|ssl\.|https\.|enable\.ssl|enable\.sasl|socket\.|broker\.|reconnect\.|connections\.|retry\.backoff|metadata\.|topic\.metadata\.|allow\.auto|debug$|log[._]|api\.version|receive\.message|message\.max\.bytes)/

/** Properties for a producer beside this consumer. */
export function producerConfigOf(config: ConsumerConfig, more: ProducerConfig = {}): ProducerConfig {
  const entries = Object.entries(config).filter(([name]) => common.test(name))
  return { ...(Object.fromEntries(entries) as ProducerConfig), ...more }
}
