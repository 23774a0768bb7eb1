// What consumers may cost, by figures that hold on a machine that does nothing else: test/lifecycle/consumer-idle.test.ts
// and test/broker/consumer-memory.test.ts have the same with bounds that hold on any.
import { Producer } from 'odradek'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ChildResult, runModule } from '../helpers/child.js'
import { bootstrapServers, createTopic, uniqueGroup } from '../helpers/kafka.js'

function figuresOf(child: ChildResult) {
  expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  const figures = JSON.parse(child.output.trimEnd().split('\n').at(-1) as string)
  console.log(JSON.stringify(figures))
  return figures
}

it('sixteen idle members cost less than one percent of a core', { timeout: 120_000 }, async () => {
  const topic = await createTopic('idle', { partitions: 16 })
  const child = await runModule(
    `
    const consumers = Array.from({ length: 16 }, (_, i) => new Consumer({
      'bootstrap.servers': ${JSON.stringify(bootstrapServers())}, 'group.id': ${JSON.stringify(uniqueGroup())} + i,
    }))
    const waiting = []
    for (const consumer of consumers) {
      await consumer.subscribe(${JSON.stringify(topic)})
      while (!consumer.isAssigned) await consumer.poll(50)
      waiting.push(consumer.poll(1_000_000))
    }
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const before = process.cpuUsage()
    const from = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 20_000))
    const { user, system } = process.cpuUsage(before)
    const percent = (user + system) / 10 / (performance.now() - from)
    await Promise.all(consumers.map((consumer) => consumer.close()))
    await Promise.all(waiting)
    console.log(JSON.stringify({ percent }))
    `,
    { timeout: 100_000 },
  )
  expect(figuresOf(child).percent).toBeLessThan(1)
})

it('an unreachable broker leaves file reads under 20 ms, with a pool of one thread', { timeout: 60_000 }, async () => {
  const child = await runModule(
    `
    import { readFile } from 'node:fs/promises'
    const consumers = Array.from({ length: 20 }, (_, i) => new Consumer({ 'bootstrap.servers': '192.0.2.1:9092', 'group.id': 'g' + i }))
    for (const consumer of consumers) {
      await consumer.subscribe('t')
      consumer.poll(60_000).catch(() => {})
      consumer.committed([{ topic: 't', partition: 0 }], { timeout: 10_000 }).catch(() => {})
    }
    const times = []
    for (let i = 0; i < 1000; i++) {
      const from = performance.now()
      await readFile('/proc/self/status')
      times.push(performance.now() - from)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    times.sort((a, b) => a - b)
    console.log(JSON.stringify({ p50: times[500], p99: times[990], most: times[999] }))
    process.exit(0)
    `,
    { timeout: 50_000, env: { UV_THREADPOOL_SIZE: '1' } },
  )
  // None of the thousand.
  expect(figuresOf(child).most).toBeLessThan(20)
})

describe('2 GB', () => {
  const count = 2_000_000
  const size = 1024
  const text = (i: number) => `${i}:`.padEnd(size, String.fromCharCode(97 + (i % 26)))

  let topic: string
  beforeAll(async () => {
    topic = await createTopic('two-gigabytes', { partitions: 4, config: { 'retention.bytes': -1 } })
    // Not compressed: what is fetched counts as it is fetched, and grows a hundredfold when text like this is decompressed.
    const config = { 'compression.codec': 'none', 'enable.idempotence': true } as const
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), ...config })
    for (let i = 0; i < count; i += 10_000) {
      const records = Array.from({ length: 10_000 }, (_, j) => ({ value: text(i + j), partition: (i + j) % 4 }))
      expect((await producer.sendBatch(topic, records)).failures).toEqual([])
    }
  }, 600_000)

  // Kept as it is, a message keeps its block of about 256 KiB: 2,000 of them, far apart, keep 500 MB. On top comes what is
  // fetched ahead (consumer-memory.test.ts).
  it.each([
    { how: 'as they are', keep: 'message', most: 200 + (count / 1000) * 0.27 },
    { how: 'detached', keep: 'message.detach()', most: 200 },
  ])(
    'are read in bounded memory, and every 1,000th message kept, $how, never changes',
    {
      timeout: 600_000,
    },
    async ({ keep, most }) => {
      const child = await runModule(
        `
      import { createHash } from 'node:crypto'
      import { readFileSync } from 'node:fs'
      const megabytes = (what) => Number(new RegExp(what + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
      const config = { 'bootstrap.servers': ${JSON.stringify(bootstrapServers())}, 'group.id': ${JSON.stringify(uniqueGroup())}, 'auto.offset.reset': 'earliest' }
      const digest = (message) => createHash('sha256').update(message.value).digest('hex')
      const idle = megabytes('VmRSS')
      const consumer = new Consumer(config)
      await consumer.subscribe(${JSON.stringify(topic)})
      const kept = []
      let seen = 0
      let wrong = 0
      for await (const batch of consumer.batches({ max: 1000, timeout: 100 })) {
        for (const message of batch) {
          if (++seen % 1000 !== 0) continue
          const i = message.offset * 4 + message.partition
          if (message.text() !== (i + ':').padEnd(${size}, String.fromCharCode(97 + (i % 26)))) wrong++
          kept.push({ message: ${keep}, digest: digest(message) })
        }
        if (seen >= ${count}) break
      }
      const changed = kept.filter(({ message, digest: was }) => digest(message) !== was).length
      console.log(JSON.stringify({ seen, kept: kept.length, wrong, changed, idle, most: megabytes('VmHWM') - idle, at_the_end: megabytes('VmRSS') - idle }))
      await consumer.close()
      `,
        { timeout: 300_000 },
      )
      const figures = figuresOf(child)
      expect(figures).toMatchObject({ seen: count, kept: count / 1000, wrong: 0, changed: 0 })
      expect(figures.most).toBeLessThan(most)
    },
  )
})
