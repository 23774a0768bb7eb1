// A producer or a consumer that is closed while a transaction needs it: everybody hears of it, and of the right outcome.
import { Consumer, MockCluster, Producer, type Transaction } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type GroupOffsets, groupOffsets, kafkaError, readyProducer } from '../helpers/transactions.js'
import { rejection, waitFor } from '../helpers/wait.js'

const topic = 'closing'
let cluster: MockCluster
let offsets: GroupOffsets

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 3 })
  await cluster.createTopic(topic)
  offsets = await groupOffsets(cluster, 'closing-group', topic)
})
afterAll(() => cluster.close())

it('answers who asks for the membership while the consumer closes', async () => {
  const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'transactional.id': 'asking' })
  await producer.initTransactions()
  for (let round = 0; round < 40; round++) {
    const consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': `asking-${round}`,
      'enable.auto.commit': false,
    })
    await consumer.subscription()
    const run = producer.transaction(async (tx) => {
      const asked = Array.from({ length: 300 }, () => tx.sendOffsets(offsets[0], consumer).catch(() => {}))
      await consumer.close({ timeout: 10_000 })
      await Promise.all(asked)
    })
    expect((await kafkaError(run)).code).toMatch(/^(_DESTROY|UNKNOWN_MEMBER_ID)$/)
  }
  await producer.close()
})

it('settles a transaction whose producer could not end it in time, and says when its outcome is not known', async () => {
  const ways = {
    AddOffsetsToTxn: async (tx: Transaction) => {
      await tx.send({ topic, value: 'x' })
      cluster.brokers.rtt(2500)
      void tx.sendOffsets(offsets[0], offsets[1])
    },
    EndTxn: async (tx: Transaction) => {
      await tx.send({ topic, value: 'x' })
      cluster.brokers.rtt(2500)
    },
  } as const
  for (const [request, run] of Object.entries(ways) as ['AddOffsetsToTxn' | 'EndTxn', (typeof ways)['EndTxn']][]) {
    const producer = await readyProducer(cluster, `slow-${request}`)
    cluster.requests.start()
    const settled = kafkaError(producer.transaction(run))
    await waitFor('it is on its way', () => cluster.requests.list(request).length > 0)
    await producer.close({ timeout: 600 }).catch(({ code }) => expect(code).toBe('_TIMED_OUT'))
    const { message, retriable } = await settled
    if (request === 'EndTxn') expect(message).toMatch(/is closed, while it committed: .* is not known/)
    expect(retriable).toBe(false)
    cluster.requests.stop()
    cluster.brokers.rtt(0)
  }
})

it('waits no longer than it is told for what close() does', async () => {
  const producer = await readyProducer(cluster, 'waits')
  await producer.beginTransaction()
  await producer.send({ topic, value: 'x' })
  cluster.brokers.rtt(1500)
  const closed = producer.close({ timeout: 10_000 })
  cluster.requests.start()
  await waitFor('it aborts', () => cluster.requests.list('EndTxn').length > 0)
  const stop = new AbortController()
  const stopped = rejection(producer.abortTransaction({ signal: stop.signal }))
  expect(await kafkaError(producer.commitTransaction({ timeout: 50 }))).toMatchObject({ code: '_TIMED_OUT' })
  stop.abort(new Error('stopped'))
  expect((await stopped).message).toBe('stopped')
  expect(cluster.requests.list('EndTxn').length).toBe(1)
  cluster.requests.stop()
  cluster.brokers.rtt(0)
  await closed
  expect(producer.transactionCounts).toEqual({ committed: 0, aborted: 1 })
})

it('takes the offsets as they are at the call, of a consumer of a group that is not read ahead by streams', async () => {
  await using producer = await readyProducer(cluster, 'copies')
  const list = offsets[0].map((offset) => ({ ...offset }))
  cluster.requests.start()
  await producer.transaction((tx) => {
    void tx.sendOffsets(list, offsets[1])
    list.length = 0
  })
  expect(cluster.requests.list('TxnOffsetCommit').length).toBe(1)
  cluster.requests.stop()
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'enable.auto.commit': false }
  await using alone = new Consumer(config)
  expect((await kafkaError(producer.transaction((tx) => tx.sendOffsets(alone)))).code).toBe('_UNKNOWN_GROUP')
  await using ahead = new Consumer({ ...config, 'group.id': 'ahead', 'auto.offset.reset': 'earliest' })
  await ahead.subscribe(topic)
  for await (const _ of ahead.readable()) {
    expect((await kafkaError(producer.transaction((tx) => tx.sendOffsets(ahead)))).code).toBe('_CONFLICT')
    break
  }
  const misuse = producer.transaction(() => producer.sendOffsetsToTransaction(offsets[0], ahead as never))
  expect((await kafkaError(misuse)).message).toMatch(/groupMetadata\(\).*tx\.sendOffsets/)
})
