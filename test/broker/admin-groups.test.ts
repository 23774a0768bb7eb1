// Admin operations on consumer groups and their offsets, seen by Kafka's own client and tools.
import { AdminClient, Consumer, type ConsumerConfig, Offset } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, kafkaTool, uniqueGroup, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'
import type { Witness } from '../helpers/witness.js'

let admin: AdminClient
let kafka: Witness
beforeAll(async () => {
  admin = new AdminClient({ 'bootstrap.servers': bootstrapServers() })
  kafka = await witness()
})
afterAll(() => admin.close())

const values = (count: number, partition: number) => Array.from({ length: count }, () => ({ value: 'x', partition }))

function consumerOf(group: string, config: ConsumerConfig = {}): Consumer {
  return new Consumer({
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    ...config,
  })
}

/** A member that has its partitions. */
async function member(group: string, topic: string, config: ConsumerConfig = {}): Promise<Consumer> {
  const consumer = consumerOf(group, config)
  await consumer.subscribe(topic)
  while (consumer.assignment.length === 0) await consumer.poll(100)
  return consumer
}

/** A group without members that has committed. */
async function idleGroup(topic: string, offsets: number[]): Promise<string> {
  const group = uniqueGroup()
  await using consumer = consumerOf(group)
  await consumer.assign(offsets.map((_, partition) => ({ topic, partition })))
  await consumer.commit(offsets.map((offset, partition) => ({ topic, partition, offset })))
  return group
}

describe.each(['classic', 'consumer'] as const)('a %s group', (protocol) => {
  it('is listed by state and type, and described', async () => {
    const topic = await createTopic('members', { partitions: 2 })
    await kafka.produce(topic, values(1, 0))
    const group = uniqueGroup()
    const more = protocol === 'classic' ? { 'group.instance.id': 'static-1' } : {}
    await using consumer = await member(group, topic, { 'group.protocol': protocol, 'client.id': 'reader', ...more })
    const listed = async (options: Parameters<typeof admin.listConsumerGroups>[0]) => {
      const { groups, errors } = await admin.listConsumerGroups(options)
      expect(errors).toEqual([])
      return groups.find((one) => one.group === group)
    }
    await waitFor('a stable group', async () => (await kafka.describeGroup(group)).state === 'Stable')
    const other = protocol === 'classic' ? 'consumer' : 'classic'
    expect(await listed({})).toEqual({ group, isSimple: false, state: 'stable', type: protocol })
    expect(await listed({ states: ['stable'], types: [protocol] })).toBeDefined()
    expect(await listed({ states: ['empty'] })).toBeUndefined()
    expect(await listed({ types: [other] })).toBeUndefined()

    const [description] = await admin.describeConsumerGroups([group], { includeAuthorizedOperations: true })
    const theirs = await kafka.describeGroup(group)
    expect(description).toMatchObject({ group, isSimple: false, state: 'stable', type: protocol })
    expect(description.assignor).toBe(theirs.assignor)
    expect(description.coordinator?.id).toBe(theirs.coordinator)
    expect(description.authorizedOperations).toEqual(expect.arrayContaining(['read', 'delete']))
    expect(description.members).toHaveLength(1)
    const [{ memberId, clientId, instanceId, host, assignment, targetAssignment }] = description.members
    expect([memberId, clientId]).toEqual([theirs.members[0].memberId, 'reader'])
    expect(instanceId).toBe(protocol === 'classic' ? 'static-1' : null)
    expect(host).toContain('127.0.0.1')
    const both = [0, 1].map((partition) => ({ topic, partition }))
    expect(assignment).toEqual(both)
    expect(targetAssignment).toEqual(protocol === 'consumer' ? both : null)
    expect((await admin.describeConsumerGroups()).map((one) => one.group)).toContain(group)
    expect(consumer.closed).toBe(false)
  })
})

it('says of a group that is not there that it is not', async () => {
  const group = uniqueGroup()
  const [description] = await admin.describeConsumerGroups([group])
  expect(description).toMatchObject({ group, members: [] })
  expect(description.error?.code ?? description.state).toMatch(/GROUP_ID_NOT_FOUND|dead/)
})

it('deletes groups, but not active ones', async () => {
  const topic = await createTopic('deleted')
  const idle = await idleGroup(topic, [0])
  const active = uniqueGroup()
  await using _consumer = await member(active, topic)
  const missing = uniqueGroup()
  const results = await admin.deleteConsumerGroups([idle, active, missing])
  expect(results.map(({ group, error }) => [group, error?.code])).toEqual([
    [idle, undefined],
    [active, 'NON_EMPTY_GROUP'],
    [missing, 'GROUP_ID_NOT_FOUND'],
  ])
  expect((await kafka.listGroups()).map(({ group }) => group)).not.toContain(idle)
})

describe('offsets of a group', () => {
  it('are listed: all, and those of some partitions', async () => {
    const topic = await createTopic('committed', { partitions: 3 })
    const group = await idleGroup(topic, [5, 7])
    const all = await admin.listConsumerGroupOffsets(group)
    expect(all.map(({ partition, offset, error }) => [partition, offset, error])).toEqual([
      [0, 5, undefined],
      [1, 7, undefined],
    ])
    const some = await admin.listConsumerGroupOffsets(
      group,
      [
        { topic, partition: 1 },
        { topic, partition: 2 },
      ],
      { requireStableOffsets: true },
    )
    expect(some.map(({ partition, offset }) => [partition, offset])).toEqual([
      [1, 7],
      [2, Offset.invalid],
    ])
    expect(await admin.listConsumerGroupOffsets(group, [])).toEqual([])
    expect(await admin.listConsumerGroupOffsets(uniqueGroup())).toEqual([])
  })

  it('are altered, with metadata and epoch', async () => {
    const topic = await createTopic('moved', { partitions: 2 })
    const group = await idleGroup(topic, [5, 7])
    const results = await admin.alterConsumerGroupOffsets(group, [
      { topic, partition: 0, offset: 1, metadata: 'by hand', leaderEpoch: 0 },
      { topic, partition: 99, offset: 1 },
    ])
    expect(results.map(({ partition, error }) => [partition, error?.code])).toEqual([
      [0, undefined],
      [99, 'UNKNOWN_TOPIC_OR_PART'],
    ])
    const offsets = (await kafka.groupOffsets(group))[topic]
    expect(offsets[0]).toMatchObject({ offset: 1, metadata: 'by hand' })
    expect(offsets[1].offset).toBe(7)
  })

  it('are not altered while the group is active', async () => {
    const topic = await createTopic('busy')
    const group = uniqueGroup()
    await using _consumer = await member(group, topic)
    const results = await admin.alterConsumerGroupOffsets(group, [{ topic, partition: 0, offset: 0 }]).then(
      ([{ error }]) => error,
      (error) => error,
    )
    expect(results?.code).toBe('UNKNOWN_MEMBER_ID')
  })

  it('are deleted, but not of a topic that members read', async () => {
    const topic = await createTopic('forgotten', { partitions: 2 })
    const group = await idleGroup(topic, [5, 7])
    const [deleted] = await admin.deleteConsumerGroupOffsets(group, [{ topic, partition: 0 }])
    expect(deleted).toMatchObject({ topic, partition: 0 })
    expect(deleted.error).toBeUndefined()
    expect(Object.keys((await kafka.groupOffsets(group))[topic])).toEqual(['1'])
    await using _consumer = await member(group, topic)
    const [refused] = await admin.deleteConsumerGroupOffsets(group, [{ topic, partition: 1 }])
    expect(refused.error?.code).toBe('GROUP_SUBSCRIBED_TO_TOPIC')
    const error = await rejection(admin.deleteConsumerGroupOffsets(uniqueGroup(), [{ topic, partition: 0 }]))
    expect(error.code).toBe('GROUP_ID_NOT_FOUND')
  })
})

describe('groupLag', () => {
  it('equals what kafka-consumer-groups says', async () => {
    const topic = await createTopic('lagging', { partitions: 3 })
    await kafka.produce(topic, [...values(10, 0), ...values(20, 1), ...values(5, 2)])
    const group = await idleGroup(topic, [4, 20, 0])
    const lag = await admin.groupLag(group)
    expect(lag).toEqual({
      total: 11,
      partitions: [
        { topic, partition: 0, committed: 4, end: 10, lag: 6 },
        { topic, partition: 1, committed: 20, end: 20, lag: 0 },
        { topic, partition: 2, committed: 0, end: 5, lag: 5 },
      ],
    })
    const output = await kafkaTool('kafka-consumer-groups', ['--describe', '--group', group])
    const rows = output.split('\n').map((line) => line.trim().split(/\s+/))
    const head = rows.find((row) => row.includes('LAG')) as string[]
    const column = (row: string[], name: string) => Number(row[head.indexOf(name)])
    const theirs = rows
      .filter((row) => row.includes(topic))
      .map((row) => ({
        topic,
        partition: column(row, 'PARTITION'),
        committed: column(row, 'CURRENT-OFFSET'),
        end: column(row, 'LOG-END-OFFSET'),
        lag: column(row, 'LAG'),
      }))
      .sort((a, b) => a.partition - b.partition)
    expect(lag.partitions).toEqual(theirs)
  })

  it('has assigned partitions without a commit, and rejects for a group that is not there', async () => {
    const [read, left] = [await createTopic('read', { partitions: 2 }), await createTopic('left')]
    await kafka.produce(read, values(3, 0))
    await kafka.produce(left, values(3, 0))
    const group = uniqueGroup()
    await using consumer = await member(group, read)
    await consumer.commit([{ topic: read, partition: 0, offset: 1 }])
    expect(await admin.groupLag(group)).toEqual({
      total: 2,
      partitions: [
        { topic: read, partition: 0, committed: 1, end: 3, lag: 2 },
        { topic: read, partition: 1, committed: null, end: 0, lag: null },
      ],
    })
    const idle = await idleGroup(left, [1])
    expect((await admin.groupLag(idle)).total).toBe(2)
    const error = await rejection(admin.groupLag(uniqueGroup()))
    expect(error.code).toBe('GROUP_ID_NOT_FOUND')
  })
})

describe('resetOffsets', () => {
  it('moves a group to the beginning, the end, a time and an offset within the topic', async () => {
    const topic = await createTopic('reset', { partitions: 2 })
    const times = [1_700_000_001_000, 1_700_000_002_000, 1_700_000_003_000]
    for (const partition of [0, 1]) {
      for (const timestamp of times) await kafka.produce(topic, [{ value: 'x', partition, timestamp }])
    }
    await kafka.deleteRecords(topic, 1, 1)
    const group = await idleGroup(topic, [2, 2])
    const committed = async () => {
      const offsets = (await kafka.groupOffsets(group))[topic]
      return [offsets[0].offset, offsets[1].offset]
    }
    const results = await admin.resetOffsets(group, topic, { to: 'beginning' })
    expect(results.map(({ partition, offset, error }) => [partition, offset, error])).toEqual([
      [0, 0, undefined],
      [1, 1, undefined],
    ])
    expect(await committed()).toEqual([0, 1])
    await admin.resetOffsets(group, topic, { to: 'end' })
    expect(await committed()).toEqual([3, 3])
    await admin.resetOffsets(group, topic, { to: new Date(times[1]) })
    expect(await committed()).toEqual([1, 1])
    await admin.resetOffsets(group, topic, { to: new Date(times[2] + 1) })
    expect(await committed()).toEqual([3, 3])
    await admin.resetOffsets(group, topic, { to: 0, partitions: [1] })
    expect(await committed()).toEqual([3, 1])
    await admin.resetOffsets(group, topic, { to: 1_000_000 })
    expect(await committed()).toEqual([3, 3])
  })

  it('makes offsets for a group that never was', async () => {
    const topic = await createTopic('ahead')
    await kafka.produce(topic, values(4, 0))
    const group = uniqueGroup()
    await admin.resetOffsets(group, topic, { to: 'end' })
    expect((await kafka.groupOffsets(group))[topic][0].offset).toBe(4)
  })

  it('refuses a group with members, and changes nothing', async () => {
    const topic = await createTopic('occupied')
    const group = uniqueGroup()
    await using consumer = await member(group, topic)
    await consumer.commit([{ topic, partition: 0, offset: 0 }])
    const error = await rejection(admin.resetOffsets(group, topic, { to: 'beginning' }))
    expect(error.code).toBe('NON_EMPTY_GROUP')
    expect(error.message).toContain(group)
    expect((await kafka.groupOffsets(group))[topic][0].offset).toBe(0)
  })

  it('rejects for a topic or partition that is not there', async () => {
    const topic = await createTopic('small')
    const unknown = await rejection(admin.resetOffsets(uniqueGroup(), uniqueGroup('no'), { to: 'end' }))
    expect(unknown.code).toBe('UNKNOWN_TOPIC_OR_PART')
    const partition = await rejection(admin.resetOffsets(uniqueGroup(), topic, { to: 'end', partitions: [1] }))
    expect(partition.code).toBe('_INVALID_ARG')
  })
})
