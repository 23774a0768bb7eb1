// What is wrong with the options of a pipeline: found before anything is started.
import { checkSignal } from './abort.js'
import { checkLogger, checkObject, checkOptions } from './client-check.js'
import { entries } from './config-settings.js'
import { findProperty } from './config-table.js'
import { convert, describe } from './config-values.js'
import { KafkaError } from './errors.js'
import type { ExactlyOnceOptions } from './pipeline-options.js'
import { type Matching, patternOf } from './subscription.js'

const name = 'exactlyOnce'
const functions = [
  'transform',
  'onAssigned',
  'onRevoked',
  'onLost',
  'onTransaction',
  'onError',
  'onStatistics',
  'tokenProvider',
] as const
const fields: readonly (keyof ExactlyOnceOptions)[] = [
  ...(['config', 'consumer', 'producer', 'group', 'topics', 'transactionalId', 'maxBatch', 'maxLatency'] as const),
  ...(['poison', 'attempts', 'backoff', 'signal', 'logger'] as const),
  ...functions,
]

// What setTimeout takes.
const longest = 0x7fffffff

/** @internal All but the properties' own values. */
export function checkPipeline(options: ExactlyOnceOptions): void {
  checkOptions(options, name, fields)
  const { config, consumer, producer, group, topics, transactionalId, transform, poison, signal, logger } = options
  checkObject(config, `${name}: config`)
  if (consumer !== undefined) checkObject(consumer, `${name}: consumer`)
  if (producer !== undefined) checkObject(producer, `${name}: producer`)
  if (typeof group !== 'string' || group === '') {
    throw invalid(`group is the name of the consumer group; got ${describe(group)}`)
  }
  checkTopics(topics, matchingOf(options))
  if (transactionalId !== undefined && (typeof transactionalId !== 'string' || transactionalId === '')) {
    throw invalid(`transactionalId is a string that is not empty; got ${describe(transactionalId)}`)
  }
  if (transform === undefined) throw invalid('transform is missing: a function from a batch to records')
  for (const field of functions) {
    const given: unknown = options[field]
    if (given !== undefined && typeof given !== 'function')
      throw invalid(`${field} is a function; got ${describe(given)}`)
  }
  checkPoison(poison)
  checkLogger(logger, name)
  checkSignal(signal, name)
  if (options.backoff !== undefined) checkOptions(options.backoff, `${name}: backoff`, ['initial', 'max'])
  checkOwned(options)
}

/** Who matches the patterns; whether the properties are any is checked elsewhere. */
function matchingOf({ config, consumer }: ExactlyOnceOptions): Matching {
  const protocol = consumer?.['group.protocol'] ?? config?.['group.protocol' as keyof typeof config]
  return protocol === 'consumer' ? 'consumer' : 'classic'
}

function checkTopics(topics: unknown, matching: Matching): void {
  if (topics === undefined) throw invalid('topics are missing: the names, or patterns, to read')
  const list = Array.isArray(topics) ? topics : [topics]
  if (list.length === 0) throw invalid('topics are at least one')
  for (const topic of list) patternOf(topic, matching)
}

function checkPoison(poison: unknown): void {
  if (poison === undefined || poison === 'fail') return
  if (typeof poison !== 'object') throw invalid(`poison is 'fail' or { deadLetter: topic }; got ${describe(poison)}`)
  const { deadLetter } = checkOptions(poison as { deadLetter?: unknown }, `${name}: poison`, ['deadLetter'])
  if (typeof deadLetter === 'function' || (typeof deadLetter === 'string' && deadLetter !== '')) return
  throw invalid(`poison.deadLetter is a topic or a function that makes a record; got ${describe(deadLetter)}`)
}

/** What makes it exactly once is not for the properties to change. */
function checkOwned({ config, consumer, producer, group, transactionalId }: ExactlyOnceOptions): void {
  const owned: [property: string, value: unknown, why: string][] = [
    ['group.id', group, 'say it as group'],
    ['transactional.id', transactionalId, 'say it as transactionalId'],
    ['enable.auto.commit', false, 'offsets go with the transactions'],
    ['enable.auto.offset.store', false, 'offsets go with the transactions'],
    ['isolation.level', 'read_committed', 'aborted messages are not to be read'],
  ]
  for (const layer of [config, consumer, producer]) {
    for (const [given, value] of layer ? entries('consumer', layer) : []) {
      const property = findProperty(given)
      const [key, own, why] = owned.find(([key]) => key === property?.key) ?? []
      if (!property || key === undefined || value === undefined) continue
      if (own !== undefined && convert(property, given, value) === convert(property, given, own)) continue
      throw invalid(`'${given}' is the pipeline's to set: ${why}`)
    }
  }
}

/** @internal A number of things, or of milliseconds, up to what a timer can wait for. */
export function checkCount(value: number | undefined, field: string, least: number, fallback: number): number {
  if (value === undefined) return fallback
  if (Number.isInteger(value) && value >= least && value <= longest) return value
  throw invalid(`${field} is an integer from ${least} to ${longest}; got ${describe(value)}`)
}

function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', `${name}: ${message}`)
}
