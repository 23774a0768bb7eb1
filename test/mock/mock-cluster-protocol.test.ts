// What the brokers themselves say: versions, controller, coordinators, racks, addresses.
import { MockCluster } from 'odradek'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { apiKeyName, apiKeyNumber, versionsOf } from '../../lib/mock-cluster-protocol.js'
import { apiVersions, type Endpoint, endpoints, findCoordinator, metadata } from './mock-cluster-wire.js'

let cluster: MockCluster
let broker: Endpoint

beforeEach(() => {
  cluster = new MockCluster({ brokers: 3 })
  broker = endpoints(cluster.bootstrapServers)[0]
})
afterEach(() => cluster.close())

const brokerIds = async () => (await metadata(broker)).brokers.map(({ id }) => id)

describe('requests', () => {
  it('are known by the names, numbers and versions that the cluster offers', async () => {
    const offered = await apiVersions(broker)
    const known = offered.map(({ key }) => ({ key: apiKeyNumber(apiKeyName(key)), ...versionsOf(apiKeyName(key)) }))
    expect(known).toEqual(offered)
    expect(offered).toHaveLength(24)
  })

  it('are offered in the versions set, or not at all', async () => {
    const produce = async () => (await apiVersions(broker)).find(({ key }) => key === 0)
    cluster.apiVersions('Produce', { min: 3, max: 7 })
    expect(await produce()).toEqual({ key: 0, min: 3, max: 7 })
    cluster.apiVersions('Produce', { max: 8 })
    expect(await produce()).toEqual({ key: 0, min: 0, max: 8 })
    cluster.apiVersions('Produce', null)
    expect(await produce()).toBeUndefined()
  })
})

describe('metadata', () => {
  it('names the controller, from the start and as set', async () => {
    const controller = async () => (await metadata(broker)).controller
    expect(await controller()).toBe(1)
    cluster.controller(3)
    expect(await controller()).toBe(3)
    cluster.controller(null)
    expect(await controller()).toBe(-1)
  })

  it('has the racks and addresses set', async () => {
    cluster.brokers.rack('anywhere')
    cluster.broker(2).rack('here')
    cluster.broker(3).advertise('kafka.example', 9092)
    const { brokers } = await metadata(broker)
    expect(brokers.map(({ rack }) => rack)).toEqual(['anywhere', 'here', 'anywhere'])
    expect(brokers[2]).toMatchObject({ id: 3, host: 'kafka.example', port: 9092 })
  })

  it('has a broker added, and neither one decommissioned nor one hidden', async () => {
    cluster.broker(7).add()
    expect(await brokerIds()).toEqual([1, 2, 3, 7])
    cluster.broker(2).decommission()
    expect(await brokerIds()).toEqual([1, 3, 7])
    cluster.broker(3).hide()
    expect(await brokerIds()).toEqual([1, 7])
    cluster.broker(2).add()
    expect(await brokerIds()).toEqual([1, 7, 2])
  })

  it('has a topic with its partitions and replicas, or its error', async () => {
    await cluster.createTopic('orders', { partitions: 4, replicationFactor: 2 })
    const [{ errno, partitions }] = (await metadata(broker, ['orders'])).topics
    expect(errno).toBe(0)
    expect(partitions.map(({ id }) => id)).toEqual([0, 1, 2, 3])
    for (const { replicas } of partitions) expect(new Set(replicas).size).toBe(2)

    cluster.topicError('orders', 'TOPIC_AUTHORIZATION_FAILED')
    expect((await metadata(broker, ['orders'])).topics[0].errno).toBe(29)
    cluster.topicError('orders', null)
    expect((await metadata(broker, ['orders'])).topics[0].errno).toBe(0)
    await cluster.deleteTopic('orders')
    expect((await metadata(broker, ['orders'])).topics[0].errno).toBe(3)
  })

  it('has the leader set, then one pushed for a single answer', async () => {
    await cluster.createTopic('orders')
    const partition = async () => (await metadata(broker, ['orders'])).topics[0].partitions[0]
    const { leaderEpoch } = await partition()
    cluster.partition('orders', 0).leader(3)
    expect(await partition()).toMatchObject({ leader: 3, leaderEpoch: leaderEpoch + 1 })
    cluster.partition('orders', 0).leader(null)
    expect(await partition()).toMatchObject({ leader: -1, leaderEpoch: leaderEpoch + 2 })
    cluster.partition('orders', 0).pushLeaderResponse(2, 40)
    cluster.partition('orders', 0).pushLeaderResponse(null, 41)
    expect(await partition()).toMatchObject({ leader: 2, leaderEpoch: 40 })
    expect(await partition()).toMatchObject({ leader: -1, leaderEpoch: 41 })
    expect(await partition()).toMatchObject({ leader: -1, leaderEpoch: leaderEpoch + 2 })
  })
})

describe('coordinators', () => {
  it('are the brokers set, for a group and a producer apart', async () => {
    for (const id of [1, 2, 3]) {
      cluster.coordinator('group', 'mine', id)
      cluster.coordinator('transaction', 'mine', 4 - id)
      expect(await findCoordinator(broker, 'group', 'mine')).toEqual({ errno: 0, broker: id })
      expect(await findCoordinator(broker, 'transaction', 'mine')).toEqual({ errno: 0, broker: 4 - id })
    }
  })

  it('are found no more after errors are pushed, one for each', async () => {
    cluster.pushErrors('FindCoordinator', ['COORDINATOR_NOT_AVAILABLE', 'NO_ERROR', 'GROUP_AUTHORIZATION_FAILED'])
    const errnos = []
    for (let i = 0; i < 4; i++) errnos.push((await findCoordinator(broker, 'group', 'mine')).errno)
    expect(errnos).toEqual([15, 0, 30, 0])
  })
})
