// examples/orders on real Kafka: kill -9 of both services while orders come in; the database is the witness.
import { expect, it } from 'vitest'
import { Shop } from '../helpers/example-orders.js'
import { bootstrapServers, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

it('reserves each confirmed order once, whatever is killed', { timeout: 180_000 }, async () => {
  const shop = new Shop(bootstrapServers(), 7181)
  await shop.ready()
  const kafka = await witness()
  const letters = Object.values(await kafka.endOffsets('orders.dlq'))
  const customers = shop.customers(8)
  for (const service of ['inventory', 'orders', 'inventory', 'orders'] as const) {
    const [confirmed, reserved] = [shop.confirmed.size, shop.rows().length]
    await waitFor(
      'orders are taken and reserved',
      () => {
        return shop.confirmed.size > confirmed + 50 && shop.rows().length > reserved + 20
      },
      60_000,
    )
    await shop.kill(service)
  }
  shop.leave()
  await customers
  await shop.check()
  expect(shop.refused).toBeGreaterThan(0)
  expect(await shop.program.stop()).toBe(0)
  const records = (await kafka.consume({ topic: 'orders' })).map(({ key, value }) => [String(key), String(value)])
  expect(records.filter(([key, value]) => JSON.parse(value).id !== key)).toEqual([])
  // What is committed is all there is, and nothing was given up.
  const offsets = (await kafka.groupOffsets('inventory')).orders
  const ends = await kafka.endOffsets('orders')
  for (const [partition, { offset }] of Object.entries(offsets)) expect(offset).toBe(ends[Number(partition)])
  expect(Object.values(await kafka.endOffsets('orders.dlq'))).toEqual(letters)
})
