// The configuration of a client: librdkafka's properties, checked before librdkafka sees them.
import {
  type AdminConfig,
  type ConsumerConfig,
  defaultOverrides,
  forcedValues,
  type ProducerConfig,
  packageVersion,
  type ShareConsumerConfig,
  type TopicConfig,
} from './config.generated.js'
import { withNodeCertificates } from './config-ca.js'
import { entries, readSettings, readTopicSettings, type Settings, withForcedValues } from './config-settings.js'
import { type ClientKind, findProperty } from './config-table.js'
import { type ConfigContext, fetchMaxBytes, isIdempotent, messageTimeout, validateTogether } from './config-together.js'

export type { AdminConfig, ClientKind, ConfigContext, ConsumerConfig, ProducerConfig, ShareConsumerConfig, TopicConfig }
export { defaultOverrides, forcedValues, packageVersion }

/** The configuration type of each kind of client. */
export interface ConfigOf {
  producer: ProducerConfig
  consumer: ConsumerConfig
  share: ShareConsumerConfig
  admin: AdminConfig
}

/**
 * Checks a configuration and returns what to give to rd_kafka_conf_set, in this order.
 *
 * Throws a KafkaError `_INVALID_ARG` that names the property, says what is accepted and never shows a secret.
 */
export function prepareConfig(
  kind: ClientKind,
  config: object,
  context: ConfigContext = {},
): Array<[name: string, value: string]> {
  return withNodeCertificates(check(kind, config, context).pairs())
}

/** Checks the configuration of one topic and returns what to give to rd_kafka_topic_conf_set. */
export function prepareTopicConfig(
  kind: 'producer' | 'consumer',
  config: object,
): Array<[name: string, value: string]> {
  return readTopicSettings(kind, config)
}

function check(kind: ClientKind, config: object, context: ConfigContext): Settings {
  const settings = readSettings(kind, config)
  validateTogether(settings, context)
  return withForcedValues(settings)
}

const commonNames = [
  'client.id',
  'bootstrap.servers',
  'socket.timeout.ms',
  'message.max.bytes',
  'statistics.interval.ms',
] as const
const groupNames = ['group.id', 'max.poll.interval.ms', 'fetch.wait.max.ms', 'fetch.max.bytes'] as const

const effectiveNames = {
  producer: [
    ...commonNames,
    ...(['queue.buffering.max.messages', 'queue.buffering.max.kbytes', 'linger.ms', 'message.timeout.ms'] as const),
    ...(['transactional.id', 'transaction.timeout.ms', 'enable.idempotence', 'acks', 'partitioner'] as const),
    ...(['max.in.flight', 'retry.backoff.ms', 'allow.auto.create.topics'] as const),
    'topic.metadata.refresh.interval.ms' as const,
  ],
  consumer: [
    ...commonNames,
    ...groupNames,
    ...(['group.instance.id', 'group.protocol', 'partition.assignment.strategy', 'session.timeout.ms'] as const),
    ...(['enable.auto.commit', 'auto.commit.interval.ms', 'enable.auto.offset.store', 'auto.offset.reset'] as const),
    ...(['enable.partition.eof', 'isolation.level', 'queued.min.messages', 'queued.max.messages.kbytes'] as const),
  ],
  share: [...commonNames, ...groupNames, ...(['share.acknowledgement.mode', 'max.poll.records'] as const)],
  admin: commonNames,
} as const

type Value<T> = true extends T ? boolean : number extends T ? number : string | null

/** The values that hold in the end for one kind of client, by librdkafka's names. */
export type Effective<K extends ClientKind> = {
  readonly [Name in (typeof effectiveNames)[K][number]]: Name extends keyof ConfigOf[K]
    ? Value<NonNullable<ConfigOf[K][Name]>>
    : never
}

/**
 * The values that will hold for a client, this library's and librdkafka's defaults included, as far as lib/ needs them.
 * `enable.auto.offset.store` is the user's wish: librdkafka itself is always told false.
 */
export function effective<K extends ClientKind>(kind: K, config: object): Effective<K> {
  const settings = readSettings(kind, config)
  const values: Record<string, unknown> = {}
  for (const name of effectiveNames[kind]) values[name] = typed(settings, name)
  return { ...values, ...adjusted(settings) } as Effective<K>
}

function typed(settings: Settings, name: string): string | number | boolean | null {
  const text = settings.text(name)
  switch (findProperty(name)?.type) {
    case 'int':
    case 'float':
      return Number(text)
    case 'bool':
      return text === 'true'
    default:
      return text === '' ? null : text
  }
}

/** What rd_kafka_conf_finalize adjusts when the user did not set it. */
function adjusted(s: Settings): Record<string, number | boolean> {
  if (s.kind === 'consumer') return { 'fetch.max.bytes': fetchMaxBytes(s) }
  if (s.kind !== 'producer') return {}
  const timeout = messageTimeout(s)
  const values: Record<string, number | boolean> = { 'message.timeout.ms': timeout }
  values['enable.idempotence'] = isIdempotent(s)
  if (isIdempotent(s)) values['max.in.flight'] = Math.min(s.number('max.in.flight'), 5)
  if (s.given('linger.ms') === undefined && timeout !== 0)
    values['linger.ms'] = Math.min(s.number('linger.ms'), timeout - 0.1)
  if (s.given('allow.auto.create.topics') === undefined) values['allow.auto.create.topics'] = true
  if (s.given('transactional.id') !== undefined && s.given('socket.timeout.ms') === undefined) {
    values['socket.timeout.ms'] = Math.max(s.number('transaction.timeout.ms') - 100, 900)
  }
  return values
}

const redacted = '[redacted]'
/** A copy of a configuration that can be printed: secrets are replaced, and so are the values of unknown names. */
export function redactConfig(config: object): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of entries('producer', config)) {
    const property = findProperty(name)
    // A misspelt 'sasl.pasword' is no known secret, but a secret.
    const secret = property?.sensitive ?? true
    copy[name] = secret && value != null ? redacted : printable(value)
  }
  return copy
}

function printable(value: unknown): unknown {
  // A certificate may come with its key, and a URL with a password before the host.
  if (typeof value === 'string' && value.includes('PRIVATE KEY-----')) return redacted
  if (typeof value === 'string') return value.replace(/\/\/[^/@\s]*@/g, `//${redacted}@`)
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value === 'function') return '[function]'
  return typeof value === 'object' && value !== null ? '[object]' : value
}
