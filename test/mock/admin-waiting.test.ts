// What an admin client waits for and for how long, what it gives up at once, and what keeps the process alive.
import { AdminClient, type KafkaError, MockCluster } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
let admin: AdminClient
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 2 })
  for (const topic of ['t', 'denied', 'late']) await cluster.createTopic(topic, { partitions: 2 })
  admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
  await admin.ready()
})
afterAll(async () => {
  await admin?.close()
  await cluster?.close()
})

// A test that would wait that long fails by its own time-out.
const long = 600_000

describe('waitForTopic', () => {
  it.each(['TOPIC_AUTHORIZATION_FAILED', 'TOPIC_EXCEPTION'] as const)('does not wait after %s', async (code) => {
    cluster.topicError('denied', code)
    const error = await rejection(admin.waitForTopic('denied', { timeout: long }))
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^denied: /) })
  })

  it.each(['UNKNOWN_TOPIC_OR_PART', 'LEADER_NOT_AVAILABLE'] as const)('waits after %s', async (code) => {
    cluster.topicError('late', code)
    const late = await rejection(admin.waitForTopic('late', { timeout: 300 }))
    expect(late).toMatchObject({ code: '_TIMED_OUT', retriable: true, cause: { code } })
    expect(late.message).toMatch(/^waitForTopic: late is not ready \(late: /)
    const waiting = admin.waitForTopic('late', { timeout: long })
    setTimeout(() => cluster.topicError('late', 'NO_ERROR'), 100)
    expect((await waiting).partitions).toHaveLength(2)
  })

  it('goes on after a connection that broke', async () => {
    cluster.pushErrors('Metadata', ['_TRANSPORT'])
    expect((await admin.waitForTopic('t', { timeout: long })).topic).toBe('t')
  })

  it('says why no broker has answered', async () => {
    await using nowhere = new AdminClient({ 'bootstrap.servers': '127.0.0.1:1', 'reconnect.backoff.max.ms': 100 })
    const error = await rejection(nowhere.waitForTopic('t', { timeout: 1500 }))
    expect(error).toMatchObject({ code: '_TIMED_OUT', cause: { code: '_TRANSPORT' } })
    expect(error.message).toMatch(/^waitForTopic: t is not ready \(.*127\.0\.0\.1:1/)
  })
})

it('says what a coordinator said, and not which function of librdkafka did not like it', async () => {
  cluster.pushErrors('OffsetFetch', ['GROUP_AUTHORIZATION_FAILED'])
  const error = await rejection(admin.listConsumerGroupOffsets('secret', [{ topic: 't', partition: 0 }]))
  const message = 'secret: Broker: Group authorization failed'
  expect(error).toMatchObject({ code: 'GROUP_AUTHORIZATION_FAILED', origin: 'broker', message })
})

describe('a request that was given up keeps no process alive', () => {
  // Its own time-out is longer than the child may live.
  const rest = `{ timeout: 3_000_000, signal: AbortSignal.timeout(200) }`
  const ends: [what: string, source: string][] = [
    ['aborted', `await admin.describeCluster(${rest}).catch(() => {})`],
    ['aborted in a wait for a topic', `await admin.waitForTopic('t', ${rest}).catch(() => {})`],
    ['aborted in ready', `await admin.ready(${rest}).catch(() => {})`],
    ['aborted twice', `await Promise.all([1, 2].map(() => admin.describeCluster(${rest}).catch(() => {})))`],
    [
      'closed, and the client that it shared is open',
      `const shared = AdminClient.from(new Producer(config))
       const waiting = shared.describeCluster({ timeout: 3_000_000 }).catch(({ code }) => console.log(code))
       await shared.close()
       await waiting`,
    ],
  ]
  it.each(ends)('%s', async (_, source) => {
    const child = await runModule(`
      const { AdminClient } = odradek
      const config = { 'bootstrap.servers': '127.0.0.1:1' }
      const admin = new AdminClient(config)
      ${source}
      console.log('given up')`)
    const { code, signal, output } = child
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: expect.stringContaining('given up') })
  })

  it('and one that was not is waited for', async () => {
    const child = await runModule(`
      const { AdminClient } = odradek
      const admin = new AdminClient({ 'bootstrap.servers': '127.0.0.1:1' })
      const given = admin.describeCluster({ timeout: 900, signal: AbortSignal.timeout(100) })
      given.catch(() => console.log('given up'))
      admin.describeCluster({ timeout: 900 }).catch(({ code }) => console.log('the other', code))`)
    expect(child.output).toMatch(/^given up\nthe other _TIMED_OUT\n$/)
    expect(child.code).toBe(0)
  })

  it('nor does what closing finds', async () => {
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController()
      const client = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
      const asked = Array.from({ length: 10 }, () => client.clusterId({ signal: controller.signal }))
      const settled = Promise.allSettled(asked)
      const closed = client.close()
      if (round % 2) await closed
      controller.abort()
      await closed
      for (const one of await settled) {
        if (one.status === 'rejected') expect((one.reason as KafkaError).code).toBe('_STATE')
      }
    }
  })
})
