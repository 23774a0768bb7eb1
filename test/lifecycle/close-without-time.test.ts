// Who gives close() no time: what the consumer has fetched, and the rebalance that nobody serves any more, must not hold
// librdkafka's threads for ever.
import { describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

// The other member is to rejoin soon.
const classic = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 200 }
const cooperative = { ...classic, 'partition.assignment.strategy': 'cooperative-sticky' }

const prelude = `
  import { readFileSync, readdirSync } from 'node:fs'
  const cluster = new MockCluster()
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'auto.offset.reset': 'earliest' }
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const nameOf = (task) => {
    try {
      return readFileSync('/proc/self/task/' + task + '/comm', 'utf8')
    } catch {
      return '' // it has just ended
    }
  }
  const threads = () => readdirSync('/proc/self/task').filter((task) => nameOf(task).startsWith('rdk:')).length
  const ended = async (before) => {
    const deadline = Date.now() + 20_000
    while (threads() > before && Date.now() < deadline) await sleep(50)
    console.log(JSON.stringify({ left: threads() - before }))
    process.exit()
  }
  const closeAtOnce = (consumer) => consumer.close({ timeout: 0 }).catch((error) => {
    // On a busy machine it goes on in the background.
    if (error.code !== '_TIMED_OUT') throw error
  })
  // A member whose first assignment nobody looks at.
  const unread = async (own) => {
    let assigned
    const waiting = new Promise((resolve) => { assigned = resolve })
    const debug = (_, message) => { if (message.includes('-> wait-assign-call')) assigned() }
    const nothing = () => {}
    const consumer = new Consumer(
      { ...config, ...own, debug: 'cgrp' }, { logger: { error: nothing, warn: nothing, info: nothing, debug } })
    await consumer.subscribe('t')
    const timer = setInterval(nothing, 1000)
    await waiting
    clearInterval(timer)
    return consumer
  }
  // Has the partition that there is.
  const reading = async (own) => {
    const consumer = new Consumer({ ...config, ...own })
    await consumer.subscribe('t')
    const read = async () => { for await (const _ of consumer); }
    read()
    while (!consumer.isAssigned) await sleep(20)
    return consumer
  }
  `

async function left(source: string): Promise<number> {
  const child = await runModule(prelude + source, { timeout: 50_000 })
  expect(child.code, child.output).toBe(0)
  return JSON.parse(child.output.trimEnd().split('\n').at(-1) as string).left
}

describe.runIf(process.platform === 'linux')('ends all the same', { timeout: 60_000 }, () => {
  it('whatever had been fetched', async () => {
    const source = `
      await cluster.createTopic('t', { partitions: 3 })
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      await producer.sendBatch(Array.from({ length: 30_000 }, (_, i) => ({ topic: 't', partition: i % 3, value: 'x' })))
      await producer.close()
      const before = threads()
      for (let i = 0; i < 12; i++) {
        const consumer = new Consumer({ ...config, 'group.id': 'g' + i })
        if (i % 2) await consumer.subscribe('t')
        else await consumer.assign([0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 0 })))
        // Far more than this has been fetched.
        for await (const message of consumer) if (message.offset === 10) break
        await closeAtOnce(consumer)
      }
      await ended(before)`
    expect(await left(source)).toBe(0)
  })

  it.each([
    ['eager', { ...classic, 'partition.assignment.strategy': 'range' }],
    ['cooperative', cooperative],
    ['KIP-848', { 'group.protocol': 'consumer' }],
  ])('with a first assignment that nobody has looked at (%s)', async (_, own) => {
    const source = `
      await cluster.createTopic('t', { partitions: 1 })
      const own = { ...${JSON.stringify(own)}, 'group.id': 'g' }
      // So that another has none.
      if (own['group.protocol'] !== 'consumer') await reading(own)
      const before = threads()
      await closeAtOnce(await unread(own))
      await ended(before)`
    expect(await left(source)).toBe(0)
  })

  it.each([
    ['cooperative', cooperative],
    ['KIP-848', { 'group.protocol': 'consumer' }],
  ])('when its worker is terminated before it has looked (%s)', async (_, own) => {
    const source = `
      import { Worker } from 'node:worker_threads'
      await cluster.createTopic('t', { partitions: 1 })
      const own = { ...${JSON.stringify(own)}, 'group.id': 'g' }
      const program = \`
        import { parentPort } from 'node:worker_threads'
        import { Consumer } from \${JSON.stringify(library)}
        const config = \${JSON.stringify({ ...config, ...own })}
        const unread = \${unread}
        await unread({})
        parentPort.postMessage('ready')
        setInterval(() => {}, 1000)\`
      if (own['group.protocol'] !== 'consumer') await reading(own)
      const before = threads()
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(program)))
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
      await worker.terminate()
      await ended(before)`
    const library = new URL('../../dist/index.js', import.meta.url).href
    expect(await left(`const library = ${JSON.stringify(library)}\n${source}`)).toBe(0)
  })
})
