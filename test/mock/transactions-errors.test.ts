// What is left of the table: time-outs in each call, errors that are fatal, and coordinators that are not there, on the
// embedded cluster. The rest is in transactions.test.ts.
import { MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { groupOffsets, kafkaError, readyProducer } from '../helpers/transactions.js'

const slow = 1500
let cluster: MockCluster
let id = 0
let topic: string
let group: string

beforeAll(() => {
  cluster = new MockCluster({ brokers: 3 })
})
afterAll(() => cluster.close())
beforeEach(async () => {
  topic = `errors-${++id}`
  group = `group-${id}`
  await cluster.createTopic(topic)
})

const ready = () => readyProducer(cluster, `errors-id-${id}`)
const offsets = () => groupOffsets(cluster, group, topic)

describe('a time-out', () => {
  const calls = {
    sendOffsetsToTransaction: async (producer: Producer, timeout?: number) => {
      const [list, metadata] = await offsetsOnce()
      return producer.sendOffsetsToTransaction(list, metadata, { timeout })
    },
    commitTransaction: (producer: Producer, timeout?: number) => producer.commitTransaction({ timeout }),
    abortTransaction: (producer: Producer, timeout?: number) => producer.abortTransaction({ timeout }),
  }
  let once: Awaited<ReturnType<typeof offsets>> | undefined
  const offsetsOnce = async () => {
    once ??= await offsets()
    return once
  }

  it.each(Object.keys(calls) as (keyof typeof calls)[])(
    'of %s says what to call, which then succeeds',
    async (name) => {
      once = undefined
      await offsetsOnce()
      await using producer = await ready()
      await producer.beginTransaction()
      await producer.send({ topic, value: 'x' })
      cluster.brokers.rtt(slow)
      const error = await kafkaError(calls[name](producer, 100))
      cluster.brokers.rtt(0)
      expect(error).toMatchObject({ fatal: false, retriable: true, txnRequiresAbort: false })
      expect(error.message).toMatch(new RegExp(`call ${name}\\(\\) again`))
      await calls[name](producer)
      if (name === 'sendOffsetsToTransaction') await producer.commitTransaction()
      await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
    },
  )
})

describe('a fatal error', () => {
  it.each([
    ['EndTxn', 'INVALID_TXN_STATE'],
    ['EndTxn', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
    ['AddPartitionsToTxn', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
    ['AddOffsetsToTxn', 'INVALID_TXN_STATE'],
    ['TxnOffsetCommit', 'INVALID_PRODUCER_ID_MAPPING'],
  ] as const)('in %s (%s) says so in this call and in each one after it; close settles', async (api, code) => {
    const producer = await ready()
    const [list, metadata] = await offsets()
    cluster.pushErrors(api, [code])
    const error = await kafkaError(
      producer.transaction(async (tx) => {
        tx.produce({ topic, value: 'x' })
        await tx.sendOffsets(list, metadata)
      }),
    )
    cluster.clearErrors(api)
    expect(error).toMatchObject({ fatal: true, retriable: false, txnRequiresAbort: false })
    expect(error.message).toMatch(/Fatal: close this producer/)
    for (const call of [producer.beginTransaction(), producer.commitTransaction(), producer.abortTransaction()]) {
      expect((await kafkaError(call)).fatal).toBe(true)
    }
    expect((await kafkaError(producer.send({ topic, value: 'late' }))).fatal).toBe(true)
    await producer.close({ timeout: 5000 })
  })

  it('of initTransactions leaves a producer that closes', async () => {
    await using producer = new Producer({
      'bootstrap.servers': cluster.bootstrapServers,
      'transactional.id': `errors-id-${id}`,
    })
    cluster.pushErrors('InitProducerId', ['TRANSACTIONAL_ID_AUTHORIZATION_FAILED'])
    expect(await kafkaError(producer.initTransactions())).toMatchObject({
      code: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
      fatal: true,
    })
  })
})

// deps/librdkafka/fixes.cmake: these waited for ever.
describe("a group's coordinator", () => {
  it('that is down: the offsets are given up in time, the transaction is aborted, and the next one works', async () => {
    cluster.coordinator('group', group, 1)
    const [list, metadata] = await offsets()
    await using producer = await ready()
    await producer.beginTransaction()
    cluster.broker(1).down()
    const from = performance.now()
    const error = await kafkaError(producer.sendOffsetsToTransaction(list, metadata, { timeout: 2000 }))
    const took = performance.now() - from
    cluster.broker(1).up()
    expect(took).toBeLessThan(10_000)
    expect(error).toMatchObject({ fatal: false, txnRequiresAbort: true })
    await producer.abortTransaction()
    await producer.transaction((tx) => tx.sendOffsets(list, metadata))
  })

  it.each([
    ['COORDINATOR_LOAD_IN_PROGRESS'],
    [
      'COORDINATOR_NOT_AVAILABLE',
      'COORDINATOR_NOT_AVAILABLE',
      'COORDINATOR_NOT_AVAILABLE',
      'COORDINATOR_NOT_AVAILABLE',
    ],
    ['_TRANSPORT'],
  ] as const)('that cannot be found at first (%s …) is looked for again', async (...errors) => {
    const [list, metadata] = await offsets()
    await using producer = await ready()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
    cluster.pushErrors('FindCoordinator', errors)
    await producer.sendOffsetsToTransaction(list, metadata, { timeout: 20_000 })
    cluster.clearErrors('FindCoordinator')
    await producer.commitTransaction()
  })
})

it('what purged the records is the error, however it is met', async () => {
  await using producer = await ready()
  const refuse = () => cluster.pushErrors('AddPartitionsToTxn', ['TOPIC_AUTHORIZATION_FAILED'])
  const expected = { code: 'TOPIC_AUTHORIZATION_FAILED', txnRequiresAbort: true }
  refuse()
  expect(await kafkaError(producer.transaction((tx) => tx.send({ topic, value: 'awaited' })))).toMatchObject({
    ...expected,
    txnRequiresAbort: false,
  })
  refuse()
  const unawaited = producer.transaction((tx) => void tx.sendBatch(topic, [{ value: 'not' }, { value: 'awaited' }]))
  expect(await kafkaError(unawaited)).toMatchObject({ ...expected, txnRequiresAbort: false })
  refuse()
  await producer.beginTransaction()
  expect((await kafkaError(producer.send({ topic, value: 'by hand' }))).code).toBe('_PURGE_QUEUE')
  const error = await kafkaError(producer.commitTransaction())
  expect(error).toMatchObject(expected)
  expect(error.message).toMatch(/call abortTransaction\(\)/)
  await producer.abortTransaction()
  // A purge of the program's own is no more than that.
  await producer.beginTransaction()
  cluster.brokers.rtt(300)
  const purged = kafkaError(producer.send({ topic, value: 'purged' }))
  await producer.purge()
  expect((await purged).code).toMatch(/^_PURGE/)
  expect((await kafkaError(producer.commitTransaction())).code).toBe('_INCONSISTENT')
  cluster.brokers.rtt(0)
  await producer.abortTransaction()
  await producer.transaction((tx) => tx.send({ topic, value: 'at last' }))
})
