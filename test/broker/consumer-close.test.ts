// close() settles within its timeout in every state, whatever the brokers, the handlers and the hooks do.
import { AdminClient, Consumer, type ConsumerOptions, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCluster, uniqueGroup } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

const topic = 'wide'
const partitions = 256
const timeout = 3000
// A busy machine is slow; what hangs takes session.timeout.ms (45 s) or for ever.
const slack = 15_000

let cluster: Awaited<ReturnType<typeof startCluster>>
beforeAll(async () => {
  cluster = await startCluster({ brokers: 1 })
  await using producer = new Producer({ 'bootstrap.servers': cluster.brokers })
  const admin = AdminClient.from(producer)
  await admin.createTopics([{ topic, numPartitions: partitions }])
  await admin.waitForTopic(topic)
  const records = Array.from({ length: 10_000 }, (_, i) => ({ value: 'x'.repeat(100), partition: i % partitions }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
})
afterAll(() => cluster?.stop())

const nothing = () => {}
const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing }
const never = () => new Promise<void>(nothing)

function consumerOf(protocol: 'classic' | 'consumer', group: string, options: ConsumerOptions = {}) {
  return new Consumer(
    {
      'bootstrap.servers': cluster.brokers,
      'group.id': group,
      'group.protocol': protocol,
      'auto.offset.reset': 'earliest',
    },
    { logger: silent, onError: nothing, ...options },
  )
}

/** Where something never ends, closing may say so; it settles all the same. */
async function closes(consumer: Consumer, { stuck = false } = {}) {
  const from = performance.now()
  const ended = consumer.close({ timeout }).catch((error) => error)
  expect(await consumer.close().catch((error) => error)).toBe(await ended)
  expect(performance.now() - from).toBeLessThan(timeout + slack)
  if (!stuck) expect(await ended).toBeUndefined()
  else if (await ended) expect(await ended).toMatchObject({ code: '_TIMED_OUT' })
  expect(consumer.closed).toBe(true)
}

async function reading(consumer: Consumer) {
  await consumer.subscribe(topic)
  expect(await consumer.poll(60_000)).not.toBeNull()
}

describe.each(['classic', 'consumer'] as const)('group.protocol=%s: it closes', (protocol) => {
  it('before the first assignment', async () => {
    const consumer = consumerOf(protocol, uniqueGroup())
    await consumer.subscribe(topic)
    await closes(consumer)
  })

  it('with 256 partitions', async () => {
    const consumer = consumerOf(protocol, uniqueGroup())
    await reading(consumer)
    expect(consumer.assignment).toHaveLength(partitions)
    await closes(consumer)
  })

  it('with a handler that is stuck', async () => {
    const consumer = consumerOf(protocol, uniqueGroup())
    await consumer.subscribe(topic)
    let stuck = false
    const read = async () => {
      for await (const _ of consumer) {
        stuck = true
        await never()
      }
    }
    void read()
    await waitFor('it is stuck', () => stuck, 60_000)
    await closes(consumer)
  })

  it('with hooks that are stuck', async () => {
    let stuck = false
    const onAssigned = () => {
      stuck = true
      return never()
    }
    const consumer = consumerOf(protocol, uniqueGroup(), { onAssigned, onRevoked: never })
    await consumer.subscribe(topic)
    const polled = consumer.poll(60_000)
    await waitFor('it is stuck', () => stuck, 60_000)
    await closes(consumer, { stuck })
    expect(await polled).toBeNull()
  })

  it('in the middle of a rebalance, with the member that causes it', async () => {
    const group = uniqueGroup()
    const first = consumerOf(protocol, group)
    await reading(first)
    const second = consumerOf(protocol, group)
    await second.subscribe(topic)
    const polled = second.poll(60_000)
    await Promise.all([closes(first), closes(second)])
    await polled
  })

  it('after a fatal error', async () => {
    const consumer = consumerOf(protocol, uniqueGroup())
    await reading(consumer)
    consumer.testFatalError('UNKNOWN_MEMBER_ID', 'a test')
    const read = async () => {
      for await (const _ of consumer);
    }
    expect(await rejection(read())).toMatchObject({ code: 'UNKNOWN_MEMBER_ID', fatal: true })
    await closes(consumer)
  })

  it('while the broker does not answer, assigned or not', async () => {
    const assigned = consumerOf(protocol, uniqueGroup())
    await reading(assigned)
    cluster.nodes[0].pause()
    try {
      const late = consumerOf(protocol, uniqueGroup())
      const subscribed = late.subscribe(topic).catch(nothing)
      const stuck = true
      await Promise.all([closes(assigned, { stuck }), closes(late, { stuck })])
      await subscribed
    } finally {
      cluster.nodes[0].resume()
    }
  })
})
