// Compiled, never run: what the configuration types accept and what they refuse.

import type { ConsumerTopicConfig, DebugContext, ProducerTopicConfig } from '../../lib/config.generated.js'
import type {
  AdminConfig,
  ConsumerConfig,
  Effective,
  ProducerConfig,
  ShareConsumerConfig,
  TopicConfig,
} from '../../lib/config.js'
import type { ErrorCode, KafkaError } from '../../lib/errors.js'
import type { Statistics } from '../../lib/statistics.generated.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}
declare const pem: Buffer
declare const roots: readonly string[]

export const producers: ProducerConfig[] = [
  { 'bootstrap.servers': 'localhost:9092', acks: 'all', 'linger.ms': 0.5, 'enable.idempotence': true },
  { 'bootstrap.servers': ['a:9092', 'b:9092'], acks: 1, 'compression.type': 'zstd', partitioner: 'murmur2_random' },
  { 'enable.idempotence': 'false', 'transactional.id': undefined, 'client.id': null, log_level: 7 },
  { debug: 'all' },
  { debug: ['broker', 'topic'] },
  { debug: 'broker,topic,-msg' },
  { 'security.protocol': 'sasl_ssl', 'sasl.mechanisms': 'OAUTHBEARER', 'sasl.oauthbearer.method': 'oidc' },
  { 'sasl.mechanism': 'SCRAM-SHA-1' },
  { 'ssl.ca.pem': roots, 'ssl.certificate.pem': pem, 'ssl.key.pem': 'text' },
  { 'topic.compression.type': 'inherit', 'topic.acks': -1, 'topic.blacklist': ['^private'] },
  { 'client.software.name': 'mine', 'test.mock.num.brokers': 3, 'log.queue': true },
]

export const wrongProducers: ProducerConfig[] = [
  // @ts-expect-error: misspelt
  { 'bootstrap.server': 'localhost:9092' },
  // @ts-expect-error: another client's
  { 'group.id': 'g' },
  // @ts-expect-error: of the topic scope only
  { 'compression.type': 'inherit' },
  // @ts-expect-error: no such value
  { 'compression.type': 'zip' },
  // @ts-expect-error: no such value
  { partitioner: 'roundrobin' },
  // @ts-expect-error: no such name
  { acks: 'any' },
  // @ts-expect-error: librdkafka would read 10
  { retries: '10s' },
  // @ts-expect-error: a number is no boolean
  { 'enable.idempotence': 1 },
  // @ts-expect-error: a number is no string
  { 'client.id': 42 },
  // @ts-expect-error: only strings can be null
  { retries: null },
  // @ts-expect-error: no such context
  { debug: ['brokers'] },
  // @ts-expect-error: an option of the client, not a property
  { dr_cb: () => {} },
  // @ts-expect-error: one certificate
  { 'ssl.certificate.pem': [pem] },
  // @ts-expect-error: always true
  { 'log.queue': false },
  // @ts-expect-error: always false
  { 'delivery.report.only.error': true },
  // @ts-expect-error: a C pointer
  { ut_handle_ProduceResponse: 'x' },
  // @ts-expect-error: prefixed names are the topic's
  { 'topic.linger.ms': 5 },
]

export const consumers: ConsumerConfig[] = [
  { 'group.id': 'g', 'auto.offset.reset': 'earliest', 'enable.auto.offset.store': false },
  { 'partition.assignment.strategy': 'cooperative-sticky' },
  { 'partition.assignment.strategy': ['range', 'roundrobin'] },
  { 'partition.assignment.strategy': 'range,roundrobin' },
  { 'group.protocol': 'consumer', 'group.remote.assignor': 'uniform' },
  { 'isolation.level': 'read_committed', 'topic.auto.offset.reset': 'end' },
]

export const wrongConsumers: ConsumerConfig[] = [
  // @ts-expect-error: a producer's
  { acks: 'all' },
  // @ts-expect-error: no such value
  { 'auto.offset.reset': 'first' },
  // @ts-expect-error: a share consumer's
  { 'max.poll.records': 100 },
  // @ts-expect-error: a share consumer's
  { 'share.acknowledgement.mode': 'explicit' },
  // @ts-expect-error: no such strategy
  { 'partition.assignment.strategy': ['sticky'] },
  // @ts-expect-error: an option of the client, not a property
  { rebalance_cb: () => {} },
]

export const shares: ShareConsumerConfig[] = [
  { 'group.id': 'g', 'max.poll.records': 100, 'share.acknowledgement.mode': 'explicit', 'fetch.min.bytes': 0 },
]

export const wrongShares: ShareConsumerConfig[] = [
  // @ts-expect-error: the broker decides
  { 'group.protocol': 'consumer' },
  // @ts-expect-error: share groups have no offsets to commit
  { 'enable.auto.commit': false },
  // @ts-expect-error: share groups have no offsets to reset
  { 'auto.offset.reset': 'earliest' },
  // @ts-expect-error: the broker decides
  { 'isolation.level': 'read_committed' },
]

export const admins: AdminConfig[] = [{ 'bootstrap.servers': 'a', 'socket.timeout.ms': 5000, 'client.id': 'tool' }]

export const wrongAdmins: AdminConfig[] = [
  // @ts-expect-error: a consumer's
  { 'group.id': 'g' },
  // @ts-expect-error: a producer's
  { 'linger.ms': 5 },
]

export const topics: TopicConfig[] = [{ 'compression.type': 'inherit', acks: 0, 'auto.offset.reset': 'latest' }]
export const wrongTopics: [ProducerTopicConfig, ConsumerTopicConfig] = [
  // @ts-expect-error: a consumer's
  { 'auto.offset.reset': 'latest' },
  // @ts-expect-error: a producer's
  { acks: 0 },
]

// What lib/ reads back is typed by the property.
same<Equal<Effective<'producer'>['queue.buffering.max.messages'], number>>()
same<Equal<Effective<'producer'>['acks'], number>>()
same<Equal<Effective<'producer'>['transactional.id'], string | null>>()
same<Equal<Effective<'consumer'>['enable.auto.commit'], boolean>>()
same<Equal<Effective<'share'>['max.poll.records'], number>>()
// @ts-expect-error: not a producer's
export type Missing = Effective<'producer'>['group.id']

export const context: DebugContext = 'eos'
export const code: ErrorCode = '_QUEUE_FULL'
// @ts-expect-error: librdkafka's names have the underscore
export const wrongCode: ErrorCode = 'QUEUE_FULL'

export function readError(error: unknown): string | undefined {
  const known = error as KafkaError
  // @ts-expect-error: errors do not change
  known.code = '_FAIL'
  // @ts-expect-error: no such code
  if (known.code === 'NO_SUCH') return undefined
  return known.origin
}

export function readStatistics(s: Statistics): number {
  same<Equal<typeof s.cgrp, import('../../lib/statistics.generated.js').GroupStatistics | undefined>>()
  const partition = s.topics.orders.partitions['0']
  // @ts-expect-error: no such field
  s.brokers.b.latency
  return partition.consumer_lag + s.brokers.b.rtt.p99 + s.brokers.b.req.Fetch + (s.cgrp?.rebalance_cnt ?? 0)
}
