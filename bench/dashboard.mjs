// Writes docs/grafana-dashboard.json, and draws its panels (docs/dashboard.svg) from half a minute of a service on the
// embedded cluster, whose handlers fail now and then: `node bench/dashboard.mjs`.
import { writeFileSync } from 'node:fs'
import { Registry } from 'prom-client'
import { MockCluster, Producer } from '../dist/index.js'
import { measurePublish, prometheus } from '../dist/metrics.js'
import { deadLetter, Processor, Publisher, retry } from '../dist/processor.js'
import { dashboard, panels } from './dashboard-panels.mjs'

const seconds = 30
const step = 500
const docs = (name) => new URL(`../docs/${name}`, import.meta.url)

/** Every half a second all series: name{labels} to value. */
async function record() {
  const cluster = new MockCluster({ brokers: 3 })
  for (const topic of ['orders', 'clicks']) await cluster.createTopic(topic, { partitions: 3 })
  await cluster.createTopic('orders.dlq', { partitions: 1 })
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'statistics.interval.ms': step }
  const register = new Registry()
  const metrics = prometheus(register)
  const producer = new Producer({ ...config, 'client.id': 'shop', 'linger.ms': 5 })
  const publisher = new Publisher(producer).use(measurePublish(metrics))
  const options = { concurrency: 20, orderBy: 'key', onError: () => {} }
  const app = new Processor(
    { ...config, 'client.id': 'inventory', 'group.id': 'inventory', 'auto.commit.interval.ms': 1000 },
    options,
  )
  app.use(retry({ attempts: 3, backoff: { initial: 100 } })).use(deadLetter())
  const began = performance.now()
  const elapsed = () => (performance.now() - began) / 1000
  app.topic('orders', async () => {
    // The service behind is slow for some seconds.
    await new Promise((resolve) => setTimeout(resolve, (elapsed() % 20 > 12 ? 40 : 5) * (0.5 + Math.random())))
    if (Math.random() < 0.05) throw new Error('now and then')
  })
  app.batchTopic('clicks', { max: 200, timeout: 200 }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
  metrics.observe(producer, app)
  const stop = new AbortController()
  const done = app.run({ signal: stop.signal })
  const load = setInterval(() => {
    const send = (topic) =>
      publisher.send({ topic, key: `k${Math.floor(Math.random() * 500)}`, value: 'x'.repeat(100) }).catch(() => {})
    for (let i = 0; i < 45 + 15 * Math.sin(elapsed() / 3); i++) void send('orders')
    for (let i = 0; i < 100; i++) void send('clicks')
  }, 50)
  const samples = []
  for (let at = 0; at < seconds * 1000; at += step) {
    await new Promise((resolve) => setTimeout(resolve, step))
    const all = await register.getMetricsAsJSON()
    samples.push({
      time: elapsed(),
      series: all.flatMap(({ name, values }) => values.map((v) => ({ name: v.metricName ?? name, ...v }))),
    })
  }
  clearInterval(load)
  stop.abort()
  await done
  await producer.close()
  await cluster.close()
  return samples
}

const matches = (labels, where) =>
  Object.entries(where).every(([name, test]) => {
    const [, not, wanted] = /^(!?)="(.*)"$/.exec(test)
    return (String(labels[name] ?? '') === wanted) !== (not === '!')
  })

/** Sums by labels: key to { labels, value }. */
function sums({ series }, name, by, where) {
  const groups = new Map()
  for (const item of series) {
    if (item.name !== name || !matches(item.labels, where)) continue
    const key = by.map((label) => item.labels[label] ?? '').join('/')
    const group = groups.get(key) ?? { labels: item.labels, value: 0 }
    group.value += item.value
    groups.set(key, group)
  }
  return groups
}

function evaluate({ op, metric, by, where, q }, samples, i) {
  const name = op === 'quantile' ? `${metric}_bucket` : metric
  const labels = op === 'quantile' ? [...by, 'le'] : by
  const now = sums(samples[i], name, labels, where)
  if (op === 'value') return now
  const from = Math.max(0, i - 4)
  const before = sums(samples[from], name, labels, where)
  const took = samples[i].time - samples[from].time
  for (const [key, group] of now) group.value = took > 0 ? (group.value - (before.get(key)?.value ?? 0)) / took : 0
  return op === 'rate' ? now : quantiles(now, by, q)
}

function quantiles(buckets, by, q) {
  const groups = new Map()
  for (const { labels, value } of buckets.values()) {
    const key = by.map((label) => labels[label] ?? '').join('/')
    const group = groups.get(key) ?? { labels, counts: [] }
    group.counts.push([labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le), value])
    groups.set(key, group)
  }
  for (const group of groups.values()) {
    group.counts.sort(([a], [b]) => a - b)
    const wanted = q * (group.counts.at(-1)?.[1] ?? 0)
    const at = group.counts.findIndex(([, value]) => value >= wanted)
    const [low, below] = at > 0 ? group.counts[at - 1] : [0, 0]
    const [high, upTo] = group.counts[at]
    group.value =
      wanted === 0
        ? Number.NaN
        : Number.isFinite(high)
          ? low + ((high - low) * (wanted - below)) / (upTo - below || 1)
          : low
  }
  return groups
}

const colours = ['#3274d9', '#e0752d', '#56a64b', '#a352cc', '#f2cc0c', '#d64e4d', '#37872d', '#8ab8ff']
const width = 400
const height = 210

function text(number, unit) {
  if (unit === 's') return number < 1 ? `${(number * 1000).toPrecision(2)} ms` : `${number.toPrecision(2)} s`
  const [value, suffix] = number >= 1e6 ? [number / 1e6, ' M'] : number >= 1e3 ? [number / 1e3, ' k'] : [number, '']
  return `${Number(value.toPrecision(2))}${suffix}${unit === 'cps' ? '/s' : unit === 'Bps' ? 'B/s' : ''}`
}

function draw({ title, unit, queries }, samples, x, y) {
  const lines = new Map()
  samples.forEach((sample, i) => {
    for (const query of queries) {
      for (const { labels, value } of evaluate(query, samples, i).values()) {
        const name = query.legend.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '')
        const line = lines.get(name) ?? []
        if (Number.isFinite(value)) line.push([sample.time, value])
        lines.set(name, line)
      }
    }
  })
  const top = Math.max(1e-9, ...[...lines.values()].flat().map(([, value]) => value)) * 1.1
  const [left, low, w, h] = [x + 52, y + 140, width - 72, 105]
  const end = samples.at(-1).time
  const parts = [`<text x="${x + 12}" y="${y + 20}" font-weight="600">${title}</text>`]
  for (const part of [0, 0.5, 1]) {
    const at = low - part * h
    parts.push(
      `<path d="M${left} ${at}h${w}" stroke="#ddd"/><text x="${left - 5}" y="${at + 3}" text-anchor="end" fill="#666">${text(top * part, unit)}</text>`,
    )
  }
  let row = 0
  for (const [name, line] of lines) {
    const colour = colours[row % colours.length]
    const points = line.map(
      ([time, value]) => `${(left + (time / end) * w).toFixed(1)},${(low - (value / top) * h).toFixed(1)}`,
    )
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.3"/>`)
    const [cx, cy] = [x + 14 + (row % 2) * 190, y + 158 + Math.floor(row / 2) * 12]
    if (row < 8)
      parts.push(
        `<path d="M${cx} ${cy - 3}h10" stroke="${colour}" stroke-width="2"/><text x="${cx + 14}" y="${cy}" fill="#444">${name}</text>`,
      )
    row++
  }
  return `<g><rect x="${x + 4}" y="${y + 4}" width="${width - 8}" height="${height - 8}" rx="3" fill="#fff" stroke="#ccc"/>${parts.join('')}</g>`
}

writeFileSync(docs('grafana-dashboard.json'), `${JSON.stringify(dashboard(), null, 2)}\n`)
if (!process.argv.includes('--json')) {
  const samples = await record()
  const rows = Math.ceil(panels.length / 3)
  const drawn = panels.map((panel, i) => draw(panel, samples, (i % 3) * width, Math.floor(i / 3) * height))
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${3 * width} ${rows * height}" font-family="sans-serif" font-size="10"><rect width="100%" height="100%" fill="#f4f5f5"/>${drawn.join('\n')}</svg>\n`
  writeFileSync(docs('dashboard.svg'), svg)
}
