// What many consumers cost a process in which nothing happens, and what they leave of libuv's pool when nobody answers.
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

it('sixteen idle members cost next to no processor time', async () => {
  const child = await runModule(
    `
    const cluster = new MockCluster({ brokers: 1 })
    await cluster.createTopic('t', { partitions: 16 })
    const consumers = Array.from({ length: 16 }, (_, i) => new Consumer({
      'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' + i, 'group.protocol': 'consumer', 'fetch.wait.max.ms': 5000,
    }))
    const waiting = []
    for (const consumer of consumers) {
      await consumer.subscribe('t')
      while (!consumer.isAssigned) await consumer.poll(50)
      waiting.push(consumer.poll(100_000))
    }
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const { user, system } = process.cpuUsage(before)
    console.log(JSON.stringify({ percent: (user + system) / 50_000 }))
    await Promise.all(consumers.map((consumer) => consumer.close()))
    await Promise.all(waiting)
    await cluster.close()
    `,
    { timeout: 50_000 },
  )
  const { percent } = JSON.parse(child.output)
  console.log(`16 idle members: ${percent.toFixed(2)} % of a core, the embedded cluster included`)
  // The bound is what goes wrong by a factor: a loop that spins, not a busy machine.
  expect(percent).toBeLessThan(10)
})

it('an unreachable broker leaves file reads alone, with a pool of one thread', async () => {
  const child = await runModule(
    `
    import { readFile } from 'node:fs/promises'
    const consumers = Array.from({ length: 20 }, (_, i) => new Consumer({ 'bootstrap.servers': '192.0.2.1:9092', 'group.id': 'g' + i }))
    for (const consumer of consumers) {
      await consumer.subscribe('t')
      consumer.poll(60_000).catch(() => {})
      consumer.committed([{ topic: 't', partition: 0 }], { timeout: 3000 }).catch(() => {})
    }
    // What a busy machine takes shows as well in a timer, which needs nothing of the pool.
    let stalled = 0
    let last = performance.now()
    setInterval(() => {
      const now = performance.now()
      stalled = Math.max(stalled, now - last - 1)
      last = now
    }, 1)
    const times = []
    for (let i = 0; i < 200; i++) {
      stalled = 0
      const from = performance.now()
      await readFile('/proc/self/status')
      const took = performance.now() - from
      await new Promise((resolve) => setTimeout(resolve, 2))
      times.push({ took, stalled })
    }
    const most = times.reduce((a, b) => (b.took > a.took ? b : a))
    const slow = times.filter(({ took, stalled }) => took >= 20 + 4 * stalled).length
    times.sort((a, b) => a.took - b.took)
    console.log(JSON.stringify({ median: times[100].took, most, slow }))
    process.exit(0)
    `,
    { timeout: 60_000, env: { UV_THREADPOOL_SIZE: '1' } },
  )
  const { median, most, slow } = JSON.parse(child.output)
  expect(median).toBeLessThan(20)
  // A thread of the pool that waits for the broker takes seconds from whoever is behind it, and from nobody else. (On a quiet
  // machine none takes 20 ms: test/stress/consumer-figures.test.ts.)
  expect(most.took, JSON.stringify(most)).toBeLessThan(1000)
  expect(slow).toBeLessThanOrEqual(2)
})
