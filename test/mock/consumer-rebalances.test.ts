// Rebalances that overtake each other, and what becomes of an application that changes its mind.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Consumer, type ConsumerOptions, type Message, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

let cluster: MockCluster
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('t', { partitions: 3 })
})
afterAll(() => cluster.close())

function consumerOf(group: string, options: ConsumerOptions = {}) {
  const config = {
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': group,
    'group.protocol': 'consumer',
  } as const
  return new Consumer({ ...config, 'fetch.wait.max.ms': 50 }, options)
}

// The assignment and its revocation wait side by side while nobody reads; each has to be answered.
it('survives an unsubscribe that comes with an assignment nobody has looked at, and closes', async () => {
  for (let round = 0; round < 20; round++) {
    const held = new Set<number>()
    await using consumer = consumerOf(`changes-${round}`, {
      onAssigned: (partitions) => {
        for (const { partition } of partitions) held.add(partition)
      },
      onRevoked: (partitions) => {
        for (const { partition } of partitions) held.delete(partition)
      },
    })
    await consumer.subscribe('t')
    await waitFor('an assignment', async () => (await consumer.poll(10)) ?? consumer.isAssigned)
    for (let again = 0; again < 2; again++) {
      await consumer.unsubscribe()
      await consumer.subscribe('t')
      // Time for the group to assign, in steps that hit before, between and after.
      await new Promise((resolve) => setTimeout(resolve, round / 2))
    }
    if (round % 2 === 0) await waitFor('an assignment', async () => (await consumer.poll(10)) ?? consumer.isAssigned)
    await consumer.close({ timeout: 10_000 })
    if (round % 2 === 0) expect([...held]).toEqual([])
  }
})

it('is assigned what the group had given it before it changed its mind twice', async () => {
  // The answer to the first heartbeat finds it unsubscribed, and later ones say nothing new.
  const late = 400
  cluster.requests.start()
  cluster.broker(1).pushErrors('ConsumerGroupHeartbeat', [{ rtt: late }])
  await using consumer = consumerOf('twice')
  await consumer.subscribe('t')
  await waitFor('it joins', () => cluster.requests.list('ConsumerGroupHeartbeat').length)
  await consumer.unsubscribe()
  await new Promise((resolve) => setTimeout(resolve, 2 * late))
  await consumer.subscribe('t')
  await waitFor('an assignment', async () => (await consumer.poll(10)) ?? consumer.isAssigned)
  expect(consumer.assignment).toHaveLength(3)
})

it('closes from inside onAssigned', async () => {
  let closed: Promise<void> | undefined
  const consumer = consumerOf('closes-inside', {
    onAssigned: async () => {
      closed = consumer.close({ timeout: 10_000 })
      await closed
    },
  })
  await consumer.subscribe('t')
  expect(await consumer.poll(20_000)).toBeNull()
  await closed
  expect(consumer.closed).toBe(true)
})

it('gives up partitions taken by hand', async () => {
  await using consumer = consumerOf('by-hand')
  await consumer.assign([{ topic: 't', partition: 0, offset: 0 }])
  await consumer.unsubscribe()
  expect(consumer.assignment).toEqual([])
  await consumer.assign([{ topic: 't', partition: 1, offset: 0 }])
  expect(consumer.assignment).toEqual([{ topic: 't', partition: 1 }])
})

it.each(['classic', 'consumer'] as const)(
  'subscribes to what a RegExp matches, and to nothing else: %s',
  async (protocol) => {
    for (const name of ['1', '22', 'x', '1b'])
      await cluster.createTopic(`pattern-${protocol}-${name}`, { partitions: 1 })
    const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': `pattern-${protocol}` } as const
    await using consumer = new Consumer({ ...config, 'group.protocol': protocol, 'fetch.wait.max.ms': 50 })
    await consumer.subscribe(new RegExp(`${protocol}-(?:\\d+|x)$`))
    await waitFor('an assignment', async () => (await consumer.poll(10)) ?? consumer.isAssigned)
    const topics = ['1', '22', 'x'].map((name) => `pattern-${protocol}-${name}`)
    await waitFor('all of them', async () => (await consumer.poll(10)) ?? consumer.assignment.length >= topics.length)
    expect(consumer.assignment.map(({ topic }) => topic).sort()).toEqual(topics)
  },
)

it('tells diagnostics channels what came, was committed and was rebalanced', async () => {
  const events: { [name: string]: object[] } = { receive: [], commit: [], rebalance: [] }
  const listeners = Object.entries(events).map(([name, list]) => {
    const listener = (event: unknown) => {
      if ((event as { client: string }).client === 'watched') list.push(event as object)
    }
    subscribe(`odradek:consumer:${name}`, listener)
    return () => unsubscribe(`odradek:consumer:${name}`, listener)
  })
  try {
    await cluster.createTopic('watched', { partitions: 1 })
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
    await producer.send({ topic: 'watched', value: 'x' })
    const config = {
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'watched',
      'client.id': 'watched',
    } as const
    const consumer = new Consumer({ ...config, 'group.protocol': 'consumer', 'auto.offset.reset': 'earliest' })
    await consumer.subscribe('watched')
    const message = await consumer.poll(20_000)
    await consumer.commit(message as Message)
    await consumer.close()
  } finally {
    for (const stop of listeners) stop()
  }
  const partitions = [{ topic: 'watched', partition: 0 }]
  expect(events.rebalance.map((event) => ({ ...event, client: undefined }))).toEqual([
    { kind: 'assigned', partitions },
    { kind: 'revoked', partitions },
  ])
  expect(events.receive).toMatchObject([{ count: 1 }])
  expect(events.commit[0]).toMatchObject({ results: [{ ...partitions[0], offset: 1 }], error: undefined })
})

it('changes what it is subscribed to while it reads, and loses nothing of what stays', async () => {
  for (const topic of ['stays', 'comes']) await cluster.createTopic(topic, { partitions: 1 })
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  for (const topic of ['stays', 'comes']) {
    await producer.sendBatch(
      topic,
      Array.from({ length: 200 }, (_, i) => ({ value: String(i) })),
    )
  }
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'subscriptions' } as const
  const consumer = new Consumer({ ...config, 'group.protocol': 'consumer', 'auto.offset.reset': 'earliest' })
  await consumer.subscribe('stays')
  expect(await consumer.subscription()).toEqual(['stays'])
  const seen: { [topic: string]: number[] } = { stays: [], comes: [] }
  for await (const { topic, offset } of consumer) {
    seen[topic].push(offset)
    if (seen.stays.length === 50 && seen.comes.length === 0) await consumer.subscribe(['stays', 'comes'])
    if (seen.stays.length + seen.comes.length === 400) break
  }
  const all = Array.from({ length: 200 }, (_, i) => i)
  expect(seen).toEqual({ stays: all, comes: all })
  await consumer.close()
})
