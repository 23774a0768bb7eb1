// What only many records show: bounded memory, no leak, an event loop that stays free. On the embedded cluster, with the
// producer in a process of its own.
import { MockCluster } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { bootstrapServers, createTopic } from '../helpers/kafka.js'

let cluster: MockCluster
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('t', { partitions: 6 })
})
afterAll(() => cluster?.close())

const prelude = () => `
const config = { 'bootstrap.servers': ${JSON.stringify(cluster.bootstrapServers)} }
const { readFileSync } = await import('node:fs')
const kib = (name) => Number(new RegExp(name + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1])
const value = Buffer.alloc(100, 'v')
const print = (result) => console.log('result ' + JSON.stringify(result))
`

async function run<T>(source: string, args: string[] = [], timeout = 280_000): Promise<T> {
  const { code, signal, output } = await runModule(prelude() + source, { timeout, args })
  const line = output.split('\n').find((line) => line.startsWith('result '))
  if (code !== 0 || !line) throw new Error(`ended with ${code ?? signal}: ${output.slice(-2000)}`)
  console.log(line)
  return JSON.parse(line.slice('result '.length)) as T
}

// Each value is a Buffer of its own, as in a program that has something to say.
const sends = (loop: string) => `
  const limit = { 'queue.buffering.max.kbytes': 64 * 1024, 'queue.buffering.max.messages': 0 }
  const producer = new Producer({ ...config, ...limit })
  await producer.send({ topic: 't', value })
  const atRest = kib('VmHWM') / 1024
  let delivered = 0
  let failed = 0
  const onDelivered = () => delivered++
  const onFailed = () => failed++
  const send = (i) => {
    const value = Buffer.allocUnsafeSlow(100)
    value.writeUInt32LE(i)
    producer.send({ topic: 't', value }).then(onDelivered, onFailed)
  }
  ${loop}
  await producer.drained()
  await new Promise(setImmediate)
  print({ delivered, failed, atRest, peakMiB: kib('VmHWM') / 1024, left: producer.length })
  await producer.close()`

it.each([
  // What the queue holds: the limit in bytes, librdkafka's 200 bytes for each of its 671,089 records, and JavaScript's promises,
  // with what V8 lets lie: 790 MiB.
  ['with room()', 64, 900, 'for (let i = 0; i < 2_000_000; i++) { await producer.room(); send(i) }'],
  // And what waits in JavaScript, which no limit bounds: 1,328,911 records with their Buffers and promises: 1,630 MiB.
  ['that nobody awaits', 64, 1800, 'for (let i = 0; i < 2_000_000; i++) send(i)'],
])(
  '2,000,000 sends %s, brokers that answer after 200 ms: all settle, in bounded memory',
  {
    timeout: 300_000,
  },
  async (_, __, mostMiB, loop) => {
    cluster.broker(1).rtt(200)
    try {
      const result = await run<{ delivered: number; failed: number; peakMiB: number; left: object }>(sends(loop))
      expect(result).toMatchObject({ delivered: 2_000_000, failed: 0, left: { messages: 0, bytes: 0 } })
      expect(result.peakMiB).toBeLessThan(mostMiB)
    } finally {
      cluster.broker(1).rtt(0)
    }
  },
)

it('8,000,000 records with opaques, many of them failing in every way, leave heap and RSS flat', {
  timeout: 600_000,
}, async () => {
  // One that nobody leads, so that its records time out.
  await cluster.createTopic('late')
  cluster.partition('late', 0).leader(null)
  // Broker's refusals: of one request each, not of the topic, for which librdkafka would refuse all that comes after.
  const refusals = setInterval(() => cluster.pushErrors('Produce', ['INVALID_RECORD']), 500)
  const result = await run<{
    reports: number
    failures: Record<string, number>
    nowhere: number
    released: number
    samples: [number, number][]
    length: object
  }>(
    `
    let reports = 0
    const failures = {}
    let nowhere = 0 // of those for a partition that there is not
    let released = 0
    const registry = new FinalizationRegistry(() => released++)
    const onDelivery = (batch) => {
      reports += batch.length
      for (const { opaque, error } of batch.failures) {
        if (typeof opaque.id === 'number') failures[error.code] = (failures[error.code] ?? 0) + 1
        if (opaque.id % 10 === 9) nowhere++
      }
    }
    const topics = { late: { 'message.timeout.ms': 100 } }
    const producer = new Producer({ ...config, 'message.max.bytes': 1000 }, { onDelivery, topics })
    await producer.send({ topic: 't', value })
    const samples = []
    const total = 8_000_000
    for (let i = 0; i < total; ) {
      try {
        const opaque = { id: i }
        if (i % 10_000 === 0) registry.register(opaque)
        const topic = i % 100 === 50 ? 'late' : 't'
        producer.produce({ topic, value, partition: i % 10 === 9 ? 77 : undefined, opaque })
        if (++i % 1000 === 0) await new Promise(setImmediate)
        if (i % 100_000 === 0) await producer.purge({ inflight: i % 200_000 === 0 })
        if (i % 500_000 === 0) {
          await producer.flush()
          await new Promise(setImmediate)
          gc()
          await new Promise(setImmediate)
          gc()
          samples.push([process.memoryUsage().heapUsed / 2 ** 20, process.memoryUsage().rss / 2 ** 20])
        }
      } catch (error) {
        if (error.code !== '_QUEUE_FULL') throw error
        await new Promise(setImmediate)
      }
    }
    await producer.flush()
    print({ reports, failures, nowhere, released, samples, length: producer.length })
    await producer.close()`,
    ['--expose-gc'],
    580_000,
  ).finally(() => clearInterval(refusals))
  expect(result).toMatchObject({ reports: 8_000_000, length: { messages: 0, bytes: 0 } })
  // A purge takes some of them before librdkafka has looked where they go.
  expect(result.nowhere).toBe(800_000)
  const others = ['_UNKNOWN_PARTITION', '_MSG_TIMED_OUT', '_PURGE_QUEUE', 'INVALID_RECORD']
  for (const code of others) expect(result.failures[code], code).toBeGreaterThan(10)
  // All but those of the last stretch are gone.
  expect(result.released).toBeGreaterThan(740)
  // The RSS swings by 60 MiB in the course of some eight samples, and comes back: its least value is what a leak would raise.
  const least = (which: 0 | 1, from: number, to: number) =>
    Math.min(...result.samples.slice(from, to).map((sample) => sample[which]))
  // The first two are of a process that still warms up.
  expect(least(0, 9, 16) - least(0, 2, 9)).toBeLessThan(4)
  expect(least(1, 9, 16) - least(1, 2, 9)).toBeLessThan(30)
})

// Each until `over()`, as fast as it can; how many were delivered.
const ways = {
  sendBatch: `
    const batch = Array.from({ length: 1000 }, () => ({ value }))
    await Promise.all(Array.from({ length: 16 }, async () => {
      while (!over()) delivered += (await producer.sendBatch('t', batch)).length
    }))`,
  produce: `
    while (!over()) {
      for (let i = 0; i < 1000; i++) {
        await producer.room()
        producer.produce({ topic: 't', value })
      }
      await new Promise(setImmediate)
    }
    await producer.flush()`,
  send: `
    await Promise.all(Array.from({ length: 10_000 }, async () => {
      while (!over()) {
        await producer.send({ topic: 't', value })
        delivered++
      }
    }))`,
}

it.each(Object.keys(ways) as (keyof typeof ways)[])(
  '%s at full speed keeps the event loop free',
  {
    timeout: 120_000,
  },
  async (way) => {
    const topic = await createTopic('load', { partitions: 6 })
    const result = await run<{ p99: number[]; rate: number }>(
      `
    const { monitorEventLoopDelay } = await import('node:perf_hooks')
    let delivered = 0
    const onDelivery = ({ length }) => delivered += length
    const producer = new Producer({ 'bootstrap.servers': ${JSON.stringify(bootstrapServers())} }, { onDelivery })
    const p99 = []
    let from
    for (let round = 0; round < 6; round++) {
      // The first is of a process that still warms up.
      if (round === 1) [from, delivered] = [performance.now(), 0]
      const until = performance.now() + 2000
      const over = () => performance.now() > until
      const delay = monitorEventLoopDelay({ resolution: 2 })
      delay.enable()
      ${ways[way].replaceAll("'t'", `'${topic}'`)}
      delay.disable()
      if (round > 0) p99.push(delay.percentile(99) / 1e6 - 2)
    }
    print({ p99, rate: delivered / (performance.now() - from) * 1000 })
    await producer.close()`,
    )
    const [, , median] = result.p99.sort((a, b) => a - b)
    expect(median).toBeLessThan(10)
  },
)
