// What the properties that people tune do, on one real broker: writes docs/tuning.svg and prints the table of
// docs/tuning.md. `node bench/tuning.mjs [messages]`.
import { writeFileSync } from 'node:fs'
import { AdminClient, Consumer, Producer } from '../dist/index.js'
import { startCluster } from '../scripts/kafka/cluster.mjs'

const count = Number(process.argv[2] ?? 200_000)
const size = 500

// Alike, but not equal: what codecs see of JSON.
const values = Array.from({ length: 1000 }, (_, i) => {
  const order = {
    id: 1e9 + i * 7919,
    customer: `c-${(i * 31) % 997}`,
    status: ['new', 'paid', 'sent'][i % 3],
    lines: [],
  }
  while (JSON.stringify(order).length < size - 40) {
    order.lines.push({
      sku: `sku-${(i * order.lines.length * 17) % 5000}`,
      n: (i + order.lines.length) % 9,
      price: (i * 13) % 10_000,
    })
  }
  return JSON.stringify(order)
})

let number = 0
async function topicOf(admin) {
  const topic = `tuning-${number++}`
  await admin.createTopics([{ topic, numPartitions: 4, replicationFactor: 1 }])
  return topic
}

/** As fast as it goes: messages a second, and bytes on the wire for each. */
async function produce(brokers, admin, conf) {
  const topic = await topicOf(admin)
  let wire = 0
  const producer = new Producer(
    { 'bootstrap.servers': brokers, 'statistics.interval.ms': 100, ...conf },
    {
      onStatistics: (statistics) => {
        wire = Math.max(wire, statistics.tx_bytes)
      },
    },
  )
  await producer.send({ topic, value: 'first' })
  const began = performance.now()
  const cpu = process.cpuUsage()
  for (let from = 0; from < count; from += 5000) {
    const batch = Array.from({ length: 5000 }, (_, i) => ({
      value: values[(from + i) % 1000],
      partition: (from + i) % 4,
    }))
    await producer.sendBatch(topic, batch)
  }
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  await new Promise((resolve) => setTimeout(resolve, 150))
  await producer.close()
  return { topic, rate: count / ms, bytes: wire / count, cpu: (user + system) / count }
}

/** One awaited send after another: milliseconds, half of them below. */
async function latency(brokers, admin, conf) {
  const topic = await topicOf(admin)
  const producer = new Producer({ 'bootstrap.servers': brokers, ...conf })
  const times = []
  for (let i = 0; i < 220; i++) {
    const began = performance.now()
    await producer.send({ topic, value: values[i] })
    if (i >= 20) times.push(performance.now() - began)
  }
  await producer.close()
  return times.sort((a, b) => a - b)[100]
}

async function consume(brokers, topic, conf) {
  const consumer = new Consumer({
    'bootstrap.servers': brokers,
    'group.id': `g${Math.random()}`,
    'auto.offset.reset': 'earliest',
    ...conf,
  })
  await consumer.subscribe(topic)
  let seen = 0
  let began = 0
  for await (const batch of consumer.batches()) {
    if (seen === 0) began = performance.now()
    seen += batch.length
    if (seen >= count) break
  }
  const ms = performance.now() - began
  await consumer.close()
  return seen / ms
}

const best = async (times, run, better) => {
  let result
  for (let i = 0; i < times; i++) {
    const next = await run()
    if (result === undefined || better(next, result)) result = next
  }
  return result
}

async function measure(brokers) {
  const admin = new AdminClient({ 'bootstrap.servers': brokers })
  const faster = (a, b) => a.rate > b.rate
  const groups = []
  const topics = {}
  const group = async (title, unit, entries) => {
    const bars = []
    for (const [name, run] of entries) bars.push({ name, ...(await run()) })
    groups.push({ title, unit, bars })
  }
  const rateOf = (conf) => async () => {
    const { rate, topic, bytes, cpu } = await best(2, () => produce(brokers, admin, conf), faster)
    topics[conf['compression.type'] ?? 'none'] = topic
    return { value: rate, note: `${bytes.toFixed(0)} B, ${cpu.toFixed(1)} µs` }
  }
  await group(
    'batch.size (linger.ms 5): producing',
    'k/s',
    [16_384, 131_072, 1_000_000].map((n) => [`${n / 1000} kB`, rateOf({ 'batch.size': n, 'linger.ms': 5 })]),
  )
  await group(
    'linger.ms: producing',
    'k/s',
    [0, 1, 5, 50].map((n) => [`${n} ms`, rateOf({ 'linger.ms': n })]),
  )
  await group(
    'compression.type: producing',
    'k/s',
    ['none', 'lz4', 'snappy', 'zstd', 'gzip'].map((n) => [n, rateOf({ 'compression.type': n, 'linger.ms': 5 })]),
  )
  await group(
    'linger.ms: one awaited send after another',
    'ms',
    [0, 1, 5, 50].map((n) => [`${n} ms`, async () => ({ value: await latency(brokers, admin, { 'linger.ms': n }) })]),
  )
  await group(
    'compression.type: consuming',
    'k/s',
    ['none', 'lz4', 'zstd', 'gzip'].map((n) => [
      n,
      async () => ({
        value: await best(
          2,
          () => consume(brokers, topics[n], {}),
          (a, b) => a > b,
        ),
      }),
    ]),
  )
  await group(
    'fetch.min.bytes: consuming',
    'k/s',
    [1, 100_000, 1_000_000].map((n) => [
      n === 1 ? '1 (default)' : `${n / 1000} kB`,
      async () => ({
        value: await best(
          2,
          () => consume(brokers, topics.none, { 'fetch.min.bytes': n }),
          (a, b) => a > b,
        ),
      }),
    ]),
  )
  await admin.close()
  return groups
}

function draw(groups) {
  const [width, rowHeight] = [460, 18]
  const height = 140
  const parts = groups.map(({ title, unit, bars }, i) => {
    const [x, y] = [(i % 2) * width, Math.floor(i / 2) * height]
    const top = Math.max(...bars.map(({ value }) => value))
    const rows = bars.map(({ name, value, note }, row) => {
      const at = y + 34 + row * rowHeight
      const length = (value / top) * 210
      const text = unit === 'ms' ? `${value.toFixed(2)} ms` : `${value.toFixed(0)} k/s`
      return `<text x="${x + 86}" y="${at + 10}" text-anchor="end">${name}</text><rect x="${x + 92}" y="${at}" width="${length.toFixed(1)}" height="13" fill="#3274d9"/><text x="${x + 98 + length}" y="${at + 10}">${text}${note ? ` <tspan fill="#777">(${note})</tspan>` : ''}</text>`
    })
    return `<text x="${x + 12}" y="${y + 22}" font-weight="600">${title}</text>${rows.join('')}`
  })
  const rows = Math.ceil(groups.length / 2)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * width} ${rows * height}" font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="#fff"/>${parts.join('\n')}</svg>\n`
}

const cluster = await startCluster({ jvm: 'throughput' })
try {
  const groups = await measure(cluster.brokers)
  writeFileSync(new URL('../docs/tuning.svg', import.meta.url), draw(groups))
  for (const { title, unit, bars } of groups) {
    console.log(
      `| ${title} | ${bars.map(({ name, value, note }) => `${name}: ${unit === 'ms' ? value.toFixed(2) : value.toFixed(0)} ${unit}${note ? ` (${note})` : ''}`).join('; ')} |`,
    )
  }
} finally {
  await cluster.stop()
}
