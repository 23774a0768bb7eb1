// Admin operations on topics and their records.

import { type AclOperation, operationNames } from './admin-acls.js'
import {
  checkConfig,
  checkFields,
  checkInteger,
  checkList,
  checkText,
  checkTexts,
  given,
  invalid,
} from './admin-check.js'
import {
  type AdminOperationOptions,
  type AdminOptions,
  type Ask,
  type AuthorizedOperationsOptions,
  checkOptions,
  errorOfSome,
  inOrder,
  operationSettings,
  sleep,
  type ValidateOptions,
  withErrors,
  within,
} from './admin-request.js'
import type { OperationOptions } from './client.js'
import { KafkaError } from './errors.js'
import {
  checkOffsets,
  checkPartitions,
  Offset,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'

/** A broker. */
export interface Node {
  id: number
  host: string
  port: number
  rack: string | null
}

export interface NewTopic {
  topic: string
  /** The brokers' default (`num.partitions`) without it. */
  numPartitions?: number
  /** The brokers' default (`default.replication.factor`) without it. */
  replicationFactor?: number
  /** Instead of both: for each partition the ids of its brokers, the preferred leader first. */
  replicaAssignment?: readonly (readonly number[])[]
  /** The topic's configuration, by Kafka's names. */
  config?: Readonly<Record<string, string | number | boolean>>
}

export interface NewPartitions {
  topic: string
  /** How many the topic is to have in the end. */
  totalCount: number
  /** For each new partition the ids of its brokers. */
  replicaAssignment?: readonly (readonly number[])[]
}

/** What became of one topic. */
export interface TopicResult {
  topic: string
  error?: KafkaError
}

export interface TopicDescription extends TopicResult {
  /** Kafka's id of the topic, in base64. */
  topicId: string
  isInternal: boolean
  partitions: PartitionDescription[]
  /** Null when it was not asked for. */
  authorizedOperations: AclOperation[] | null
}

export interface PartitionDescription {
  partition: number
  /** Null when there is none at the moment. */
  leader: Node | null
  replicas: Node[]
  isr: Node[]
}

/** Which offset of a partition: its first, the one after its last, that of the greatest timestamp, or of a time. */
export type OffsetSpec = 'earliest' | 'latest' | 'maxTimestamp' | Date | { timestamp: number }

export interface ListOffsetsOptions extends Omit<AdminOperationOptions, 'broker'> {
  /** `read_committed`: `latest` is the last stable offset. */
  isolationLevel?: 'read_uncommitted' | 'read_committed'
}

export interface ListOffsetsResult extends TopicPartition {
  /** -1 when no message has that time or a later one. */
  offset: number
  /** Of the message, for a time; -1 else. */
  timestamp: number
  leaderEpoch: number | null
  error?: KafkaError
}

export function createTopics(
  ask: Ask,
  topics: readonly NewTopic[],
  options: AdminOperationOptions & ValidateOptions,
): Promise<TopicResult[]> {
  const what = 'createTopics'
  checkOptions(options, what, ['broker', 'operationTimeout', 'validateOnly'])
  return topicResults(ask, what, checkNewTopics(topics, what), options)
}

/** @internal Topics to create, as they cross. */
export function checkNewTopics(topics: readonly NewTopic[], what: string): object[] {
  return checkList(topics, what).map((item) => newTopic(item, what))
}

const newTopicFields = ['topic', 'numPartitions', 'replicationFactor', 'replicaAssignment', 'config']

function newTopic(given: NewTopic, operation: string): object {
  const { topic, numPartitions, replicationFactor, replicaAssignment, config } = checkFields(
    given,
    operation,
    newTopicFields,
  )
  const what = `${operation}: ${checkText(topic, `${operation}: topic`)}`
  const pairs = checkConfig(config, `${what}: config`)
  if (replicaAssignment === undefined) {
    return {
      topic,
      numPartitions:
        numPartitions === undefined ? -1 : checkInteger(numPartitions, `${what}: numPartitions`, 1, 100_000),
      replicationFactor:
        replicationFactor === undefined ? -1 : checkInteger(replicationFactor, `${what}: replicationFactor`, 1, 0x7fff),
      config: pairs,
    }
  }
  const assignment = checkAssignment(replicaAssignment, what)
  if (replicationFactor !== undefined || (numPartitions !== undefined && numPartitions !== assignment.length)) {
    throw invalid(`${what}: replicaAssignment says how many partitions and replicas there are; leave the other two out`)
  }
  return {
    topic,
    numPartitions: assignment.length,
    replicationFactor: -1,
    replicaAssignment: assignment,
    config: pairs,
  }
}

function checkAssignment(assignment: readonly (readonly number[])[], what: string): number[][] {
  const partitions = checkList(assignment, `${what}: replicaAssignment`).map((brokers, i) =>
    checkList(brokers, `${what}: replicaAssignment[${i}]`).map((id) =>
      checkInteger(id, `${what}: replicaAssignment[${i}]: a broker`, 0),
    ),
  )
  if (partitions.length > 0 && partitions.every((brokers) => brokers.length > 0)) return partitions
  throw invalid(`${what}: replicaAssignment has one or more brokers for each of one or more partitions`)
}

async function topicResults(
  ask: Ask,
  operation: string,
  list: readonly unknown[],
  options: AdminOperationOptions & ValidateOptions,
): Promise<TopicResult[]> {
  const settings = operationSettings(operation, options, options.validateOnly)
  if (list.length === 0) return []
  return withErrors(await ask<TopicResult[]>(operation, list, options, settings))
}

export function deleteTopics(
  ask: Ask,
  topics: readonly string[],
  options: AdminOperationOptions,
): Promise<TopicResult[]> {
  const what = 'deleteTopics'
  checkOptions(options, what, ['broker', 'operationTimeout'])
  return topicResults(ask, what, checkTexts(topics, what, 'a topic'), options)
}

const newPartitionsFields = ['topic', 'totalCount', 'replicaAssignment']

export function createPartitions(
  ask: Ask,
  partitions: readonly NewPartitions[],
  options: AdminOperationOptions & ValidateOptions,
): Promise<TopicResult[]> {
  const operation = 'createPartitions'
  checkOptions(options, operation, ['broker', 'operationTimeout', 'validateOnly'])
  const list = checkList(partitions, operation).map((item) => {
    const { topic, totalCount, replicaAssignment } = checkFields(item, operation, newPartitionsFields)
    const what = `${operation}: ${checkText(topic, `${operation}: topic`)}`
    const count = checkInteger(totalCount, `${what}: totalCount`, 1, 100_000)
    if (replicaAssignment === undefined) return { topic, totalCount: count }
    return { topic, totalCount: count, replicaAssignment: checkAssignment(replicaAssignment, what) }
  })
  return topicResults(ask, operation, list, options)
}

export async function describeTopics(
  ask: Ask,
  topics: readonly string[] | ((left: OperationOptions) => Promise<string[]>),
  options: AuthorizedOperationsOptions,
): Promise<TopicDescription[]> {
  const what = 'describeTopics'
  const left = within(checkOptions(options, what, ['broker', 'includeAuthorizedOperations']), what)
  const { timeout, signal } = left()
  const names = typeof topics === 'function' ? await topics({ timeout, signal }) : checkTexts(topics, what, 'a topic')
  if (names.length === 0) return []
  const settings = options.includeAuthorizedOperations ? { authorizedOperations: true } : {}
  const list = withErrors(await ask<TopicDescription[]>(what, names, left(), settings))
  for (const item of list) item.authorizedOperations = operationNames(item.authorizedOperations)
  return inOrder(list, names, ({ topic }) => topic)
}

export async function deleteRecords(
  ask: Ask,
  offsets: readonly TopicPartitionOffset[],
  options: Omit<AdminOperationOptions, 'broker'>,
): Promise<TopicPartitionResult[]> {
  const what = 'deleteRecords'
  checkOptions(options, what, ['operationTimeout'])
  const list = checkOffsets(offsets, what)
  for (const { topic, partition, offset } of offsets) {
    if (offset < -1) {
      throw invalid(`${what}: the offset of ${topic} [${partition}] is one from 0 or Offset.end; got ${offset}`)
    }
  }
  if (list.length === 0) return []
  return untilLed<TopicPartitionResult>(ask, list, within(options, what), { metadata: null }, async (some, left) => {
    return partitionItems(await ask(what, some, left, operationSettings(what, options)))
  })
}

/** @internal Results of partitions, as elsewhere. */
export function partitionItems(items: TopicPartitionResult[]): TopicPartitionResult[] {
  for (const item of withErrors(items)) item.error ??= undefined
  return items
}

export async function listOffsets(
  ask: Ask,
  partitions: readonly (TopicPartition & { spec: OffsetSpec })[],
  options: ListOffsetsOptions,
): Promise<ListOffsetsResult[]> {
  const what = 'listOffsets'
  checkOptions(options, what, ['operationTimeout', 'isolationLevel'])
  checkPartitions(partitions, what)
  const list = partitions.map(({ topic, partition, spec }) => ({ topic, partition, offset: specNumber(spec, what) }))
  if (list.length === 0) return []
  const { isolationLevel = 'read_uncommitted' } = options
  if (isolationLevel !== 'read_uncommitted' && isolationLevel !== 'read_committed') {
    throw invalid(`${what}: isolationLevel is 'read_uncommitted', 'read_committed'; got ${given(isolationLevel)}`)
  }
  const settings = { ...operationSettings(what, options), isolationLevel: isolationLevel === 'read_committed' ? 1 : 0 }
  return untilLed<ListOffsetsResult>(ask, list, within(options, what), { timestamp: -1 }, async (some, left) => {
    const items = withErrors(await ask<(ListOffsetsResult & { metadata?: unknown })[]>(what, some, left, settings))
    for (const item of items) delete item.metadata
    return items
  })
}

// Errors of a leader that has just changed, or has not begun yet.
const passing = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
])
const leaderPause = 50

/** Asks the leaders of partitions, and those again who were not the leaders, for as long as there is time. */
async function untilLed<T extends TopicPartition & { error?: KafkaError }>(
  ask: Ask,
  partitions: readonly TopicPartition[],
  left: () => AdminOptions & { timeout: number },
  blank: Partial<T>,
  request: (some: readonly TopicPartition[], left: AdminOptions) => Promise<T[]>,
): Promise<T[]> {
  const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`
  const results = new Map<string, T>()
  for (let some = partitions; some.length > 0; ) {
    const options = left()
    const items = await request(some, options)
      .catch((error) => withoutLeaders(ask, some, options, error))
      .catch((error) => failedAgain(some, results, keyOf, error))
    for (const item of items) results.set(keyOf(item), { ...blank, ...item } as T)
    const again = new Set(items.filter(({ error }) => error && passing.has(error.code)).map(keyOf))
    if (again.size === 0 || left().timeout <= leaderPause) break
    await sleep(leaderPause, options.signal)
    some = partitions.filter((one) => again.has(keyOf(one)))
  }
  return inOrder([...results.values()], partitions.map(keyOf), keyOf)
}

// What became of the others is known.
function failedAgain<T extends TopicPartition>(
  some: readonly TopicPartition[],
  results: ReadonlyMap<string, T>,
  keyOf: (partition: TopicPartition) => string,
  reason: unknown,
): T[] {
  if (results.size === 0) throw reason
  const error = errorOfSome(reason)
  return some.map((one) => ({ ...(results.get(keyOf(one)) as T), error }))
}

// When none of the partitions has a leader, librdkafka fails the request without saying what is wrong with which.
async function withoutLeaders(
  ask: Ask,
  partitions: readonly TopicPartition[],
  { timeout, signal }: AdminOptions,
  error: unknown,
): Promise<(TopicPartition & { error: KafkaError })[]> {
  if (!(error instanceof KafkaError) || error.code !== '_NOENT') throw error
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  const described = await describeTopics(ask, names, { timeout, signal })
  const topics = new Map(described.map((topic) => [topic.topic, topic]))
  return partitions.map(({ topic, partition }) => {
    const found = topics.get(topic)
    const exists = found?.partitions.some((one) => one.partition === partition)
    const reason = exists ? 'has no leader' : 'does not exist'
    const code = exists ? 'LEADER_NOT_AVAILABLE' : 'UNKNOWN_TOPIC_OR_PART'
    const reported = found?.error ?? new KafkaError(code, `${topic} [${partition}] ${reason}`)
    return { topic, partition, offset: Offset.invalid, leaderEpoch: null, error: reported }
  })
}

const specs: Readonly<Record<string, number>> = { latest: -1, earliest: -2, maxTimestamp: -3 }

function specNumber(spec: OffsetSpec, what: string): number {
  if (typeof spec === 'string' && Object.hasOwn(specs, spec)) return specs[spec]
  const time = spec instanceof Date ? spec.getTime() : (spec as { timestamp?: unknown } | null | undefined)?.timestamp
  if (Number.isSafeInteger(time) && (time as number) >= 0) return time as number
  throw invalid(
    `${what}: spec is 'earliest', 'latest', 'maxTimestamp', a Date or { timestamp: milliseconds since 1970 }; got ${given(spec)}`,
  )
}
