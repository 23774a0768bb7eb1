// Groups of an embedded cluster: settings of the brokers, and who is assigned what.

import { KafkaError } from './errors.js'
import {
  checkArray,
  checkInteger,
  checkOptions,
  checkPartition,
  checkText,
  checkTopicName,
  given,
  invalid,
} from './mock-cluster-check.js'
import type { MockCore } from './mock-cluster-core.js'
import type { TopicPartition } from './offset.js'

/** The partitions of each member, by member id. */
export type MockTargetAssignment = ReadonlyMap<string, readonly TopicPartition[]>

/** Milliseconds. What is not given stays as it is. */
export interface MockConsumerGroupSettings {
  /** How long the first join of an empty classic group waits for others (`group.initial.rebalance.delay.ms`); 0. */
  initialRebalanceDelay?: number
  /** Of groups that begin from here on, `group.protocol=consumer` (`group.consumer.session.timeout.ms`); 30,000. */
  sessionTimeout?: number
  /** The same for `group.consumer.heartbeat.interval.ms`; 3,000. */
  heartbeatInterval?: number
}

/** Milliseconds, or counts in which 0 is no limit. What is not given stays as it is. */
export interface MockShareGroupSettings {
  /** Of groups that begin from here on; 45,000. */
  sessionTimeout?: number
  /** Of groups that begin from here on; 5,000. */
  heartbeatInterval?: number
  /** How often a record is handed out before it is archived; 5. */
  maxDeliveryAttempts?: number
  /** How long a record is a member's; 0 is as long as the session timeout; 30,000. */
  recordLockDuration?: number
  /** Whether records of open and aborted transactions are handed out; `read_uncommitted`. */
  isolationLevel?: 'read_uncommitted' | 'read_committed'
  /** Members of a group; 200. */
  maxSize?: number
  /** Share sessions of a broker; 2,000. */
  maxFetchSessions?: number
  /** Records of a partition that are handed out and not acknowledged; 2,000. */
  maxRecordLocks?: number
  /** Where a group begins that has not read a partition yet; `latest`. */
  autoOffsetReset?: 'latest' | 'earliest'
}

/** Consumer groups. */
export class MockConsumerGroups {
  readonly #core: MockCore

  /** @internal */
  constructor(core: MockCore) {
    this.#core = core
  }

  configure(settings: MockConsumerGroupSettings): void {
    const { native } = this.#core
    const setters = {
      initialRebalanceDelay: integer(0, (ms) => native.groupInitialRebalanceDelay(ms)),
      sessionTimeout: integer(1, (ms) => native.groupSessionTimeout(ms)),
      heartbeatInterval: integer(1, (ms) => native.groupHeartbeatInterval(ms)),
    } satisfies Setters<MockConsumerGroupSettings>
    applySettings('consumerGroups.configure', settings, setters)
  }

  /**
   * Who is to have what in a group of `group.protocol=consumer` (KIP-848), until called again; null leaves it to the
   * cluster again. The group has to exist, and members it does not have are passed over.
   */
  targetAssignment(group: string, assignment: MockTargetAssignment | null): void {
    const { native } = this.#core
    checkText(group, 'group')
    if (assignment === null) {
      native.groupTargetAssignment(group, null, [])
      return
    }
    const { members, partitions } = checkAssignment(this.#core, assignment)
    native.groupTargetAssignment(group, members, partitions)
  }
}

/** Share groups (KIP-932). */
export class MockShareGroups {
  readonly #core: MockCore

  /** @internal */
  constructor(core: MockCore) {
    this.#core = core
  }

  configure(settings: MockShareGroupSettings): void {
    const { native } = this.#core
    const setters = {
      sessionTimeout: integer(1, (ms) => native.shareGroupSessionTimeout(ms)),
      heartbeatInterval: integer(1, (ms) => native.shareGroupHeartbeatInterval(ms)),
      maxDeliveryAttempts: integer(0, (count) => native.shareGroupMaxDeliveryAttempts(count)),
      recordLockDuration: integer(0, (ms) => native.shareGroupRecordLockDuration(ms)),
      isolationLevel: oneOf(['read_uncommitted', 'read_committed'], (level) => native.shareGroupIsolationLevel(level)),
      maxSize: integer(0, (count) => native.shareGroupMaxSize(count)),
      maxFetchSessions: integer(0, (count) => native.shareGroupMaxFetchSessions(count)),
      maxRecordLocks: integer(0, (count) => native.shareGroupMaxRecordLocks(count)),
      autoOffsetReset: oneOf(['latest', 'earliest'], (policy) => native.shareGroupAutoOffsetReset(policy)),
    } satisfies Setters<MockShareGroupSettings>
    applySettings('shareGroups.configure', settings, setters)
  }

  /** Who is to have what, from here on; every member is one that `memberIds` names. */
  targetAssignment(group: string, assignment: MockTargetAssignment): void {
    const known = this.memberIds(group)
    const { members, partitions } = checkAssignment(this.#core, assignment)
    const stranger = members.find((member) => !known.includes(member))
    if (stranger !== undefined) {
      throw invalid(`share group '${group}' has the members ${known.join(', ') || '(none)'}; got '${stranger}'`)
    }
    this.#core.native.shareGroupTargetAssignment(group, members, partitions)
  }

  /** The members' ids. Throws KafkaError `GROUP_ID_NOT_FOUND` if there was no such group yet. */
  memberIds(group: string): string[] {
    const { native } = this.#core
    return this.#core.value(native.shareGroupMemberIds(checkText(group, 'group')), `share group '${group}'`)
  }
}

/** Checks a setting, and returns what sets it. */
type Setter = (value: unknown, what: string) => () => void
type Setters<Settings> = Record<keyof Settings, Setter>

function integer(min: number, set: (value: number) => unknown): Setter {
  // librdkafka multiplies milliseconds by 1,000 in an int at some places.
  const max = 2_000_000
  return (value, what) => {
    checkInteger(value, what, min, max)
    return () => set(value as number)
  }
}

function oneOf(accepted: readonly string[], set: (index: number) => unknown): Setter {
  return (value, what) => {
    const index = accepted.indexOf(value as string)
    if (index < 0) throw invalid(`${what} is ${accepted.map((name) => `'${name}'`).join(' or ')}; got ${given(value)}`)
    return () => set(index)
  }
}

/** All or nothing: a setting that is wrong leaves the others as they are. */
function applySettings<Settings extends object>(what: string, settings: Settings, setters: Setters<Settings>): void {
  const names = Object.keys(setters) as (keyof Settings & string)[]
  const given = checkOptions<Settings>(settings, what, names)
  const calls = names.filter((name) => given[name] !== undefined).map((name) => setters[name](given[name], name))
  for (const call of calls) call()
}

function checkAssignment(core: MockCore, assignment: unknown) {
  if (!(assignment instanceof Map)) {
    throw invalid(`the assignment is a Map from member ids to arrays of { topic, partition }; got ${given(assignment)}`)
  }
  const members: string[] = []
  const partitions: TopicPartition[][] = []
  for (const [member, list] of assignment) {
    members.push(checkText(member, 'a member id'))
    const what = `member '${member}' is assigned an array of { topic, partition }`
    partitions.push(checkArray(list, what).map((item) => checkTopicPartition(core, item)))
  }
  return { members, partitions }
}

function checkTopicPartition(core: MockCore, item: unknown): TopicPartition {
  const { topic, partition } = checkOptions<TopicPartition>(item, 'an assignment', ['topic', 'partition'])
  if (core.native.hasPartition(checkTopicName(topic), checkPartition(partition))) return { topic, partition }
  throw new KafkaError('UNKNOWN_TOPIC_OR_PART', `there is no ${topic} [${partition}] in the cluster`)
}
