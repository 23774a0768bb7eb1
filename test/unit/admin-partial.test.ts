// What is known of some things when nothing is heard of the others; and one time-out for requests that are several.
import { describe, expect, it } from 'vitest'
import type { AdminClient } from '../../lib/admin.js'
import { describeAcls } from '../../lib/admin-acls.js'
import { alterConfigs, describeConfigs, incrementalAlterConfigs } from '../../lib/admin-configs.js'
import { groupLag } from '../../lib/admin-conveniences.js'
import { deleteConsumerGroups, describeConsumerGroups } from '../../lib/admin-groups.js'
import type { AdminOptions, Ask } from '../../lib/admin-request.js'
import { alterUserScramCredentials } from '../../lib/admin-scram.js'
import { deleteRecords, describeTopics, listOffsets } from '../../lib/admin-topics.js'
import { KafkaError } from '../../lib/errors.js'
import { rejection } from '../helpers/wait.js'

type Call = { operation: string; args: unknown; options: AdminOptions }

/** Answers requests in turn, as brokers would; says what was asked. An answer that is an error rejects. */
function broker(answer: (call: Call, number: number) => unknown) {
  const calls: Call[] = []
  const ask = async (operation: string, args: unknown, options: AdminOptions) => {
    const call = { operation, args: structuredClone(args), options }
    const result = await answer(call, calls.push(call))
    if (result instanceof Error) throw result
    return structuredClone(result)
  }
  return { ask: ask as Ask, calls }
}

const timedOut = () => new KafkaError('_TIMED_OUT', 'nobody answered')
const wire = (errno: number) => ({ errno, message: '', fatal: false, retriable: false, txnRequiresAbort: false })
const notLeader = wire(6)
const notCoordinator = wire(16)
const codes = (list: readonly { error?: KafkaError | undefined }[]) => list.map(({ error }) => error?.code)

describe('configurations of several brokers', () => {
  const brokers = [1, 77].map((name) => ({ type: 'broker' as const, name }))
  const answering = (failure: Error) =>
    broker(({ args }) => {
      const [{ type, name }] = args as { type: number; name: string }[]
      return name === '77' ? failure : [{ type, name, entries: [] }]
    })
  const operations = {
    describeConfigs: (ask: Ask) => describeConfigs(ask, brokers, {}),
    incrementalAlterConfigs: (ask: Ask) =>
      incrementalAlterConfigs(
        ask,
        brokers.map((one) => ({ ...one, entries: [{ name: 'a', value: 1 }] })),
        {},
      ),
    alterConfigs: (ask: Ask) =>
      alterConfigs(
        ask,
        brokers.map((one) => ({ ...one, config: {} })),
        {},
      ),
  }

  it.each(Object.entries(operations))('%s says what the one that answered did', async (_, call) => {
    const results = await call(answering(timedOut()).ask)
    expect(results.map(({ type, name, error }) => [type, name, error?.code])).toEqual([
      ['broker', '1', undefined],
      ['broker', '77', '_TIMED_OUT'],
    ])
  })

  it.each(Object.entries(operations))('%s rejects when nobody answered, or it was given up', async (_, call) => {
    expect((await rejection(call(broker(timedOut).ask))).code).toBe('_TIMED_OUT')
    expect((await rejection(call(answering(new KafkaError('_STATE', 'closed')).ask))).code).toBe('_STATE')
    expect((await rejection(call(answering(new Error('enough')).ask))).message).toBe('enough')
  })
})

describe('credentials of one user', () => {
  const password = 'canary-6262'
  const list = (['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).map((mechanism) => ({ user: 'a', mechanism, password }))
  const other = { ...list[0], user: 'b' }

  it('of which only the first request was answered', async () => {
    const { ask, calls } = broker((_, number) => (number === 1 ? [{ user: 'b' }, { user: 'a' }] : timedOut()))
    const results = await alterUserScramCredentials(ask, [...list, other], {})
    expect(results.map(({ user, mechanism, error }) => [user, mechanism, error?.code])).toEqual([
      ['a', 'SCRAM-SHA-256', undefined],
      ['a', 'SCRAM-SHA-512', '_TIMED_OUT'],
      ['b', 'SCRAM-SHA-256', undefined],
    ])
    expect(calls).toHaveLength(2)
  })

  it('are not altered any further after a request that failed', async () => {
    const { ask, calls } = broker((_, number) => (number === 1 ? [{ user: 'a' }] : timedOut()))
    expect(codes(await alterUserScramCredentials(ask, [...list, list[0]], {}))).toEqual([
      undefined,
      '_TIMED_OUT',
      '_TIMED_OUT',
    ])
    expect(calls).toHaveLength(2)
  })

  it('rejects when the first failed, or it was given up', async () => {
    expect((await rejection(alterUserScramCredentials(broker(timedOut).ask, list, {}))).code).toBe('_TIMED_OUT')
    const { ask } = broker((_, number) => (number === 1 ? [{ user: 'a' }] : new Error('enough')))
    expect((await rejection(alterUserScramCredentials(ask, list, {}))).message).toBe('enough')
  })
})

describe('partitions of which one has lost its leader', () => {
  const partitions = [0, 1].map((partition) => ({ topic: 't', partition }))
  const second = (failure: Error) =>
    broker((_, number) => {
      if (number > 1) return failure
      return partitions.map((one) => ({ ...one, offset: 5, ...(one.partition === 1 && { error: notLeader }) }))
    })
  const operations = {
    deleteRecords: (ask: Ask) =>
      deleteRecords(
        ask,
        partitions.map((one) => ({ ...one, offset: 5 })),
        {},
      ),
    listOffsets: (ask: Ask) =>
      listOffsets(
        ask,
        partitions.map((one) => ({ ...one, spec: 'latest' as const })),
        {},
      ),
  }

  it.each(Object.entries(operations))('%s says what became of the others', async (_, call) => {
    const { ask, calls } = second(timedOut())
    const results = await call(ask)
    expect(results.map(({ partition, error }) => [partition, error?.code])).toEqual([
      [0, undefined],
      [1, '_TIMED_OUT'],
    ])
    expect(calls.map(({ args }) => (args as unknown[]).length)).toEqual([2, 1])
  })

  it.each(Object.entries(operations))('%s rejects when nothing is known, or it was given up', async (_, call) => {
    expect((await rejection(call(broker(timedOut).ask))).code).toBe('_TIMED_OUT')
    expect((await rejection(call(second(new Error('enough')).ask))).message).toBe('enough')
  })
})

describe('groups of which one has lost its coordinator', () => {
  const groups = ['a', 'b']
  const second = (failure: Error) =>
    broker((_, number) => {
      if (number > 1) return failure
      const description = { state: 3, type: 2, members: [], authorizedOperations: null }
      return groups.map((group) => ({ group, ...description, ...(group === 'b' && { error: notCoordinator }) }))
    })
  it.each([
    ['describeConsumerGroups', describeConsumerGroups],
    ['deleteConsumerGroups', deleteConsumerGroups],
  ])('%s says what became of the others', async (_, call) => {
    const { ask, calls } = second(timedOut())
    const results = await call(ask, groups, {})
    expect(results.map(({ group, error }) => [group, error?.code])).toEqual([
      ['a', undefined],
      ['b', '_TIMED_OUT'],
    ])
    expect(calls.map(({ args }) => args)).toEqual([groups, ['b']])
    expect((await rejection(call(second(new Error('enough')).ask, groups, {}))).message).toBe('enough')
    expect((await rejection(call(broker(timedOut).ask, groups, {}))).code).toBe('_TIMED_OUT')
  })
})

it('groupLag says which partition is gone, and how far the group is behind in the others', async () => {
  const gone = new KafkaError('UNKNOWN_TOPIC_OR_PART', 'gone [0] does not exist')
  // Brokers forget such offsets a moment after the topic, so that a cluster shows it only by chance.
  const admin = {
    listConsumerGroupOffsets: async () => ['gone', 't'].map((topic) => ({ topic, partition: 0, offset: 4 })),
    describeConsumerGroups: async () => [{ group: 'g', state: 'empty', members: [] }],
    listOffsets: async () => [
      { topic: 't', partition: 0, offset: 10 },
      { topic: 'gone', partition: 0, offset: -1, error: gone },
    ],
  } as unknown as AdminClient
  expect(await groupLag(admin, 'g', {})).toEqual({
    total: 6,
    partitions: [
      { topic: 'gone', partition: 0, committed: 4, end: null, lag: null, error: gone },
      { topic: 't', partition: 0, committed: 4, end: 10, lag: 6 },
    ],
  })
})

describe('one time-out for several requests', () => {
  const timeout = 10_000
  const slow = 60
  const pause = () => new Promise((resolve) => setTimeout(resolve, slow))
  // Timers may fire a little early.
  const left = timeout - slow + 5

  it('of all topics', async () => {
    const { ask, calls } = broker(() => [])
    const names = async (options: AdminOptions) => {
      expect(options).toEqual({ timeout })
      await pause()
      return ['t']
    }
    await describeTopics(ask, names, { timeout })
    expect(calls[0].options.timeout).toBeLessThanOrEqual(left)
  })

  it('of all groups', async () => {
    const { ask, calls } = broker(async (_, number) => {
      if (number > 1) return [{ group: 'a', state: 3, type: 2, members: [], authorizedOperations: null }]
      await pause()
      return { groups: [{ group: 'a', state: 3, type: 2 }], errors: [] }
    })
    const [group] = await describeConsumerGroups(ask, null, { timeout, includeAuthorizedOperations: true })
    expect(group.state).toBe('stable')
    expect(calls.map(({ operation }) => operation)).toEqual(['listConsumerGroups', 'describeConsumerGroups'])
    expect(calls[1].options.timeout).toBeLessThanOrEqual(left)
  })

  it('of entries that nothing matches', async () => {
    const { ask, calls } = broker(async (_, number) => {
      if (number > 1) return { authorizedOperations: [8] }
      await pause()
      return []
    })
    expect(await describeAcls(ask, {}, { timeout })).toEqual([])
    expect(calls.map(({ operation }) => operation)).toEqual(['describeAcls', 'describeCluster'])
    expect(calls[1].options.timeout).toBeLessThanOrEqual(left)
  })
})
