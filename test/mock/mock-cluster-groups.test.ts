// Groups and telemetry: settings of the brokers as clients meet them, and assignments made by hand.
import { Consumer, type ConsumerOptions, MockCluster, Producer } from 'odradek'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'
import { type Endpoint, endpoints, groupHeartbeat, shareGroupHeartbeat } from './mock-cluster-wire.js'

let cluster: MockCluster
let broker: Endpoint

beforeEach(async () => {
  cluster = new MockCluster()
  broker = endpoints(cluster.bootstrapServers)[0]
  await cluster.createTopic('orders', { partitions: 4 })
})
afterEach(() => cluster.close())

const all = [0, 1, 2, 3]
const partitions = (...list: number[]) => list.map((partition) => ({ topic: 'orders', partition }))
const sorted = (list: number[] | null) => list?.toSorted()

async function assigned(more: object, options: ConsumerOptions = {}): Promise<Consumer> {
  const consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g', ...more }, options)
  await consumer.subscribe('orders')
  consumer.poll(30_000).catch(() => {})
  await waitFor('an assignment', () => consumer.assignment.length === 4)
  return consumer
}

describe('a consumer group', () => {
  it.each([0, 2000])('waits %i ms for others when it begins', async (delay) => {
    if (delay > 0) cluster.consumerGroups.configure({ initialRebalanceDelay: delay })
    cluster.requests.start()
    await using _ = await assigned({ 'group.protocol': 'classic' })
    const [joined] = cluster.requests.list('JoinGroup')
    const [synced] = cluster.requests.list('SyncGroup')
    const waited = synced.timestamp - joined.timestamp
    if (delay > 0) expect(waited).toBeGreaterThanOrEqual(delay)
    else expect(waited).toBeLessThan(2000)
  })

  it('hears from its members as often as it is told (KIP-848)', async () => {
    cluster.consumerGroups.configure({ heartbeatInterval: 60 })
    cluster.requests.start()
    await using _ = await assigned({ 'group.protocol': 'consumer' })
    cluster.requests.clear()
    const beats = await waitFor('heartbeats', () => {
      const list = cluster.requests.list('ConsumerGroupHeartbeat')
      return list.length >= 5 && list
    })
    const apart = (beats[4].timestamp - beats[1].timestamp) / 3
    expect(apart).toBeGreaterThan(40)
    expect(apart).toBeLessThan(1000)
  })

  it('loses a member that is silent for its session timeout (KIP-848)', async () => {
    cluster.consumerGroups.configure({ sessionTimeout: 100 })
    await groupHeartbeat(broker, 'g', 'silent', 0, 'orders')
    let { epoch, partitions } = await groupHeartbeat(broker, 'g', 'alive', 0, 'orders')
    expect(partitions?.length ?? 0).toBeLessThan(4)
    await waitFor('all partitions', async () => {
      const answer = await groupHeartbeat(broker, 'g', 'alive', epoch, 'orders')
      epoch = answer.epoch
      partitions = answer.partitions ?? partitions
      return partitions?.length === 4
    })
  })

  it('gives the partitions that a test says, until it is told not to (KIP-848)', async () => {
    const first = await groupHeartbeat(broker, 'g', 'm', 0, 'orders')
    expect(sorted(first.partitions)).toEqual(all)
    cluster.consumerGroups.targetAssignment('g', new Map([['m', partitions(2, 0)]]))
    const second = await groupHeartbeat(broker, 'g', 'm', first.epoch, 'orders')
    expect(sorted(second.partitions)).toEqual([0, 2])
    expect(second.epoch).toBeGreaterThan(first.epoch)
    cluster.consumerGroups.targetAssignment('g', null)
    expect(sorted((await groupHeartbeat(broker, 'g', 'm', second.epoch, 'orders')).partitions)).toEqual(all)
  })

  it('passes over groups and members that it does not have, but not topics', async () => {
    cluster.consumerGroups.targetAssignment('nobody', new Map([['m', partitions(0)]]))
    const first = await groupHeartbeat(broker, 'g', 'm', 0, 'orders')
    cluster.consumerGroups.targetAssignment('g', new Map([['other', partitions(0)]]))
    const { errno, partitions: given } = await groupHeartbeat(broker, 'g', 'm', first.epoch, 'orders')
    expect({ errno, given: sorted(given ?? first.partitions) }).toEqual({ errno: 0, given: all })
    expect(() => cluster.consumerGroups.targetAssignment('g', new Map([['m', partitions(4)]]))).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PART', message: 'there is no orders [4] in the cluster' }),
    )
  })

  it('fences its member when such an error is pushed, and takes it back (KIP-848)', async () => {
    cluster.consumerGroups.configure({ heartbeatInterval: 50 })
    let lost: number[] = []
    const onLost = (list: { partition: number }[]) => {
      lost = list.map(({ partition }) => partition)
    }
    await using consumer = await assigned({ 'group.protocol': 'consumer' }, { onLost })
    cluster.pushErrors('ConsumerGroupHeartbeat', ['FENCED_MEMBER_EPOCH'])
    await waitFor('the partitions are lost', () => lost.length > 0)
    expect(sorted(lost)).toEqual(all)
    await waitFor('they are back', () => consumer.assignment.length === 4)
  })
})

describe('a share group', () => {
  const join = (member: string) => shareGroupHeartbeat(broker, 'g', member, 0, 'orders')

  it('has members, once there is one', async () => {
    expect(() => cluster.shareGroups.memberIds('g')).toThrow(
      expect.objectContaining({ code: 'GROUP_ID_NOT_FOUND', message: expect.stringContaining("share group 'g'") }),
    )
    await join('a')
    await join('b')
    expect(cluster.shareGroups.memberIds('g')).toEqual(['a', 'b'])
    await shareGroupHeartbeat(broker, 'g', 'a', -1, 'orders')
    expect(cluster.shareGroups.memberIds('g')).toEqual(['b'])
  })

  it('has the heartbeat interval and the size that are set', async () => {
    cluster.shareGroups.configure({ heartbeatInterval: 123, maxSize: 1 })
    expect(await join('a')).toMatchObject({ errno: 0, interval: 123 })
    expect((await join('b')).errno).toBe(81) // GROUP_MAX_SIZE_REACHED
    cluster.shareGroups.configure({ maxSize: 2 })
    expect((await join('b')).errno).toBe(0)
  })

  it('loses a member that is silent for its session timeout', async () => {
    cluster.shareGroups.configure({ sessionTimeout: 50 })
    await join('a')
    await waitFor('it is gone', () => cluster.shareGroups.memberIds('g').length === 0)
  })

  it('gives the partitions that a test says, to members that it has', async () => {
    const first = await join('a')
    expect(sorted(first.partitions)).toEqual(all)
    cluster.shareGroups.targetAssignment('g', new Map([['a', partitions(3, 1)]]))
    expect(sorted((await shareGroupHeartbeat(broker, 'g', 'a', first.epoch, 'orders')).partitions)).toEqual([1, 3])
    expect(() => cluster.shareGroups.targetAssignment('g', new Map([['b', []]]))).toThrow(
      expect.objectContaining({ code: '_INVALID_ARG', message: "share group 'g' has the members a; got 'b'" }),
    )
    expect(() => cluster.shareGroups.targetAssignment('h', new Map())).toThrow(
      expect.objectContaining({ code: 'GROUP_ID_NOT_FOUND' }),
    )
  })

  it('takes all its settings', () => {
    cluster.shareGroups.configure({
      sessionTimeout: 1000,
      heartbeatInterval: 100,
      maxDeliveryAttempts: 3,
      recordLockDuration: 500,
      isolationLevel: 'read_committed',
      maxSize: 0,
      maxFetchSessions: 10,
      maxRecordLocks: 100,
      autoOffsetReset: 'earliest',
    })
  })
})

describe('telemetry', () => {
  it('is pushed when metrics are asked for, as often as they are', async () => {
    cluster.telemetry.requestedMetrics(['org.apache.kafka.producer'])
    cluster.telemetry.pushInterval(50)
    cluster.requests.start()
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
    await producer.send({ topic: 'orders', value: 'v' })
    await waitFor('pushes', () => cluster.requests.list('PushTelemetry').length >= 3)
    expect(cluster.requests.list('GetTelemetrySubscriptions').length).toBeGreaterThan(0)
  })

  it('is not pushed when none are asked for', async () => {
    cluster.telemetry.requestedMetrics('all')
    cluster.telemetry.requestedMetrics(null)
    cluster.telemetry.pushInterval(50)
    cluster.requests.start()
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
    await producer.send({ topic: 'orders', value: 'v' })
    // Without metrics, the client asks again after the interval.
    await waitFor('subscriptions', () => cluster.requests.list('GetTelemetrySubscriptions').length >= 2)
    expect(cluster.requests.list('PushTelemetry')).toEqual([])
  })
})
