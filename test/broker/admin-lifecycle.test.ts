// Many requests, no broker, closing at any moment.
import { AdminClient, Consumer, Producer } from 'odradek'
import { describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, uniqueTopic } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

const nowhere = { 'bootstrap.servers': '127.0.0.1:1', 'reconnect.backoff.max.ms': 100 } as const
const newAdmin = () => new AdminClient({ 'bootstrap.servers': bootstrapServers() })

/** One request of each kind, to a client that cannot be answered. */
const requests: Record<string, (admin: AdminClient, timeout: number) => Promise<unknown>> = {
  createTopics: (admin, timeout) => admin.createTopics([{ topic: 'a' }], { timeout }),
  deleteTopics: (admin, timeout) => admin.deleteTopics(['a'], { timeout }),
  createPartitions: (admin, timeout) => admin.createPartitions([{ topic: 'a', totalCount: 2 }], { timeout }),
  describeTopics: (admin, timeout) => admin.describeTopics(['a'], { timeout }),
  describeAllTopics: (admin, timeout) => admin.describeTopics(undefined, { timeout }),
  deleteRecords: (admin, timeout) => admin.deleteRecords([{ topic: 'a', partition: 0, offset: 1 }], { timeout }),
  listOffsets: (admin, timeout) => admin.listOffsets([{ topic: 'a', partition: 0, spec: 'latest' }], { timeout }),
  describeConfigs: (admin, timeout) => admin.describeConfigs([{ type: 'topic', name: 'a' }], { timeout }),
  incrementalAlterConfigs: (admin, timeout) =>
    admin.incrementalAlterConfigs([{ type: 'broker', name: 1, entries: [{ name: 'a', value: 1 }] }], { timeout }),
  alterConfigs: (admin, timeout) => admin.alterConfigs([{ type: 'topic', name: 'a', config: { b: 1 } }], { timeout }),
  listConsumerGroups: (admin, timeout) => admin.listConsumerGroups({ timeout }),
  deleteConsumerGroups: (admin, timeout) => admin.deleteConsumerGroups(['a'], { timeout }),
  describeConsumerGroups: (admin, timeout) => admin.describeConsumerGroups(['a'], { timeout }),
  listConsumerGroupOffsets: (admin, timeout) => admin.listConsumerGroupOffsets('a', null, { timeout }),
  alterConsumerGroupOffsets: (admin, timeout) =>
    admin.alterConsumerGroupOffsets('a', [{ topic: 'a', partition: 0, offset: 0 }], { timeout }),
  deleteConsumerGroupOffsets: (admin, timeout) =>
    admin.deleteConsumerGroupOffsets('a', [{ topic: 'a', partition: 0 }], { timeout }),
  createAcls: (admin, timeout) =>
    admin.createAcls([{ resourceType: 'topic', name: 'a', principal: 'User:a', operation: 'read' }], { timeout }),
  describeAcls: (admin, timeout) => admin.describeAcls({}, { timeout }),
  deleteAcls: (admin, timeout) => admin.deleteAcls([{}], { timeout }),
  describeUserScramCredentials: (admin, timeout) => admin.describeUserScramCredentials([], { timeout }),
  alterUserScramCredentials: (admin, timeout) =>
    admin.alterUserScramCredentials([{ user: 'a', mechanism: 'SCRAM-SHA-256', password: 'canary-7351' }], { timeout }),
  describeCluster: (admin, timeout) => admin.describeCluster({ timeout }),
  electLeaders: (admin, timeout) => admin.electLeaders('preferred', null, { timeout }),
  metadata: (admin, timeout) => admin.metadata({ timeout }),
  clusterId: (admin, timeout) => admin.clusterId({ timeout }),
  controllerId: (admin, timeout) => admin.controllerId({ timeout }),
  groupLag: (admin, timeout) => admin.groupLag('a', { timeout }),
  resetOffsets: (admin, timeout) => admin.resetOffsets('a', 'a', { to: 'end', timeout }),
  ensureTopics: (admin, timeout) => admin.ensureTopics([{ topic: 'a' }], { timeout }),
  waitForTopic: (admin, timeout) => admin.waitForTopic('a', { timeout }),
}

/** What it came to: a request's error, or that of its only item. */
async function errorOf(request: Promise<unknown>): Promise<{ code?: string; message: string }> {
  try {
    const value = (await request) as { error?: Error }[] | { errors: Error[] }
    const error = Array.isArray(value) ? value[0]?.error : value.errors[0]
    if (error) return error
  } catch (error) {
    return error as Error
  }
  throw new Error('it succeeded')
}

describe('an unreachable broker', () => {
  it('lets every operation fail at its timeout, all at once', async () => {
    await using admin = new AdminClient(nowhere)
    const from = performance.now()
    const errors = await Promise.all(
      Object.entries(requests).map(async ([name, request]) => [name, await errorOf(request(admin, 600))] as const),
    )
    expect(performance.now() - from).toBeLessThan(30_000)
    for (const [name, { code, message }] of errors) {
      expect(code, name).toMatch(/^_(TIMED_OUT|TRANSPORT|UNKNOWN_TOPIC|LEADER_NOT_AVAILABLE)$|^LEADER_NOT_AVAILABLE$/)
      expect(message, name).not.toContain('canary-7351')
    }
  })

  it('does not keep close waiting, and close rejects what waits', async () => {
    const admin = new AdminClient(nowhere)
    const waiting = Object.entries(requests).map(
      async ([name, request]) => [name, await errorOf(request(admin, 60_000))] as const,
    )
    const from = performance.now()
    await Promise.all([admin.close(), admin.close()])
    expect(performance.now() - from).toBeLessThan(30_000)
    for (const [name, { code }] of await Promise.all(waiting)) expect(code, name).toBe('_STATE')
    expect((await rejection(admin.describeCluster())).code).toBe('_STATE')
    expect(admin.closed).toBe(true)
  })

  it('does not outlive an abort', async () => {
    await using admin = new AdminClient(nowhere)
    const controller = new AbortController()
    const waiting = rejection(admin.describeCluster({ signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect((await waiting).message).toBe('enough')
    expect((await rejection(admin.describeCluster({ signal: controller.signal }))).message).toBe('enough')
  })
})

describe('closing', () => {
  it('with answers on their way rejects or answers each request, again and again', async () => {
    const topic = await createTopic('closing')
    for (let round = 0; round < 10; round++) {
      const admin = newAdmin()
      if (round % 2) await admin.clusterId()
      const codes = Array.from({ length: 20 }, (_, i) => {
        const request = i % 2 ? admin.describeTopics([topic]) : admin.listConsumerGroups()
        return request.then(
          () => 'answered',
          (error) => error.code,
        )
      })
      await admin.close()
      for (const code of await Promise.all(codes)) expect(['answered', '_STATE']).toContain(code)
    }
  })

  it('of a producer or consumer answers those who share it', async () => {
    const config = { 'bootstrap.servers': bootstrapServers() } as const
    for (const client of [new Producer(config), new Consumer({ ...config, 'group.id': uniqueGroup() })]) {
      const shared = AdminClient.from(client)
      await shared.clusterId()
      // A broker that is not there: never answered before the timeout.
      const waiting = rejection(shared.describeCluster({ broker: 77, timeout: 60_000 }))
      await client.close()
      expect((await waiting).code).toMatch(/^_DESTROY$|^_STATE$/)
      expect((await rejection(shared.describeCluster())).code).toBe('_STATE')
      expect(shared.closed).toBe(true)
    }
  })
})

it('makes 200 requests at once', async () => {
  await using admin = newAdmin()
  const topics = Array.from({ length: 50 }, () => uniqueTopic('many'))
  expect((await admin.createTopics(topics.map((topic) => ({ topic })))).filter(({ error }) => error)).toEqual([])
  await Promise.all(topics.map((topic) => admin.waitForTopic(topic)))
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => [
      admin.describeTopics([topics[i]]).then(([{ topic, error }]) => [topic, error]),
      admin.describeConfigs([{ type: 'topic', name: topics[i] }]).then(([{ name, error }]) => [name, error]),
      admin
        .listOffsets([{ topic: topics[i], partition: 0, spec: 'latest' }])
        .then(([{ topic, error }]) => [topic, error]),
      admin.metadata({ topic: topics[i] }).then(({ topics: [{ topic, error }] }) => [topic, error]),
    ]).flat(),
  )
  // Each has got its own answer.
  expect(answers).toEqual(topics.flatMap((topic) => Array.from({ length: 4 }, () => [topic, undefined])))
  await admin.deleteTopics(topics)
})

it('shares a producer that has its own work', async () => {
  const topic = await createTopic('shared')
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
  const admin = AdminClient.from(producer)
  const [reports, description] = await Promise.all([
    producer.sendBatch(
      topic,
      Array.from({ length: 1000 }, () => ({ value: 'x' })),
    ),
    admin.describeTopics([topic]),
  ])
  expect(reports.failures).toEqual([])
  expect(description[0].topic).toBe(topic)
  await waitFor('all are there', async () => {
    return (await admin.listOffsets([{ topic, partition: 0, spec: 'latest' }]))[0].offset === 1000
  })
})
