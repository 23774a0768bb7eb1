// Admin operations on topics, records and configurations, seen by Kafka's own client.
import { AdminClient, Offset, type TopicPartition } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, kafkaTool, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'
import type { Witness } from '../helpers/witness.js'

let admin: AdminClient
let kafka: Witness
beforeAll(async () => {
  admin = new AdminClient({ 'bootstrap.servers': bootstrapServers() })
  kafka = await witness()
})
afterAll(() => admin.close())

describe('createTopics', () => {
  it('creates topics with partitions, configuration and replica assignment', async () => {
    const [plain, configured, assigned] = [uniqueTopic(), uniqueTopic(), uniqueTopic()]
    const [{ id }] = (await admin.describeCluster()).nodes
    const results = await admin.createTopics([
      { topic: plain },
      {
        topic: configured,
        numPartitions: 12,
        replicationFactor: 1,
        config: { 'cleanup.policy': 'compact', 'retention.ms': 60_000 },
      },
      { topic: assigned, replicaAssignment: [[id], [id]] },
    ])
    expect(results).toEqual([{ topic: plain }, { topic: configured }, { topic: assigned }])
    await Promise.all([plain, configured, assigned].map((topic) => admin.waitForTopic(topic)))
    expect((await kafka.describeTopic(configured)).partitions).toHaveLength(12)
    expect((await kafka.describeTopic(assigned)).partitions.map(({ replicas }) => replicas)).toEqual([[id], [id]])
    const config = await kafka.describeConfig('topic', configured)
    expect(config['cleanup.policy'].value).toBe('compact')
    expect(config['retention.ms'].value).toBe('60000')
  })

  it('says of each topic why it was not created', async () => {
    const existing = await createTopic('existing')
    const fresh = uniqueTopic()
    const wrong = uniqueTopic()
    const results = await admin.createTopics([
      { topic: existing },
      { topic: fresh },
      { topic: wrong, config: { 'retention.ms': 'soon' } },
      { topic: 'not a name' },
    ])
    expect(results.map(({ topic, error }) => [topic, error?.code])).toEqual([
      [existing, 'TOPIC_ALREADY_EXISTS'],
      [fresh, undefined],
      [wrong, 'INVALID_CONFIG'],
      ['not a name', 'TOPIC_EXCEPTION'],
    ])
    expect(results[0].error?.message).toContain(existing)
    expect(results[2].error?.message).toContain('retention.ms')
  })

  it('only validates when told so', async () => {
    const topic = uniqueTopic()
    expect(await admin.createTopics([{ topic }], { validateOnly: true })).toEqual([{ topic }])
    const [result] = await admin.createTopics([{ topic, replicationFactor: 99 }], { validateOnly: true })
    expect(result.error?.code).toBe('INVALID_REPLICATION_FACTOR')
    expect(await kafka.listTopics()).not.toContain(topic)
  })
})

it('deletes topics', async () => {
  const topic = await createTopic('doomed')
  const missing = uniqueTopic()
  const results = await admin.deleteTopics([topic, missing])
  expect(results.map((one) => [one.topic, one.error?.code])).toEqual([
    [topic, undefined],
    [missing, 'UNKNOWN_TOPIC_OR_PART'],
  ])
  await waitFor('the topic is gone', async () => !(await kafka.listTopics()).includes(topic))
})

it('creates partitions', async () => {
  const topic = await createTopic('growing', { partitions: 2 })
  expect(await admin.createPartitions([{ topic, totalCount: 5 }], { validateOnly: true })).toEqual([{ topic }])
  expect((await kafka.describeTopic(topic)).partitions).toHaveLength(2)
  expect(await admin.createPartitions([{ topic, totalCount: 5 }])).toEqual([{ topic }])
  await waitFor('5 partitions', async () => (await kafka.describeTopic(topic)).partitions.length === 5)
  const [less] = await admin.createPartitions([{ topic, totalCount: 1 }])
  expect(less.error?.code).toBe('INVALID_PARTITIONS')
})

describe('describeTopics', () => {
  it('agrees with Kafka, and says what this client may do', async () => {
    const topic = await createTopic('described', { partitions: 3 })
    const missing = uniqueTopic()
    const [one, none] = await admin.describeTopics([topic, missing], { includeAuthorizedOperations: true })
    const expected = await kafka.describeTopic(topic)
    expect(one).toMatchObject({ topic, topicId: expected.topicId, isInternal: false })
    const plain = one.partitions.map(({ partition, leader, replicas, isr }) => {
      return { partition, leader: leader?.id, replicas: replicas.map(({ id }) => id), isr: isr.map(({ id }) => id) }
    })
    expect(plain).toEqual(expected.partitions)
    expect(one.partitions[0].leader?.port).toBeGreaterThan(0)
    expect(one.authorizedOperations).toEqual(expect.arrayContaining(['read', 'write', 'describeConfigs']))
    expect(none).toMatchObject({ topic: missing, partitions: [], error: { code: 'UNKNOWN_TOPIC_OR_PART' } })
    expect((await admin.describeTopics([topic]))[0].authorizedOperations).toBeNull()
    expect(await kafka.listTopics()).not.toContain(missing)
  })

  it('describes all topics without a list, and none of an empty one', async () => {
    const topic = await createTopic('among')
    const all = await admin.describeTopics()
    const names = all.map((one) => one.topic)
    expect(names).toContain(topic)
    for (const name of await kafka.listTopics()) expect(names).toContain(name)
    expect(await admin.describeTopics([])).toEqual([])
  })
})

it('deletes records up to an offset, or all', async () => {
  const topic = await createTopic('trimmed', { partitions: 2 })
  const records = Array.from({ length: 10 }, (_, i) => ({ value: String(i), partition: i % 2 }))
  await kafka.produce(topic, records)
  const results = await admin.deleteRecords([
    { topic, partition: 0, offset: 3 },
    { topic, partition: 1, offset: Offset.end },
  ])
  expect(results.map(({ partition, offset, error }) => [partition, offset, error])).toEqual([
    [0, 3, undefined],
    [1, 5, undefined],
  ])
  expect(await kafka.beginningOffsets(topic)).toEqual({ 0: 3, 1: 5 })
  const [beyond] = await admin.deleteRecords([{ topic, partition: 0, offset: 99 }])
  expect(beyond.error?.code).toBe('OFFSET_OUT_OF_RANGE')
})

it('lists offsets by end, greatest timestamp and time', async () => {
  const topic = await createTopic('offsets')
  const times = [1_700_000_001_000, 1_700_000_009_000, 1_700_000_005_000]
  for (const timestamp of times) await kafka.produce(topic, [{ value: 'x', partition: 0, timestamp }])
  const of = async (spec: Parameters<typeof admin.listOffsets>[0][number]['spec']) => {
    const [{ offset, timestamp, error }] = await admin.listOffsets([{ topic, partition: 0, spec }])
    expect(error).toBeUndefined()
    return [offset, timestamp]
  }
  expect(await of('earliest')).toEqual([0, -1])
  expect(await of('latest')).toEqual([3, -1])
  expect(await of('maxTimestamp')).toEqual([1, times[1]])
  expect(await of({ timestamp: times[0] + 1 })).toEqual([1, times[1]])
  expect(await of(new Date(times[0]))).toEqual([0, times[0]])
  expect((await of({ timestamp: times[1] + 1 }))[0]).toBe(-1)
  expect((await kafka.offsetsForTime(topic, times[0] + 1))[0]).toBe(1)
})

it('says which of the partitions are not there, when some are and when none is', async () => {
  const topic = await createTopic('offsets')
  const there = { topic, partition: 0 }
  const beyond = { topic, partition: 7 }
  const missing = { topic: uniqueTopic(), partition: 0 }
  const listed = async (partitions: TopicPartition[]) => {
    const results = await admin.listOffsets(partitions.map((one) => ({ ...one, spec: 'latest' })))
    return results.map(({ topic, partition, error }) => [topic, partition, error?.code])
  }
  const deleted = async (partitions: TopicPartition[]) => {
    const results = await admin.deleteRecords(partitions.map((one) => ({ ...one, offset: 0 })))
    return results.map(({ topic, partition, error }) => [topic, partition, error?.code])
  }
  for (const request of [listed, deleted]) {
    expect(await request([missing, beyond])).toEqual([
      [missing.topic, 0, 'UNKNOWN_TOPIC_OR_PART'],
      [topic, 7, 'UNKNOWN_TOPIC_OR_PART'],
    ])
    const some = await request([there, missing])
    expect(some).toContainEqual([topic, 0, undefined])
    expect(some).toContainEqual([missing.topic, 0, expect.stringMatching(/UNKNOWN_TOPIC/)])
  }
})

it('sees the last stable offset of an open transaction with read_committed', async () => {
  const topic = await createTopic('stable')
  await kafka.produce(topic, [{ value: 'a' }, { value: 'b' }], {
    transaction: { id: uniqueTopic('txn'), end: 'leave' },
  })
  const request = [{ topic, partition: 0, spec: 'latest' as const }]
  expect((await admin.listOffsets(request))[0].offset).toBe(2)
  expect((await admin.listOffsets(request, { isolationLevel: 'read_committed' }))[0].offset).toBe(0)
})

describe('configurations', () => {
  it('describes topic, broker and group at once, in order, and hides secrets', async () => {
    const topic = await createTopic('configured', { config: { 'retention.ms': 1234 } })
    const { nodes } = await admin.describeCluster()
    const group = uniqueGroup()
    const [a, b, c] = await admin.describeConfigs([
      { type: 'topic', name: topic },
      { type: 'broker', name: nodes[0].id },
      { type: 'group', name: group },
    ])
    expect([a.type, b.type, c.type]).toEqual(['topic', 'broker', 'group'])
    expect([a.name, b.name, c.name]).toEqual([topic, String(nodes[0].id), group])
    const retention = a.entries.find(({ name }) => name === 'retention.ms')
    expect(retention).toMatchObject({ value: '1234', source: 'dynamicTopic', isDefault: false, isReadOnly: false })
    expect(retention?.synonyms[0]).toMatchObject({ name: 'retention.ms', value: '1234', source: 'dynamicTopic' })
    const theirs = await kafka.describeConfig('topic', topic)
    expect(Object.fromEntries(a.entries.map(({ name, value }) => [name, value]))).toEqual(
      Object.fromEntries(Object.entries(theirs).map(([name, { value }]) => [name, value])),
    )
    expect(b.entries.find(({ name }) => name === 'node.id')).toMatchObject({
      value: String(nodes[0].id),
      isReadOnly: true,
    })
    for (const { isSensitive, value } of b.entries) if (isSensitive) expect(value).toBeNull()
    expect(c.entries.map(({ name }) => name)).toContain('consumer.session.timeout.ms')
  })

  it('says of each resource why it was not described', async () => {
    const topic = await createTopic('there')
    const missing = uniqueTopic()
    const results = await admin.describeConfigs([
      { type: 'topic', name: missing },
      { type: 'topic', name: topic },
    ])
    expect(results.map(({ name, error }) => [name, error?.code])).toEqual([
      [missing, 'UNKNOWN_TOPIC_OR_PART'],
      [topic, undefined],
    ])
  })

  it('alters single settings: set, append, subtract, delete', async () => {
    const topic = await createTopic('altered', { config: { 'retention.ms': 1234, 'segment.ms': 99_999 } })
    const resource = { type: 'topic' as const, name: topic }
    const value = async (name: string) => (await kafka.describeConfig('topic', topic))[name].value
    const entries = [
      { name: 'retention.ms', value: 5678 },
      { name: 'cleanup.policy', op: 'append' as const, value: 'compact' },
    ]
    expect(await admin.incrementalAlterConfigs([{ ...resource, entries }], { validateOnly: true })).toEqual([resource])
    expect(await value('retention.ms')).toBe('1234')
    expect(await admin.incrementalAlterConfigs([{ ...resource, entries }])).toEqual([resource])
    await waitFor('the new value', async () => (await value('retention.ms')) === '5678')
    expect((await value('cleanup.policy')).split(',').sort()).toEqual(['compact', 'delete'])
    expect(await value('segment.ms')).toBe('99999')
    await admin.incrementalAlterConfigs([
      {
        ...resource,
        entries: [
          { name: 'retention.ms', op: 'delete' },
          { name: 'cleanup.policy', op: 'subtract', value: 'delete' },
        ],
      },
    ])
    await waitFor('the default', async () => (await value('retention.ms')) !== '5678')
    expect(await value('cleanup.policy')).toBe('compact')
  })

  it('alters the configuration of a group', async () => {
    const name = uniqueGroup()
    const entries = [{ name: 'consumer.session.timeout.ms', value: 50_000 }]
    expect(await admin.incrementalAlterConfigs([{ type: 'group', name, entries }])).toEqual([{ type: 'group', name }])
    await waitFor('the new value', async () => {
      return (await kafka.describeConfig('group', name))['consumer.session.timeout.ms']?.value === '50000'
    })
  })

  it('replaces a configuration', async () => {
    const topic = await createTopic('replaced', { config: { 'retention.ms': 1234, 'segment.ms': 99_999 } })
    const results = await admin.alterConfigs([{ type: 'topic', name: topic, config: { 'retention.ms': 5678 } }])
    expect(results).toEqual([{ type: 'topic', name: topic }])
    await waitFor('the new value', async () => {
      const config = await kafka.describeConfig('topic', topic)
      return config['retention.ms'].value === '5678' && config['segment.ms'].value !== '99999'
    })
  })

  it('says what is wrong with a value or a name', async () => {
    const name = await createTopic('refused')
    const change = (entry: { name: string; value: string }) =>
      admin.incrementalAlterConfigs([{ type: 'topic', name, entries: [entry] }])
    const [value] = await change({ name: 'retention.ms', value: 'soon' })
    expect(value.error?.code).toBe('INVALID_CONFIG')
    expect(value.error?.message).toContain('retention.ms')
    const [unknown] = await change({ name: 'no.such.setting', value: '1' })
    expect(unknown.error?.code).toBe('INVALID_CONFIG')
  })
})

describe('the cluster', () => {
  it('is described as Kafka does', async () => {
    const theirs = await kafka.describeCluster()
    const ours = await admin.describeCluster({ includeAuthorizedOperations: true })
    expect(ours.clusterId).toBe(theirs.clusterId)
    expect(ours.nodes.map(({ id, host, port }) => ({ id, host, port }))).toEqual(theirs.nodes)
    expect(theirs.nodes.map(({ id }) => id)).toContain(ours.controller?.id)
    expect(ours.authorizedOperations).toContain('alter')
    expect(await admin.clusterId()).toBe(theirs.clusterId)
    expect(theirs.nodes.map(({ id }) => id)).toContain(await admin.controllerId())
  })

  it('answers metadata of one topic and of all', async () => {
    const topic = await createTopic('metadata', { partitions: 2 })
    const missing = uniqueTopic()
    const theirs = await kafka.describeTopic(topic)
    const one = await admin.metadata({ topic })
    expect(one.topics).toEqual([{ topic, partitions: theirs.partitions }])
    expect(one.brokers).toEqual((await kafka.describeCluster()).nodes)
    expect(one.brokers.map(({ id }) => id)).toContain(one.originBroker.id)
    expect((await admin.metadata()).topics.map((found) => found.topic)).toContain(topic)
    const [none] = (await admin.metadata({ topic: missing })).topics
    expect(none.error?.code).toBe('UNKNOWN_TOPIC_OR_PART')
    expect(none.error?.message).toContain(missing)
    expect(await kafka.listTopics()).not.toContain(missing)
  })
})

it('ensureTopics creates what is missing, waits for it, and leaves alone what is there', async () => {
  const [there, missing] = [await createTopic('there', { partitions: 2 }), uniqueTopic('missing')]
  const list = [
    { topic: there, numPartitions: 5 },
    { topic: missing, numPartitions: 3 },
  ]
  for (let i = 0; i < 2; i++) {
    const found = await admin.ensureTopics(list)
    expect(found.map(({ topic, partitions }) => [topic, partitions.length])).toEqual([
      [there, 2],
      [missing, 3],
    ])
    expect(found.flatMap(({ partitions }) => partitions).every(({ leader }) => leader !== null)).toBe(true)
  }
  expect(await rejection(admin.ensureTopics([{ topic: 'no topic' }]))).toMatchObject({ code: 'TOPIC_EXCEPTION' })
})

describe('waitForTopic', () => {
  it('waits until the topic is there', async () => {
    const topic = uniqueTopic()
    const waiting = admin.waitForTopic(topic)
    await admin.createTopics([{ topic, numPartitions: 3 }])
    const description = await waiting
    expect(description.partitions).toHaveLength(3)
    expect(description.partitions.every(({ leader }) => leader !== null)).toBe(true)
  })

  it('gives up at its timeout, and names the topic and why', async () => {
    const topic = uniqueTopic()
    const error = await rejection(admin.waitForTopic(topic, { timeout: 300 }))
    expect(error.code).toBe('_TIMED_OUT')
    expect(error.message).toContain(topic)
  })

  it('stops at an abort', async () => {
    const controller = new AbortController()
    const waiting = admin.waitForTopic(uniqueTopic(), { signal: controller.signal })
    controller.abort(new Error('enough'))
    expect((await rejection(waiting)).message).toBe('enough')
  })
})

it('creates what kafka-topics describes', async () => {
  const topic = uniqueTopic()
  await admin.createTopics([{ topic, numPartitions: 4, config: { 'max.message.bytes': 4242 } }])
  await admin.waitForTopic(topic)
  const output = await kafkaTool('kafka-topics', ['--describe', '--topic', topic])
  expect(output).toContain('PartitionCount: 4')
  expect(output).toContain('max.message.bytes=4242')
})
