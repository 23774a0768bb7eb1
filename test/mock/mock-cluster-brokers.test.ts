// Brokers, partitions and injected errors, as a producer and a consumer meet them.
import { Consumer, MockCluster, Producer } from 'odradek'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'
import { endpoints, fetchState } from './mock-cluster-wire.js'

let cluster: MockCluster
let producer: Producer

beforeEach(async () => {
  cluster = new MockCluster({ brokers: 3 })
  await cluster.createTopic('orders', { partitions: 3 })
  for (const partition of [0, 1, 2]) cluster.partition('orders', partition).leader(partition + 1)
  producer = producerWith({})
})
afterEach(async () => {
  await producer.close({ timeout: 1000 })
  await cluster.close()
})

function producerWith(more: object): Producer {
  const quick = { 'linger.ms': 0, 'retry.backoff.ms': 10, 'reconnect.backoff.ms': 10, 'reconnect.backoff.max.ms': 50 }
  return new Producer({ 'bootstrap.servers': cluster.bootstrapServers, ...quick, ...more })
}

const send = (partition = 0) => producer.send({ topic: 'orders', partition, value: 'v' })
const produceRequests = () => cluster.requests.list('Produce').map(({ brokerId }) => brokerId)

describe('a broker', () => {
  it('that is down takes nothing until it is up again', async () => {
    await send(0)
    await producer.close()
    producer = producerWith({ 'message.timeout.ms': 300 })
    cluster.broker(1).down()
    const from = performance.now()
    expect((await rejection(send(0))).code).toBe('_MSG_TIMED_OUT')
    expect(performance.now() - from).toBeLessThan(20_000)
    expect((await send(1)).brokerId).toBe(2)
    cluster.broker(1).up()
    await waitFor('broker 1 takes messages', () => send(0).catch(() => null))
  })

  it('loses its connections when it goes down', async () => {
    await using consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'g',
      'auto.offset.reset': 'earliest',
      'reconnect.backoff.ms': 10,
      'reconnect.backoff.max.ms': 50,
    })
    await send(1)
    await consumer.subscribe('orders')
    expect(await consumer.poll(10_000)).toMatchObject({ partition: 1, offset: 0 })
    cluster.brokers.down()
    cluster.brokers.up()
    cluster.requests.start()
    await send(1)
    expect(await consumer.poll(10_000)).toMatchObject({ partition: 1, offset: 1 })
    expect(cluster.requests.list('ApiVersion').length).toBeGreaterThan(1)
  })

  it('answers later by its rtt, which the report shows', async () => {
    await send(0)
    await send(1)
    cluster.broker(1).rtt(1500)
    expect((await send(0)).latency).toBeGreaterThanOrEqual(1_500_000)
    expect((await send(1)).latency).toBeLessThan(1_500_000)
    cluster.brokers.rtt(80)
    expect((await send(1)).latency).toBeGreaterThanOrEqual(80_000)
  })

  it('lets go of what it held back when its rtt ends', async () => {
    await send(0)
    cluster.requests.start()
    cluster.broker(1).rtt(1_000_000)
    const report = send(0)
    await waitFor('the request arrives', () => cluster.requests.list('Produce').length === 1)
    cluster.broker(1).rtt(0)
    expect((await report).error).toBeUndefined()
  })

  it('that is decommissioned or hidden leads no partition', async () => {
    cluster.broker(3).decommission()
    cluster.broker(2).hide()
    const leaders = await Promise.all([0, 1, 2].map(async (partition) => (await send(partition)).brokerId))
    expect(leaders).toEqual([1, 1, 1])
  })

  it('that is added gets partitions', async () => {
    for (const id of [4, 5, 6]) cluster.broker(id).add()
    for (const id of [1, 2]) cluster.broker(id).decommission()
    const leaders = await Promise.all([0, 1, 2].map(async (partition) => (await send(partition)).brokerId))
    expect(leaders).toEqual([3, 4, 5])
  })
})

describe('a partition', () => {
  it('is produced to at the leader it is moved to', async () => {
    expect((await send(0)).brokerId).toBe(1)
    cluster.partition('orders', 0).leader(3)
    expect(await send(0)).toMatchObject({ brokerId: 3, offset: 1 })
  })

  it('without a leader takes nothing, and everything once it has one', async () => {
    await send(0)
    cluster.partition('orders', 0).leader(null)
    expect((await send(1)).brokerId).toBe(2)
    const waiting = send(0)
    const meanwhile = producerWith({ 'message.timeout.ms': 300 })
    const late = await rejection(meanwhile.send({ topic: 'orders', partition: 0, value: 'v' }))
    expect(late.code).toBe('_MSG_TIMED_OUT')
    await meanwhile.close()
    cluster.partition('orders', 0).leader(2)
    expect((await waiting).brokerId).toBe(2)
  })

  it('is read at the follower that it names', async () => {
    for (let i = 0; i < 3; i++) await send(0)
    cluster.partition('orders', 0).follower(3)
    cluster.requests.start()
    await using consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' })
    await consumer.assign([{ topic: 'orders', partition: 0, offset: 0 }])
    for (let offset = 0; offset < 3; offset++) expect(await consumer.poll(10_000)).toMatchObject({ offset })
    const fetches = cluster.requests.list('Fetch').map(({ brokerId }) => brokerId)
    expect(fetches[0]).toBe(1)
    expect(fetches).toContain(3)
  })

  it('shows the watermarks of its follower, where they are set', async () => {
    for (let i = 0; i < 5; i++) await send(0)
    const [leader, , follower] = endpoints(cluster.bootstrapServers)
    const partition = cluster.partition('orders', 0)
    partition.follower(3)
    expect(await fetchState(leader, 'orders', 0, 5)).toEqual({ errno: 0, low: 0, high: 5, preferred: 3 })
    partition.followerWatermarks({ low: 2, high: 4 })
    expect(await fetchState(follower, 'orders', 0, 5)).toMatchObject({ low: 2, high: 4 })
    expect(await fetchState(follower, 'orders', 0, 1)).toMatchObject({ errno: 1 })
    partition.followerWatermarks({ high: 3 })
    expect(await fetchState(follower, 'orders', 0, 5)).toMatchObject({ low: 0, high: 3 })
    partition.follower(null)
    expect(await fetchState(leader, 'orders', 0, 5)).toMatchObject({ preferred: -1 })
  })

  it('begins where its records are deleted up to', async () => {
    for (let i = 0; i < 5; i++) await send(0)
    cluster.partition('orders', 0).deleteRecords(3)
    await using consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' })
    await consumer.assign([{ topic: 'orders', partition: 0, offset: -2 }])
    expect((await consumer.poll(10_000))?.offset).toBe(3)
    expect(() => cluster.partition('orders', 0).deleteRecords(6)).toThrow(
      expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE', message: expect.stringContaining('orders [0]') }),
    )
  })

  it('of an unknown topic is created, except to delete records', async () => {
    expect(() => cluster.partition('new', 0).deleteRecords(0)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PART' }),
    )
    cluster.partition('new', 4).leader(2)
    expect((await producer.send({ topic: 'new', partition: 4, value: 'v' })).brokerId).toBe(2)
    expect(() => cluster.partition('new', 5).leader(2)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PART' }),
    )
  })
})

describe('errors pushed', () => {
  it('for requests are met once each, and retried by the client', async () => {
    await send(0)
    cluster.requests.start()
    cluster.pushErrors('Produce', ['NOT_LEADER_OR_FOLLOWER', 'REQUEST_TIMED_OUT', '_TRANSPORT'])
    expect(await send(0)).toMatchObject({ offset: 1, brokerId: 1 })
    expect(produceRequests()).toEqual([1, 1, 1, 1])
  })

  it('reach the caller when they are not retriable', async () => {
    cluster.pushErrors('Produce', ['NO_ERROR', 'RECORD_LIST_TOO_LARGE'])
    expect((await send(0)).offset).toBe(0)
    expect((await rejection(send(0))).code).toBe('RECORD_LIST_TOO_LARGE')
    expect((await send(0)).offset).toBe(1)
  })

  it('are forgotten when cleared', async () => {
    cluster.pushErrors('Produce', Array(100).fill('RECORD_LIST_TOO_LARGE'))
    expect((await rejection(send(0))).code).toBe('RECORD_LIST_TOO_LARGE')
    cluster.clearErrors('Produce')
    expect((await send(0)).offset).toBe(0)
  })

  it('for a broker are met by its requests only, with their delays', async () => {
    await send(0)
    await send(1)
    const broker = cluster.broker(1)
    expect(broker.errorsLeft('Produce')).toBe(0)
    broker.pushErrors('Produce', [{ rtt: 1200 }, 'RECORD_LIST_TOO_LARGE', { error: 'INVALID_REQUIRED_ACKS', rtt: 90 }])
    expect(broker.errorsLeft('Produce')).toBe(3)
    expect((await send(1)).latency).toBeLessThan(1_200_000)
    expect(broker.errorsLeft('Produce')).toBe(3)
    expect((await send(0)).latency).toBeGreaterThanOrEqual(1_200_000)
    expect((await rejection(send(0))).code).toBe('RECORD_LIST_TOO_LARGE')
    const from = performance.now()
    expect((await rejection(send(0))).code).toBe('INVALID_REQUIRED_ACKS')
    expect(performance.now() - from).toBeGreaterThan(85)
    expect(broker.errorsLeft('Produce')).toBe(0)
    expect(broker.errorsLeft('Fetch')).toBe(0)
  })

  it('for a partition leave its neighbours alone', async () => {
    for (const partition of [0, 1]) cluster.partition('orders', partition).leader(1)
    cluster.partition('orders', 0).pushErrors('Produce', ['RECORD_LIST_TOO_LARGE'])
    const [failed, sent] = await Promise.allSettled([send(0), send(1)])
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'RECORD_LIST_TOO_LARGE' } })
    expect(sent.status).toBe('fulfilled')
    expect((await send(0)).offset).toBe(0)
  })

  it('for a topic fail what is sent to it', async () => {
    cluster.topicError('orders', 'TOPIC_AUTHORIZATION_FAILED')
    expect((await rejection(send(0))).code).toBe('TOPIC_AUTHORIZATION_FAILED')
  })

  // librdkafka's cluster looks up the new leader for the answer, and does not mind that there is none.
  it.each(['before', 'after'])(
    'with NOT_LEADER_OR_FOLLOWER %s a topic is deleted do not end the process',
    async (when) => {
      await producer.close()
      producer = producerWith({ 'message.timeout.ms': 500 })
      await send(0)
      if (when === 'before') cluster.pushErrors('Produce', ['NOT_LEADER_OR_FOLLOWER'])
      await cluster.deleteTopic('orders')
      if (when === 'after') cluster.broker(1).pushErrors('Produce', ['NOT_LEADER_OR_FOLLOWER'])
      cluster.requests.start()
      // Refused as long as the topic is gone, sent if a client brings it back in time.
      await send(0).catch((error) => expect(error.code).toBe('_MSG_TIMED_OUT'))
      expect(produceRequests().length).toBeGreaterThan(0)
      await cluster.createTopic('afterwards')
      expect((await producer.send({ topic: 'afterwards', value: 'v' })).offset).toBe(0)
    },
  )
})

describe('the list of requests', () => {
  it('has who was asked what and when, from start to stop', async () => {
    expect(cluster.requests.list()).toEqual([])
    cluster.requests.start()
    const before = Date.now()
    await send(0)
    await send(1)
    const produced = cluster.requests.list('Produce')
    expect(produced.map(({ brokerId, apiKey, apiKeyNumber }) => [brokerId, apiKey, apiKeyNumber])).toEqual([
      [1, 'Produce', 0],
      [2, 'Produce', 0],
    ])
    for (const { timestamp } of produced) {
      expect(timestamp).toBeGreaterThan(before - 50)
      expect(timestamp).toBeLessThan(Date.now() + 50)
    }
    expect(produced[1].timestamp).toBeGreaterThan(produced[0].timestamp)
    expect(cluster.requests.list().map(({ apiKey }) => apiKey)).toContain('Metadata')

    cluster.requests.stop()
    await send(0)
    expect(produceRequests()).toEqual([1, 2])
    cluster.requests.clear()
    expect(produceRequests()).toEqual([])
    cluster.requests.start()
    await send(2)
    expect(produceRequests()).toEqual([3])
    cluster.requests.clear()
    await send(2)
    expect(produceRequests()).toEqual([3])
  })
})
