// Many clients, opened and closed in every state: no thread, descriptor or megabyte stays.
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

it('leaves no thread, descriptor or memory behind', async () => {
  const child = await runModule(
    `
    import { readdirSync } from 'node:fs'
    const count = (what) => readdirSync('/proc/self/' + what).length
    const cluster = new MockCluster()
    await cluster.createTopic('t', { partitions: 3 })
    const servers = cluster.bootstrapServers
    const feeder = new Producer({ 'bootstrap.servers': servers })
    await feeder.sendBatch('t', Array.from({ length: 2000 }, (_, i) => ({ value: 'x'.repeat(200) })))
    await feeder.close()
    const states = [
      async (c) => {},
      async (c) => { await c.subscribe('t') },
      async (c) => { await c.subscribe('t'); c.poll(50000).catch(() => {}) },
      async (c) => { await c.subscribe('t'); await c.poll(50000) },
      async (c) => { await c.assign([{ topic: 't', partition: 0, offset: 0 }]); await c.poll(50000) },
      async (c) => { await c.subscribe('t'); let n = 0; for await (const _ of c) if (++n === 500) break },
      async (c) => { await c.subscribe('t'); const { value } = await c.partitionStreams({ max: 10 }).next(); await value.next() },
      async (c) => { await c.subscribe('t'); await new Promise((resolve) => c.readable().once('data', resolve).on('error', () => {})) },
    ]
    const cycle = async (i) => {
      // Each takes a second or two, also on a busy machine: of one that does not end, what it waits for is what has to be known.
      let stage = 'using the consumer'
      const slow = setInterval(() => console.log('slow: cycle', i, 'in state', i % 9, stage), 15_000)
      const consumer = new Consumer({ 'bootstrap.servers': i % 9 === 8 ? '127.0.0.1:1' : servers, 'group.id': 'g' + i, 'auto.offset.reset': 'earliest' })
      if (i % 9 < 8) await states[i % 9](consumer)
      stage = 'closing the consumer'
      await Promise.all([consumer.close({ timeout: 2000 }), consumer.close()])
      stage = 'closing the producer'
      const producer = new Producer({ 'bootstrap.servers': servers })
      if (i % 2) producer.produce({ topic: 'u', value: 'x' })
      await producer.close({ timeout: 2000 })
      clearInterval(slow)
    }
    const cycles = async (from, to) => { for (let i = from; i < to; i += 4) await Promise.all([0, 1, 2, 3].map((j) => cycle(i + j))) }
    await cycles(0, 40)
    globalThis.gc(); 
    const before = { task: count('task'), fd: count('fd'), rss: process.memoryUsage.rss() }
    await cycles(40, 200)
    globalThis.gc()
    const grown = (process.memoryUsage.rss() - before.rss) / 2 ** 20
    console.log(JSON.stringify({ threads: count('task') - before.task, descriptors: count('fd') - before.fd, megabytes: Math.round(grown) }))
    await cluster.close()
    `,
    { timeout: 110_000, args: ['--expose-gc'] },
  )
  expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  const { threads, descriptors, megabytes } = JSON.parse(child.output.trimEnd().split('\n').at(-1)!)
  expect(threads).toBeLessThanOrEqual(0)
  expect(descriptors).toBeLessThanOrEqual(2)
  expect(megabytes).toBeLessThan(30)
}, 120_000)
