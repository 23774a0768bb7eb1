// What people write again and again with an admin client.

import type { AdminClient } from './admin.js'
import { checkText, given, invalid } from './admin-check.js'
import type { GroupDescription } from './admin-groups.js'
import { checkOptions, sleep, within } from './admin-request.js'
import {
  checkNewTopics,
  type ListOffsetsResult,
  type NewTopic,
  type OffsetSpec,
  type TopicDescription,
} from './admin-topics.js'
import type { OperationOptions } from './client.js'
import { KafkaError } from './errors.js'
import type { TopicPartition, TopicPartitionResult } from './offset.js'
import { isPassing } from './ready.js'

export interface GroupPartitionLag extends TopicPartition {
  /** Null when the group has committed nothing here: it is only assigned to a member. */
  committed: number | null
  /** The offset after the last message; null when it cannot be told, and then there is `error`. */
  end: number | null
  /** Null when one of the two is. */
  lag: number | null
  error?: KafkaError
}

export interface GroupLag {
  total: number
  partitions: GroupPartitionLag[]
}

/** Where a group is to go on. An offset beyond either end of a partition becomes that end. */
export type ResetTarget = 'beginning' | 'end' | Date | number

export interface ResetOffsetsOptions extends OperationOptions {
  to: ResetTarget
  /** Only these partitions; all of the topic without it. */
  partitions?: readonly number[]
}

const firstPause = 25
const longestPause = 500

const keyOf = ({ topic, partition }: TopicPartition) => `${partition}/${topic}`

function byName(a: TopicPartition, b: TopicPartition): number {
  return a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition
}

export async function groupLag(admin: AdminClient, group: string, options: OperationOptions): Promise<GroupLag> {
  const what = 'groupLag'
  const left = within(checkOptions(options, what), what)
  checkText(group, `${what}: group`)
  const [committed, [description]] = await Promise.all([
    admin.listConsumerGroupOffsets(group, null, left()),
    admin.describeConsumerGroups([group], left()),
  ])
  if (committed.length === 0) {
    if (description.error) throw description.error
    // So brokers before 4.0 say that there is no such group.
    if (description.state === 'dead') throw new KafkaError('GROUP_ID_NOT_FOUND', `${what}: there is no group ${group}`)
  }
  const positions = new Map<string, TopicPartition & { offset: number }>()
  for (const { assignment } of description.members) {
    for (const partition of assignment) positions.set(keyOf(partition), { ...partition, offset: -1 })
  }
  for (const { topic, partition, offset } of committed) {
    // A partition that was asked about without having an offset is no position.
    if (offset >= 0) positions.set(keyOf({ topic, partition }), { topic, partition, offset })
  }
  const list = [...positions.values()].sort(byName)
  const spec = 'latest' as const
  const ends = await admin.listOffsets(
    list.map(({ topic, partition }) => ({ topic, partition, spec })),
    left(),
  )
  const found = new Map(ends.map((end) => [keyOf(end), end]))
  const partitions = list.map((position) => lagOf(position, found.get(keyOf(position))))
  return { total: partitions.reduce((sum, { lag }) => sum + (lag ?? 0), 0), partitions }
}

function lagOf(
  { topic, partition, offset }: TopicPartition & { offset: number },
  at?: ListOffsetsResult,
): GroupPartitionLag {
  const committed = offset >= 0 ? offset : null
  const end = at && !at.error && at.offset >= 0 ? at.offset : null
  const lag = committed === null || end === null ? null : Math.max(0, end - committed)
  const result = { topic, partition, committed, end, lag }
  return at?.error ? { ...result, error: at.error } : result
}

export async function resetOffsets(
  admin: AdminClient,
  group: string,
  topic: string,
  options: ResetOffsetsOptions,
): Promise<TopicPartitionResult[]> {
  const what = 'resetOffsets'
  const { to, partitions: wanted, ...rest } = checkOptions(options, what, ['to', 'partitions'])
  checkText(group, `${what}: group`)
  checkText(topic, `${what}: topic`)
  checkTarget(to, what)
  const left = within(rest, what)
  const [[description], [found]] = await Promise.all([
    admin.describeConsumerGroups([group], left()),
    admin.describeTopics([topic], left()),
  ])
  refuseActive(description)
  if (found.error) throw found.error
  const partitions = partitionsOf(found, wanted, what).map((partition) => ({ topic, partition }))
  const list = (spec: OffsetSpec) =>
    admin.listOffsets(
      partitions.map((one) => ({ ...one, spec })),
      left(),
    )
  const [begins, ends, times] = await Promise.all([
    list('earliest'),
    list('latest'),
    to instanceof Date ? list(to) : undefined,
  ])
  const failed = [...begins, ...ends, ...(times ?? [])].find(({ error }) => error)
  if (failed?.error) throw failed.error
  const offsetIn = (results: ListOffsetsResult[], one: TopicPartition) =>
    results.find(({ partition }) => partition === one.partition)?.offset ?? -1
  const offsets = partitions.map((one) => {
    const begin = offsetIn(begins, one)
    const end = offsetIn(ends, one)
    if (to === 'beginning') return { ...one, offset: begin }
    if (to === 'end') return { ...one, offset: end }
    if (typeof to === 'number') return { ...one, offset: Math.min(Math.max(to, begin), end) }
    // No message of that time or later: at the end.
    const offset = times ? offsetIn(times, one) : -1
    return { ...one, offset: offset < 0 ? end : offset }
  })
  return admin.alterConsumerGroupOffsets(group, offsets, left())
}

function checkTarget(to: unknown, what: string): void {
  if (to === 'beginning' || to === 'end') return
  if (to instanceof Date && to.getTime() >= 0) return
  if (Number.isSafeInteger(to) && (to as number) >= 0) return
  throw invalid(`${what}: to is 'beginning', 'end', a Date or an offset from 0; got ${given(to)}`)
}

function partitionsOf({ topic, partitions }: TopicDescription, wanted: unknown, what: string): number[] {
  const all = partitions.map(({ partition }) => partition)
  if (wanted === undefined) return all
  if (Array.isArray(wanted) && wanted.length > 0 && wanted.every((one) => all.includes(one)))
    return [...new Set(wanted)]
  throw invalid(`${what}: partitions is an array of partitions of ${topic}, which has ${all.length}`)
}

// A group that nobody has ever been in has no coordinator's record: it gets one with the offsets.
function refuseActive({ group, state, members, error }: GroupDescription): void {
  if (error && error.code !== 'GROUP_ID_NOT_FOUND') throw error
  if (error || state === 'empty' || state === 'dead') return
  throw new KafkaError(
    'NON_EMPTY_GROUP',
    `resetOffsets: group ${group} is active (${state}, ${members.length} members): stop its consumers first`,
  )
}

export async function waitForTopic(
  admin: AdminClient,
  topic: string,
  options: OperationOptions,
): Promise<TopicDescription> {
  const what = 'waitForTopic'
  const left = within(checkOptions(options, what), what)
  checkText(topic, `${what}: topic`)
  let last = 'no broker has answered'
  let cause: KafkaError | undefined
  for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      const [description] = await admin.describeTopics([topic], left())
      const { error, partitions } = description
      const without = partitions.filter(({ leader }) => leader === null).length
      if (!error && partitions.length > 0 && without === 0) return description
      if (error) throw error
      last = `${without} of ${partitions.length} partitions have no leader`
      cause = undefined
    } catch (error) {
      if (!mayCome(error)) throw error
      // A request that had no time left says nothing new.
      if (error.code !== '_TIMED_OUT' || error.cause) {
        last = error.message
        cause = error
      }
    }
    if (left().timeout <= pause) {
      const options = { retriable: true, ...(cause && { cause: cause.cause ?? cause }) }
      throw new KafkaError('_TIMED_OUT', `${what}: ${topic} is not ready (${last})`, options)
    }
    await sleep(pause, options.signal)
  }
}

// What is said of a topic that was created a moment ago. An authorization, a wrong name will not pass.
const coming = new Set<string>(['UNKNOWN_TOPIC_OR_PART', 'LEADER_NOT_AVAILABLE'])

function mayCome(error: unknown): error is KafkaError {
  return error instanceof KafkaError && (error.retriable || coming.has(error.code) || isPassing(error))
}

export async function ensureTopics(
  admin: AdminClient,
  list: readonly NewTopic[],
  options: OperationOptions,
): Promise<TopicDescription[]> {
  const what = 'ensureTopics'
  const left = within(checkOptions(options, what), what)
  checkNewTopics(list, what)
  // Somebody else may be quicker, so that being asked first would be of no use.
  for (const { error } of await admin.createTopics(list, left())) {
    if (error && error.code !== 'TOPIC_ALREADY_EXISTS') throw error
  }
  return Promise.all(list.map(({ topic }) => waitForTopic(admin, topic, left())))
}
