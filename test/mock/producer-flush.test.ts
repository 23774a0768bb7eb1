// A flush while the JS thread produces: it waits for what was handed over, and is woken when that is through.
import { MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'

it('is not forgotten when records are produced at the moment it looks', async () => {
  await using cluster = new MockCluster()
  await cluster.createTopic('flushed')
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
  await producer.send({ topic: 'flushed', value: 'first' })
  const value = Buffer.alloc(20_000)
  for (let round = 0; round < 300; round++) {
    const flushed = producer.flush({ timeout: 30_000 })
    const until = performance.now() + Math.random() * 0.3
    while (performance.now() < until);
    const sends = Array.from({ length: 30 }, () => producer.send({ topic: 'flushed', value }))
    const from = performance.now()
    await flushed
    expect(performance.now() - from).toBeLessThan(25_000)
    await Promise.all(sends)
  }
})
