// How processes end with clients alive: neither a crash nor a hang, and the exit code that was asked for.
import { describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

// Live clients with work under way: messages in flight, a reader waiting, batches fetched.
const live = `
const cluster = new MockCluster()
await cluster.createTopic('t', { partitions: 3 })
const config = { 'bootstrap.servers': cluster.bootstrapServers }
const producer = new Producer(config)
await producer.sendBatch('t', Array.from({ length: 5000 }, (_, i) => ({ value: 'v' + i })))
const consumer = new Consumer({ ...config, 'group.id': 'g', 'auto.offset.reset': 'earliest' })
await consumer.subscribe('t')
const first = await consumer.poll(10000)
if (!first) throw new Error('nothing was read')
for (let i = 0; i < 1000; i++) producer.produce({ topic: 't', value: 'x'.repeat(1000) })
consumer.poll(100000).catch(() => {})
console.log('ready')
`

describe('the process ends', () => {
  it.each([
    ['by itself after closing everything', 'await consumer.close(); await producer.close(); await cluster.close()', 0],
    ['at process.exit(7) with live clients', 'process.exit(7)', 7],
    [
      'at process.exit in the middle of closing',
      'consumer.close(); producer.close(); setImmediate(() => process.exit(3))',
      3,
    ],
    ['at an uncaught throw', 'throw new Error("mine")', 1],
    ['at an uncaught throw in a callback', 'setImmediate(() => { throw new Error("mine") })', 1],
    [
      'after a double close',
      'await Promise.all([consumer.close(), consumer.close(), producer.close(), producer.close()]); await consumer.close(); process.exit(5)',
      5,
    ],
  ])('%s', async (_, end, code) => {
    const child = await runModule(live + end)
    expect(child.output).toContain('ready')
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code, signal: null })
    expect(child.took).toBeLessThan(20_000)
  })

  it('by itself when clients are left open and nobody waits for them', async () => {
    const child = await runModule(`
      const producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' })
      const consumer = new Consumer({ 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g' })
      await consumer.subscribe('t')
      console.log('ready')`)
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
    expect(child.took).toBeLessThan(20_000)
  })

  it.each(['onAssigned', 'onRevoked'])('by itself after closing, though %s never settles', async (hook) => {
    const child = await runModule(
      `
      const cluster = new MockCluster()
      await cluster.createTopic('t', { partitions: 1 })
      let called
      const begun = new Promise((resolve) => { called = resolve })
      const consumer = new Consumer(
        { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g', 'group.protocol': 'consumer' },
        { ${hook}: () => { called(); return new Promise(() => {}) } },
      )
      await consumer.subscribe('t')
      const polled = consumer.poll(100000)
      if (${hook === 'onAssigned'}) await begun
      else while (!consumer.isAssigned) await new Promise((resolve) => setTimeout(resolve, 10))
      const closed = consumer.close({ timeout: 2000 }).then(() => 'closed', (error) => error.code)
      await begun
      console.log(await closed, await polled)
      await cluster.close()
      console.log('ready')`,
      { timeout: 40_000 },
    )
    expect(child.output).toContain('ready')
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  })

  it('only after the messages under way are delivered', async () => {
    const child = await runModule(`
      const cluster = new MockCluster()
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 300 }, {
        onDelivery: (reports) => console.log('delivered', reports.length, reports.failures.length),
      })
      producer.produce({ topic: 't', value: 'x' })
      console.log('ready')`)
    expect(child.output).toContain('delivered 1 0')
    expect(child.code).toBe(0)
  })

  it('by itself after the import alone', async () => {
    const child = await runModule(`console.log('ready')`)
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  })
})

describe('worker threads', () => {
  it('load, work in parallel, and may be terminated at any moment', async () => {
    const child = await runModule(
      `
      import { Worker } from 'node:worker_threads'
      const cluster = new MockCluster()
      await cluster.createTopic('t', { partitions: 4 })
      const file = new URL(${JSON.stringify(new URL('./worker.mjs', import.meta.url).href)})
      const dist = ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
      let rounds = 0
      for (let i = 0; i < 24; i += 4) {
        const workers = [0, 1, 2, 3].map((j) => new Worker(file, { execArgv: [], workerData: { servers: cluster.bootstrapServers, id: i + j, odradek: dist } }))
        await Promise.all(workers.map((worker, j) => new Promise((resolve, reject) => {
          worker.on('error', reject)
          let seen = 0
          worker.on('message', () => { rounds++; if (seen++ === j * 2) resolve() })
        })))
        await Promise.all(workers.map((worker) => worker.terminate()))
      }
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      await producer.send({ topic: 't', value: 'main still works' })
      await producer.close()
      await cluster.close()
      console.log('rounds', rounds > 0, 'ready')
      `,
      { timeout: 60_000 },
    )
    expect(child.output).toContain('rounds true')
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  })
})
