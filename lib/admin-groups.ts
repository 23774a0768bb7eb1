// Admin operations on consumer groups and their offsets.
import { type AclOperation, operationNames } from './admin-acls.js'
import {
  checkInteger,
  checkList,
  checkName,
  checkText,
  checkTexts,
  given,
  groupStates,
  groupTypes,
  invalid,
  nameOf,
} from './admin-check.js'
import { isCoordinatorPassing, untilCoordinated } from './admin-coordinator.js'
import {
  type AdminOptions,
  type Ask,
  type AuthorizedOperationsOptions,
  checkOptions,
  errorOf,
  errorOfSome,
  inOrder,
  withErrors,
  within,
} from './admin-request.js'
import { type Node, partitionItems } from './admin-topics.js'
import type { OperationOptions } from './client.js'
import { about, KafkaError } from './errors.js'
import {
  checkOffsets,
  checkPartitions,
  type TopicPartition,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from './offset.js'

export type GroupState = (typeof groupStates)[number]
/** `consumer` is KIP-848's. */
export type GroupType = (typeof groupTypes)[number]

export interface ListGroupsOptions extends AdminOptions {
  /** Only groups in these states. */
  states?: readonly GroupState[]
  /** Only groups of these types. */
  types?: readonly GroupType[]
}

export interface GroupListing {
  group: string
  /** No members ever joined: it only has offsets. */
  isSimple: boolean
  state: GroupState
  type: GroupType
}

/** What the brokers that answered know, and the errors of the others; librdkafka does not say which those were. */
export interface GroupListings {
  groups: GroupListing[]
  errors: KafkaError[]
}

export interface GroupMember {
  memberId: string
  /** With static membership. */
  instanceId: string | null
  clientId: string
  host: string
  assignment: TopicPartition[]
  /** What it is to have in the end; null but in KIP-848 groups. */
  targetAssignment: TopicPartition[] | null
}

export interface GroupDescription extends GroupListing {
  /** The assignor that the group uses. */
  assignor: string
  coordinator: Node | null
  members: GroupMember[]
  /** Null when it was not asked for. */
  authorizedOperations: AclOperation[] | null
  error?: KafkaError
}

export interface GroupResult {
  group: string
  error?: KafkaError
}

export interface ListGroupOffsetsOptions extends OperationOptions {
  /** Wait for transactions that are about to commit offsets. */
  requireStableOffsets?: boolean
}

type Wire<T> = Omit<T, 'state' | 'type'> & { state: number; type: number }

export async function listConsumerGroups(ask: Ask, options: ListGroupsOptions): Promise<GroupListings> {
  const what = 'listConsumerGroups'
  checkOptions(options, what, ['broker', 'states', 'types'])
  const numbers = <T extends string>(list: readonly T[] | undefined, names: readonly T[], name: string) =>
    [...new Set(checkList(list ?? [], `${what}: ${name}`))].map((one) => checkName(one, names, `${what}: ${name}`))
  const settings = {
    states: numbers(options.states, groupStates, 'states'),
    types: numbers(options.types, groupTypes, 'types'),
  }
  if (settings.types.includes(0)) throw invalid(`${what}: types is 'consumer', 'classic'; got 'unknown'`)
  type Answer = { groups: Wire<GroupListing>[]; errors: { error: unknown }[] }
  const list = async (left: AdminOptions): Promise<GroupListings> => {
    const { groups, errors } = await ask<Answer>(what, null, left, settings)
    return { groups: groups.map(named), errors: errors.map(({ error }) => errorOf(error)) }
  }
  return untilCoordinated(what, options, list, ({ errors }) => errors)
}

function named<T extends { state: number; type: number }>(group: T): T & { state: GroupState; type: GroupType } {
  const { state, type } = group
  return Object.assign(group, { state: nameOf(groupStates, state), type: nameOf(groupTypes, type) }) as never
}

export async function describeConsumerGroups(
  ask: Ask,
  groups: readonly string[] | null,
  options: Omit<AuthorizedOperationsOptions, 'broker'>,
): Promise<GroupDescription[]> {
  const what = 'describeConsumerGroups'
  const left = within(checkOptions(options, what, ['includeAuthorizedOperations']), what)
  const names = groups === null ? await allGroups(ask, left()) : checkTexts(groups, what, 'a group')
  const settings = options.includeAuthorizedOperations ? { authorizedOperations: true } : {}
  return ofEach(what, names, left(), async (some, options) => {
    const list = await ask<Wire<GroupDescription>[]>(what, some, options, settings)
    for (const group of list) group.authorizedOperations = operationNames(group.authorizedOperations)
    return withErrors(list.map(named)) as GroupDescription[]
  })
}

async function allGroups(ask: Ask, { timeout, signal }: OperationOptions): Promise<string[]> {
  const { groups, errors } = await listConsumerGroups(ask, { timeout, signal })
  // Not all of them, without a broker's.
  if (errors.length > 0) throw errors[0]
  return groups.map(({ group }) => group)
}

export async function deleteConsumerGroups(
  ask: Ask,
  groups: readonly string[],
  options: OperationOptions,
): Promise<GroupResult[]> {
  const what = 'deleteConsumerGroups'
  checkOptions(options, what)
  const names = checkTexts(groups, what, 'a group')
  return ofEach(what, names, options, async (some, left) => withErrors(await ask<GroupResult[]>(what, some, left)))
}

/** Asks the coordinators of groups, and those again that were not ready, for as long as there is time. */
async function ofEach<T extends GroupResult>(
  what: string,
  names: readonly string[],
  options: OperationOptions,
  request: (some: readonly string[], left: AdminOptions) => Promise<T[]>,
): Promise<T[]> {
  if (names.length === 0) return []
  const results = new Map<string, T>()
  const again = (name: string) => !results.has(name) || isCoordinatorPassing(results.get(name)?.error)
  const some = async (left: AdminOptions) => {
    const wanted = names.filter(again)
    const items = await request(wanted, left).catch((reason) => {
      if (results.size === 0) throw reason
      const error = errorOfSome(reason)
      return wanted.map((name) => ({ ...(results.get(name) as T), error }))
    })
    for (const item of items) results.set(item.group, item)
    return [...results.values()]
  }
  const errorsOf = (items: T[]) => items.map(({ error }) => error)
  const items = await untilCoordinated(what, options, some, errorsOf)
  return inOrder(items, names, ({ group }) => group)
}

export async function listConsumerGroupOffsets(
  ask: Ask,
  group: string,
  partitions: readonly TopicPartition[] | null,
  options: ListGroupOffsetsOptions,
): Promise<TopicPartitionResult[]> {
  const what = 'listConsumerGroupOffsets'
  checkOptions(options, what, ['requireStableOffsets'])
  const list = partitions === null ? null : checkPartitions(partitions, what)
  const settings = options.requireStableOffsets ? { requireStableOffsets: true } : {}
  return groupOffsets({ ask, what, group, partitions: list, options, settings })
}

export async function alterConsumerGroupOffsets(
  ask: Ask,
  group: string,
  offsets: readonly TopicPartitionOffset[],
  options: OperationOptions,
): Promise<TopicPartitionResult[]> {
  const what = 'alterConsumerGroupOffsets'
  checkOptions(options, what)
  const list = checkOffsets(offsets, what)
  for (const { topic, partition, leaderEpoch, metadata } of offsets) {
    const of = `of ${topic} [${partition}]`
    if (leaderEpoch !== undefined && leaderEpoch !== null) checkInteger(leaderEpoch, `${what}: leaderEpoch ${of}`, 0)
    if (metadata !== undefined && metadata !== null) checkMetadata(metadata, `${what}: metadata ${of}`)
  }
  const negative = list.find(({ offset }) => (offset as number) < 0)
  if (negative) {
    const { topic, partition, offset } = negative
    throw invalid(
      `${what}: the offset of ${topic} [${partition}] is one from 0; got ${offset}; resetOffsets takes 'beginning', 'end' and dates`,
    )
  }
  return groupOffsets({ ask, what, group, partitions: list, options })
}

function checkMetadata(metadata: unknown, what: string): void {
  if (typeof metadata === 'string' && !metadata.includes('\0')) return
  throw invalid(`${what} is a string without a NUL character; got ${given(metadata)}`)
}

export async function deleteConsumerGroupOffsets(
  ask: Ask,
  group: string,
  partitions: readonly TopicPartition[],
  options: OperationOptions,
): Promise<TopicPartitionResult[]> {
  const what = 'deleteConsumerGroupOffsets'
  checkOptions(options, what)
  return groupOffsets({ ask, what, group, partitions: checkPartitions(partitions, what), options })
}

interface GroupOffsets {
  ask: Ask
  what: string
  group: string
  partitions: readonly TopicPartition[] | null
  options: OperationOptions
  settings?: object
}

// librdkafka takes one group a request, so that a group's error is the request's.
async function groupOffsets(wanted: GroupOffsets): Promise<TopicPartitionResult[]> {
  const { ask, what, group, partitions, options, settings = {} } = wanted
  checkText(group, `${what}: group`)
  if (partitions?.length === 0) return []
  type Answer = { partitions: TopicPartitionResult[]; error?: unknown }[]
  const request = async (left: AdminOptions) => {
    const [answer] = await ask<Answer>(what, { group, partitions }, left, settings)
    if (answer.error) throw errorOf(answer.error)
    return partitionItems(answer.partitions)
  }
  const errorsOf = (items: TopicPartitionResult[]) => items.map(({ error }) => error)
  try {
    return await untilCoordinated(what, options, request, errorsOf)
  } catch (error) {
    throw error instanceof KafkaError && error.origin === 'broker' ? about(error, group) : error
  }
}
