// A producer that nobody waits for does not keep the process alive; one that has reports to come does.
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

it('lets the process end after sends that had to wait for room, though it is not closed', async () => {
  const { code, output, took } = await runModule(`
    const cluster = new MockCluster()
    const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'queue.buffering.max.messages': 1 })
    const sent = Array.from({ length: 20 }, () => producer.send({ topic: 't', value: 'v' }))
    console.log((await Promise.all(sent)).length)
    await cluster.close()
    console.log('ready')`)
  expect(output).toContain('20\nready')
  expect(code).toBe(0)
  expect(took).toBeLessThan(10_000)
})

it('keeps the process until the reports have come', async () => {
  const { code, output } = await runModule(`
    const cluster = new MockCluster()
    cluster.broker(1).rtt(300)
    const onDelivery = (reports) => {
      console.log('reports: ' + reports.length)
      void cluster.close()
    }
    const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers }, { onDelivery })
    producer.produce({ topic: 't', value: 'v' })`)
  expect(output).toContain('reports: 1')
  expect(code).toBe(0)
})
