// ACLs, SCRAM users and elections, on a cluster of three brokers with the authorizer, a SASL listener and its tools.
import { AdminClient, Consumer, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'
import type { Witness } from '../helpers/witness.js'

let cluster: Awaited<ReturnType<typeof startCluster>>
let admin: AdminClient
let kafka: Witness
beforeAll(async () => {
  cluster = await startCluster({
    brokers: 3,
    acls: true,
    listeners: {
      SCRAM: {
        protocol: 'SASL_PLAINTEXT',
        mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512'],
        users: { first: 'first-secret' },
      },
    },
  })
  admin = new AdminClient({ 'bootstrap.servers': cluster.brokers })
  kafka = (await witness()).at(cluster.brokers)
})
afterAll(async () => {
  await admin?.close()
  await cluster?.stop()
})

const login = (user: string, password: string) =>
  ({
    'bootstrap.servers': cluster.listeners.SCRAM,
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanism': 'SCRAM-SHA-512',
    'sasl.username': user,
    'sasl.password': password,
  }) as const

const mechanism = 'SCRAM-SHA-512'

describe('ACLs', () => {
  it('are created, described by filter, and deleted', async () => {
    const topic = uniqueTopic()
    const principal = 'User:alice'
    const results = await admin.createAcls([
      { resourceType: 'topic', name: topic, principal, operation: 'read' },
      { resourceType: 'group', name: 'team-', patternType: 'prefixed', principal, operation: 'all', host: '10.0.0.1' },
      { resourceType: 'cluster', principal, operation: 'idempotentWrite', permission: 'deny' },
      { resourceType: 'transactionalId', name: '*', principal: 'User:bob', operation: 'describe' },
    ])
    expect(results).toEqual([{}, {}, {}, {}])
    const theirs = await waitFor('Kafka knows them', async () => {
      const acls = (await kafka.describeAcls()).filter((acl) => acl.principal === principal)
      return acls.length === 3 ? acls : undefined
    })
    expect(theirs).toContainEqual({
      resourceType: 'GROUP',
      resourceName: 'team-',
      patternType: 'PREFIXED',
      principal,
      host: '10.0.0.1',
      operation: 'ALL',
      permission: 'ALLOW',
    })
    expect(await cluster.tools('kafka-acls', ['--list', '--principal', principal])).toContain('IDEMPOTENT_WRITE')

    const read = {
      resourceType: 'topic',
      name: topic,
      patternType: 'literal',
      principal,
      host: '*',
      operation: 'read',
      permission: 'allow',
    }
    expect(await admin.describeAcls({ resourceType: 'topic', name: topic })).toEqual([read])
    expect(await admin.describeAcls({ principal })).toHaveLength(3)
    expect((await admin.describeAcls({ principal, permission: 'deny' })).map(({ name }) => name)).toEqual([
      'kafka-cluster',
    ])
    expect(await admin.describeAcls({ resourceType: 'group', name: 'team-7', patternType: 'match' })).toHaveLength(1)
    expect((await admin.describeAcls()).length).toBeGreaterThanOrEqual(4)
    expect(await admin.describeAcls({ principal: 'User:nobody' })).toEqual([])

    const [one, none] = await admin.deleteAcls([{ principal }, { principal: 'User:nobody' }])
    expect(one.error).toBeUndefined()
    expect(one.matching).toHaveLength(3)
    expect(one.matching).toContainEqual(read)
    expect(none).toEqual({ matching: [] })
    await waitFor('Kafka has forgotten them', async () => {
      return !(await kafka.describeAcls()).some((acl) => acl.principal === principal)
    })
  })

  it('say of each binding why it was not created', async () => {
    const acl = { resourceType: 'topic', name: uniqueTopic(), operation: 'read' } as const
    const [good, bad] = await admin.createAcls([
      { ...acl, principal: 'User:alice' },
      { ...acl, principal: 'alice' },
    ])
    expect(good.error).toBeUndefined()
    expect(bad.error?.code).toBe('INVALID_REQUEST')
  })

  it('deny what is not allowed: results, or the request, name the authorization', async () => {
    await admin.alterUserScramCredentials([{ user: 'mallory', mechanism, password: 'mallory-secret' }])
    const topic = uniqueTopic()
    await kafka.createTopic(topic)
    await using mallory = new AdminClient(login('mallory', 'mallory-secret'))
    const [described] = await mallory.describeTopics([topic])
    expect(described.error?.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    const [created] = await mallory.createTopics([{ topic: uniqueTopic() }])
    expect(created.error?.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    const [configs] = await mallory.describeConfigs([{ type: 'topic', name: topic }])
    expect(configs.error?.code).toBe('TOPIC_AUTHORIZATION_FAILED')
    const [group] = await mallory.describeConsumerGroups([uniqueGroup()])
    expect(group.error?.code).toBe('GROUP_AUTHORIZATION_FAILED')
    expect((await rejection(mallory.describeAcls())).code).toBe('CLUSTER_AUTHORIZATION_FAILED')
    const acl = { resourceType: 'topic', name: topic, principal: 'User:mallory' } as const
    await admin.createAcls([{ ...acl, operation: 'describe' }])
    // Each broker learns of it in its own time.
    const allowed = await waitFor('mallory may describe it', async () => {
      const [{ authorizedOperations }] = await mallory.describeTopics([topic], { includeAuthorizedOperations: true })
      return authorizedOperations?.length ? authorizedOperations : undefined
    })
    expect(allowed).toEqual(['describe'])
  })
})

describe('SCRAM users', () => {
  it('are described as Kafka does: all, some, and one that is not there', async () => {
    const all = await admin.describeUserScramCredentials()
    const theirs = await kafka.describeScram()
    const first = all.find(({ user }) => user === 'first')
    expect(first?.credentials).toHaveLength(theirs.first.length)
    const [some, missing] = await admin.describeUserScramCredentials(['first', 'nobody'])
    expect(some).toEqual(first)
    expect(missing).toMatchObject({ user: 'nobody', credentials: [], error: { code: 'RESOURCE_NOT_FOUND' } })
  })

  it('are made, can log in, get another password, and are deleted', async () => {
    const user = uniqueTopic('user')
    const salt = Buffer.from('0123456789abcdef')
    const results = await admin.alterUserScramCredentials([
      { user, mechanism, password: 'first-password', iterations: 4096, salt },
      { user, mechanism: 'SCRAM-SHA-256', password: Buffer.from('other') },
    ])
    expect(results).toEqual([
      { user, mechanism },
      { user, mechanism: 'SCRAM-SHA-256' },
    ])
    await waitFor('Kafka knows both', async () => (await kafka.describeScram())[user]?.length === 2)
    const credentials = await waitFor('every broker does', async () => {
      const [{ credentials }] = await admin.describeUserScramCredentials([user])
      return credentials.length === 2 ? credentials : undefined
    })
    expect(credentials).toContainEqual({ mechanism, iterations: 4096 })
    expect(credentials).toContainEqual({ mechanism: 'SCRAM-SHA-256', iterations: 8192 })

    const logsIn = async (password: string) => {
      await using other = new AdminClient(login(user, password))
      return await other.describeCluster({ timeout: 3000 }).then(
        () => true,
        () => false,
      )
    }
    await waitFor('a log-in', () => logsIn('first-password'))
    await admin.alterUserScramCredentials([{ user, mechanism, password: 'second-password' }])
    await waitFor('a log-in with the new password', () => logsIn('second-password'))
    await waitFor('the old password is of no use', async () => !(await logsIn('first-password')))

    await admin.alterUserScramCredentials([{ user, mechanism, delete: true }])
    await waitFor('one credential is gone', async () => (await kafka.describeScram())[user].length === 1)
    const [again] = await admin.alterUserScramCredentials([{ user, mechanism, delete: true }])
    expect(again.error?.code).toBe('RESOURCE_NOT_FOUND')
  })
})

describe('leaders', () => {
  it('are elected: the preferred one, after another broker had to take over', { timeout: 180_000 }, async () => {
    const topic = uniqueTopic()
    const created = await admin.createTopics([{ topic, replicaAssignment: [[1, 2, 3]] }])
    expect(created[0].error).toBeUndefined()
    await admin.waitForTopic(topic)
    const partition = { topic, partition: 0 }
    const [needless] = await admin.electLeaders('preferred', [partition])
    expect(needless).toMatchObject({ ...partition, error: { code: 'ELECTION_NOT_NEEDED' } })
    await cluster.nodes[0].kill()
    const leader = async () => (await kafka.describeTopic(topic)).partitions[0]
    await waitFor('another leader', async () => ![1, -1].includes((await leader()).leader))
    await cluster.nodes[0].start()
    await waitFor('broker 1 in sync', async () => (await leader()).isr.length === 3)
    if ((await leader()).leader !== 1) {
      const [elected] = await admin.electLeaders('preferred', [partition])
      expect(['ELECTION_NOT_NEEDED', undefined]).toContain(elected.error?.code)
    }
    await waitFor('the preferred leader', async () => (await leader()).leader === 1)
    const all = await admin.electLeaders('preferred')
    expect(all.every(({ error }) => error === undefined || error.code === 'ELECTION_NOT_NEEDED')).toBe(true)
    const [unclean] = await admin.electLeaders('unclean', [partition])
    expect(unclean.error?.code).toBe('ELECTION_NOT_NEEDED')
    const [missing] = await admin.electLeaders('preferred', [{ topic: uniqueTopic(), partition: 0 }])
    expect(missing.error?.code).toBe('UNKNOWN_TOPIC_OR_PART')
  })
})

it('describes the configurations of several brokers in one call, each from its own', async () => {
  const described = await admin.describeConfigs([
    { type: 'broker', name: 3 },
    { type: 'broker', name: '1' },
  ])
  expect(described.map(({ name }) => name)).toEqual(['3', '1'])
  expect(described.map(({ entries }) => entries.find(({ name }) => name === 'node.id')?.value)).toEqual(['3', '1'])
})

it('asks the broker that it is told to', async () => {
  for (const broker of [1, 2, 3]) {
    expect((await admin.describeCluster({ broker })).nodes).toHaveLength(3)
  }
  expect((await rejection(admin.describeCluster({ broker: 99, timeout: 500 }))).code).toBe('_TIMED_OUT')
})

it('shares the connection, and so the user, of a producer and a consumer', async () => {
  const config = login('first', 'first-secret')
  await using producer = new Producer(config)
  await using consumer = new Consumer({ ...config, 'group.id': uniqueGroup() })
  for (const client of [producer, consumer]) {
    const shared = AdminClient.from(client)
    expect((await shared.describeCluster()).nodes).toHaveLength(3)
    expect((await rejection(shared.describeAcls())).code).toBe('CLUSTER_AUTHORIZATION_FAILED')
    await shared.close()
    expect(client.closed).toBe(false)
  }
})
