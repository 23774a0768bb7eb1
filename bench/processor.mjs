// The processor against the plain loop, in turn, in processes of their own: `node bench/processor.mjs [rounds] [messages]`.
// Prints the median of the rounds, and CPU time for each message, which a busy machine disturbs less than the rate.
import { spawn } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { AdminClient, Consumer, Producer } from '../dist/index.js'
import { Processor } from '../dist/processor.js'
import { withOpenTelemetry, withPrometheus } from './observers.mjs'

const config = (brokers, group) => ({
  'bootstrap.servers': brokers,
  'group.id': `${group}-${Math.random()}`,
  'auto.offset.reset': 'earliest',
})

/** From the first message to the last: rate and CPU. */
function meter(count) {
  let seen = 0
  let began
  let cpu
  return () => {
    if (seen++ === 0) {
      began = performance.now()
      cpu = process.cpuUsage()
    }
    if (seen !== count) return undefined
    const ms = performance.now() - began
    const { user, system } = process.cpuUsage(cpu)
    return { ms, rate: count / ms / 1000, cpu: (user + system) / count }
  }
}

async function plain({ brokers, topic, count }) {
  const consumer = new Consumer(config(brokers, 'plain'))
  await consumer.subscribe(topic)
  const tick = meter(count)
  for await (const _ of consumer) {
    const result = tick()
    if (result) {
      await consumer.close()
      return result
    }
  }
}

async function processed({ brokers, topic, count }, options, handlerOf, observe) {
  const stop = new AbortController()
  const app = new Processor(config(brokers, 'processor'), {
    onError: (error) => {
      throw error
    },
    ...options,
  })
  const tick = meter(count)
  let result
  const done = () => {
    result ??= tick()
    if (result) stop.abort()
  }
  app.topic(topic, handlerOf(done))
  observe?.(app)
  await app.run({ signal: stop.signal })
  return result
}

const sync = (done) => () => {
  done()
}
const async = (done) => async () => {
  done()
}
/** 10 ms handlers, as many as there may be: how near to the ideal. What a timer of 10 ms really takes is measured, too. */
async function tenMilliseconds(setup, observe) {
  let total = 0
  const handler = (done) => async () => {
    const began = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 10))
    total += performance.now() - began
    done()
  }
  const result = await processed(setup, { concurrency: 100, orderBy: 'key' }, handler, observe)
  const ideal = (setup.count * 10) / 100
  const timer = total / setup.count
  return { ...result, timer, ofIdeal: ideal / result.ms, ofTimer: (setup.count * timer) / 100 / result.ms }
}

const scenarios = {
  'for await': plain,
  'processor, sync handler': (setup) => processed(setup, {}, sync),
  'processor, async handler': (setup) => processed(setup, {}, async),
  'the same with prometheus()': (setup) => processed(setup, {}, async, withPrometheus),
  'the same with openTelemetry()': (setup) => processed(setup, {}, async, withOpenTelemetry),
  'processor, 100 by key': (setup) => processed(setup, { concurrency: 100, orderBy: 'key' }, async),
  'processor, 100 in no order': (setup) => processed(setup, { concurrency: 100, orderBy: 'none' }, async),
  '10 ms, 100 by key': (setup) => tenMilliseconds({ ...setup, topic: setup.small, count: setup.smallCount }),
  '10 ms with prometheus()': (setup) =>
    tenMilliseconds({ ...setup, topic: setup.small, count: setup.smallCount }, withPrometheus),
}

async function fill(brokers, topic, count) {
  const admin = new AdminClient({ 'bootstrap.servers': brokers })
  await admin.createTopics([{ topic, numPartitions: 4, replicationFactor: 1 }])
  await admin.close()
  const producer = new Producer({ 'bootstrap.servers': brokers, 'linger.ms': 5 })
  const value = 'x'.repeat(100)
  for (let from = 0; from < count; from += 10_000) {
    const batch = []
    for (let i = from; i < Math.min(count, from + 10_000); i++) {
      batch.push({ key: `k${i % 5000}`, value, partition: (i % 5000) % 4 })
    }
    const { failures } = await producer.sendBatch(topic, batch)
    if (failures.length > 0) throw failures[0].error
  }
  await producer.close()
}

function inChild(name, setup) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [import.meta.filename, '--one', name, JSON.stringify(setup)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.on('close', (code) =>
      code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`${name} ended with ${code}`)),
    )
  })
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

async function all() {
  const [rounds = 5, count = 1_500_000] = process.argv.slice(2).map(Number)
  const { startCluster } = await import('../scripts/kafka/cluster.mjs')
  const cluster = await startCluster({ jvm: 'throughput' })
  const setup = { brokers: cluster.brokers, topic: 'many', count, small: 'few', smallCount: 20_000 }
  try {
    await fill(setup.brokers, setup.topic, count)
    await fill(setup.brokers, setup.small, setup.smallCount)
    const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      for (const name of Object.keys(scenarios)) results[name].push(await inChild(name, setup))
    }
    const base = median(results['for await'].map(({ rate }) => rate))
    console.log('| | M/s | of `for await` | best of rounds | CPU/message | |\n|---|---|---|---|---|---|')
    const best = Math.max(...results['for await'].map(({ rate }) => rate))
    for (const [name, list] of Object.entries(results)) {
      const rate = median(list.map((r) => r.rate))
      const cpu = median(list.map((r) => r.cpu))
      const top = Math.max(...list.map((r) => r.rate))
      const more = list[0].timer
        ? `${(100 * median(list.map((r) => r.ofIdeal))).toFixed(1)} % of ideal; ${(100 * median(list.map((r) => r.ofTimer))).toFixed(1)} % with the ${median(list.map((r) => r.timer)).toFixed(2)} ms that the timer takes`
        : ''
      console.log(
        `| ${name} | ${rate.toFixed(3)} | ${(rate / base).toFixed(2)} | ${(top / best).toFixed(2)} | ${cpu.toFixed(2)} µs | ${more} |`,
      )
    }
  } finally {
    await cluster.stop()
  }
}

if (process.argv[2] === '--one') {
  const [name, setup] = process.argv.slice(3)
  process.stdout.write(JSON.stringify(await scenarios[name](JSON.parse(setup))), () => process.exit(0))
} else if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await all()
}
