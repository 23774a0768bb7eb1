// What a user may not do: an authorization error that names the resource.
import { AdminClient, Consumer, type KafkaError, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

const topic = 'secret-topic'
const group = 'secret-group'
let cluster: Awaited<ReturnType<typeof startCluster>>
let root: AdminClient
let mallory: AdminClient
const nothing = () => {}
const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing }
const partition = { topic, partition: 0 }

const login = () =>
  ({
    'bootstrap.servers': cluster.listeners.SASL,
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanisms': 'PLAIN',
    'sasl.username': 'mallory',
    'sasl.password': 'mallory-secret',
  }) as const

beforeAll(async () => {
  const users = { mallory: 'mallory-secret' }
  const listeners = { SASL: { protocol: 'SASL_PLAINTEXT' as const, mechanisms: ['PLAIN' as const], users } }
  cluster = await startCluster({ brokers: 1, acls: true, listeners })
  root = new AdminClient({ 'bootstrap.servers': cluster.brokers })
  await root.createTopics([{ topic }])
  await root.waitForTopic(topic)
  await root.resetOffsets(group, topic, { to: 'beginning' })
  mallory = new AdminClient(login())
})
afterAll(async () => {
  await mallory?.close()
  await root?.close()
  await cluster?.stop()
})

type Results = Promise<readonly { error?: KafkaError | undefined }[]>

describe('admin operations', () => {
  const topics: Record<string, () => Results> = {
    createTopics: () => mallory.createTopics([{ topic }]),
    deleteTopics: () => mallory.deleteTopics([topic]),
    createPartitions: () => mallory.createPartitions([{ topic, totalCount: 2 }]),
    describeTopics: () => mallory.describeTopics([topic]),
    deleteRecords: () => mallory.deleteRecords([{ ...partition, offset: 0 }]),
    listOffsets: () => mallory.listOffsets([{ ...partition, spec: 'latest' }]),
    describeConfigs: () => mallory.describeConfigs([{ type: 'topic', name: topic }]),
    incrementalAlterConfigs: () =>
      mallory.incrementalAlterConfigs([{ type: 'topic', name: topic, entries: [{ name: 'retention.ms', value: 1 }] }]),
    alterConfigs: () => mallory.alterConfigs([{ type: 'topic', name: topic, config: { 'retention.ms': 1 } }]),
    metadata: async () => (await mallory.metadata({ topic })).topics,
  }
  it.each(Object.entries(topics))('%s', async (_, ask) => {
    const [{ error }] = await ask()
    expect(error?.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(error?.message).toMatch(new RegExp(`^${topic}( \\[0\\])?: .*[Aa]uthorization failed`))
  })

  // Not at the end of a time-out that nothing would change in.
  const waiting: Record<string, () => Promise<unknown>> = {
    waitForTopic: () => mallory.waitForTopic(topic, { timeout: 600_000 }),
    ensureTopics: () => mallory.ensureTopics([{ topic }], { timeout: 600_000 }),
  }
  it.each(Object.entries(waiting))('%s, at once', async (_, ask) => {
    const error = await rejection(ask())
    expect(error.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    expect(error.message).toMatch(new RegExp(`^${topic}: .*[Aa]uthorization failed`))
  })

  const groups: Record<string, () => Promise<unknown>> = {
    describeConsumerGroups: async () => (await mallory.describeConsumerGroups([group]))[0],
    deleteConsumerGroups: async () => (await mallory.deleteConsumerGroups([group]))[0],
    listConsumerGroupOffsets: () => mallory.listConsumerGroupOffsets(group),
    alterConsumerGroupOffsets: () => mallory.alterConsumerGroupOffsets(group, [{ ...partition, offset: 0 }]),
    deleteConsumerGroupOffsets: () => mallory.deleteConsumerGroupOffsets(group, [partition]),
    groupLag: () => mallory.groupLag(group),
    resetOffsets: () => mallory.resetOffsets(group, topic, { to: 'end' }),
  }
  it.each(Object.entries(groups))('%s', async (_, ask) => {
    const error = await ask().then(
      (result) => (result as { error: KafkaError }).error,
      (rejected) => rejected as KafkaError,
    )
    expect(error.code).toBe('GROUP_AUTHORIZATION_FAILED')
    expect(error.message).toMatch(new RegExp(`${group}: .*Group authorization failed`))
  })

  const ofCluster: Record<string, () => Promise<unknown>> = {
    describeConfigs: async () => (await mallory.describeConfigs([{ type: 'broker', name: 1 }]))[0],
    createAcls: async () => {
      const acl = { resourceType: 'topic', name: topic, principal: 'User:mallory', operation: 'all' } as const
      return (await mallory.createAcls([acl]))[0]
    },
    describeAcls: () => mallory.describeAcls(),
    deleteAcls: async () => (await mallory.deleteAcls([{}]))[0],
    describeUserScramCredentials: () => mallory.describeUserScramCredentials(),
    alterUserScramCredentials: async () => {
      const password = 'canary-password'
      return (await mallory.alterUserScramCredentials([{ user: 'mallory', mechanism: 'SCRAM-SHA-256', password }]))[0]
    },
    electLeaders: () => mallory.electLeaders('preferred', [partition]),
  }
  it.each(Object.entries(ofCluster))('%s of the cluster', async (_, ask) => {
    const error = await ask().then(
      (result) => (result as { error: KafkaError }).error,
      (rejected) => rejected as KafkaError,
    )
    expect(error.code).toBe('CLUSTER_AUTHORIZATION_FAILED')
    expect(error.message).toMatch(/cluster/i)
    expect(error.message).not.toMatch(/Request\(|canary/)
  })
})

describe('producing', () => {
  it('to a topic', async () => {
    await using producer = new Producer(login())
    const error = await rejection(producer.send({ topic, value: 'v' }))
    expect(error).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED', message: expect.stringContaining(topic) })
    const { failures } = await producer.sendBatch(topic, [{ value: 'v' }])
    expect(failures[0].error).toMatchObject({ message: expect.stringContaining(topic) })
  })

  it('with a transactional.id', async () => {
    const errors: KafkaError[] = []
    const options = { onError: (error: KafkaError) => errors.push(error), logger: silent }
    await using producer = new Producer({ ...login(), 'transactional.id': 'secret-id' }, options)
    const error = await rejection(producer.initTransactions())
    const expected = { code: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', message: expect.stringContaining('secret-id') }
    expect(error).toMatchObject(expected)
    await waitFor('the event', () => errors.length > 0)
    expect(errors[0]).toMatchObject(expected)
  })
})

describe.each(['classic', 'consumer'] as const)('consuming, with the %s protocol', (protocol) => {
  it('in a group', async () => {
    const errors: KafkaError[] = []
    await using consumer = new Consumer(
      { ...login(), 'group.id': group, 'group.protocol': protocol },
      { onError: (error) => errors.push(error) },
    )
    await consumer.subscribe([topic])
    expect(await consumer.poll(1000)).toBeNull()
    await waitFor('the refusal', () => errors.length > 0)
    expect(errors[0]).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', message: expect.stringContaining(group) })
  })
})

it('consuming from a topic', async () => {
  const errors: KafkaError[] = []
  const principal = 'User:mallory'
  await root.createAcls([{ resourceType: 'group', name: 'open-group', principal, operation: 'read' }])
  await using consumer = new Consumer(
    { ...login(), 'group.id': 'open-group' },
    { onError: (error) => errors.push(error) },
  )
  await consumer.subscribe([topic])
  await waitFor('the refusal', async () => {
    expect(await consumer.poll(100)).toBeNull()
    return errors.some(({ code, message }) => code === 'TOPIC_AUTHORIZATION_FAILED' && message.includes(topic))
  })
})
