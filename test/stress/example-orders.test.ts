// examples/orders while brokers restart and services are killed: the database is the witness.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Shop } from '../helpers/example-orders.js'
import { startCluster, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

let cluster: Awaited<ReturnType<typeof startCluster>>
beforeAll(async () => {
  cluster = await startCluster({ brokers: 3, config: { 'default.replication.factor': 3, 'min.insync.replicas': 2 } })
})
afterAll(() => cluster?.stop())

it('loses and doubles no reservation while every broker restarts and both services are killed', {
  timeout: 400_000,
}, async () => {
  const shop = new Shop(cluster.brokers, 7191)
  await shop.ready()
  const kafka = (await witness()).at(cluster.brokers)
  const customers = shop.customers(8)
  const goesOn = async () => {
    const [confirmed, reserved] = [shop.confirmed.size, shop.rows().length]
    await waitFor(
      'orders are taken and reserved',
      () => {
        return shop.confirmed.size > confirmed + 50 && shop.rows().length > reserved + 20
      },
      90_000,
    )
  }
  await goesOn()
  for (const [i, node] of [...cluster.nodes, cluster.nodes[0]].entries()) {
    await (i % 2 ? node.kill() : node.stop())
    await shop.kill(i % 2 ? 'orders' : 'inventory')
    await goesOn()
    await node.start()
    await waitFor(
      'all replicas in sync',
      async () => {
        const { partitions } = await kafka.describeTopic('orders')
        return partitions.every(({ isr }) => isr.length === 3)
      },
      60_000,
    )
    await shop.kill(i % 2 ? 'inventory' : 'orders')
    await goesOn()
  }
  shop.leave()
  await customers
  await shop.check()
  expect(shop.confirmed.size).toBeGreaterThan(400)
  expect(await shop.program.stop()).toBe(0)
  expect(Object.values(await kafka.endOffsets('orders.dlq'))).toEqual([0])
})
