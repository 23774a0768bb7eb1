// From the start of Node to the first message on the embedded cluster, on the clock: `node bench/cold-start.mjs [runs]`. On a machine with
// other work only a process of a higher priority tells anything: `chrt -f 10 node bench/cold-start.mjs`.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './statistics.mjs'

const assign = (consumer) => consumer.assign([{ topic: 'first', partition: 0, offset: 0 }])
const ways = {
  // What an application does: a group, and librdkafka's own waits.
  group: { settings: {}, start: (consumer) => consumer.subscribe(['first']) },
  // The same without a group's work.
  assigned: { settings: {}, start: assign },
  // And without librdkafka's wait between two connections, which is half of this.
  'assigned, reconnect.backoff.ms=20': { settings: { 'reconnect.backoff.ms': 20 }, start: assign },
}

/** One cold process: when it was at each step. */
async function child({ settings, start }) {
  const steps = {}
  const note = (name) => {
    steps[name] = performance.timeOrigin + performance.now()
  }
  const { Consumer, MockCluster, Producer } = await import('../dist/index.js')
  note('imported')
  const cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('first', { partitions: 1, replicationFactor: 1 })
  const config = { ...settings, 'bootstrap.servers': cluster.bootstrapServers }
  const producer = new Producer(config)
  await producer.send({ topic: 'first', value: 'a' })
  note('acknowledged')
  const consumer = new Consumer({ ...config, 'group.id': 'first', 'auto.offset.reset': 'earliest' })
  await start(consumer)
  for await (const _ of consumer) break
  note('received')
  await consumer.close()
  await producer.close()
  await cluster.close()
  console.log(JSON.stringify(steps))
}

const BARE = 'console.log(JSON.stringify({ node: performance.timeOrigin + performance.now() }))'

/** Milliseconds from just before a process is started to each of its steps. */
function once(args) {
  const from = performance.timeOrigin + performance.now()
  const steps = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  return Object.fromEntries(Object.entries(steps).map(([name, at]) => [name, at - from]))
}

/**
 * Medians of so many cold starts: what Node needs that does nothing else, and beyond that each step, each way, in milliseconds. The
 * processes take turns, so that what disturbs the machine for a while disturbs all.
 * @returns {{ node: number, ways: Record<string, { imported: number, acknowledged: number, received: number }> }}
 */
export function coldStarts(runs) {
  const rounds = []
  for (let run = -1; run < runs; run++) {
    const round = { bare: once(['-e', BARE]) }
    for (const way of Object.keys(ways)) round[way] = once([fileURLToPath(import.meta.url), 'child', way])
    // The first fills the system's caches.
    if (run >= 0) rounds.push(round)
  }
  const node = median(rounds.map(({ bare }) => bare.node))
  const beyond = (way, step) => median(rounds.map((round) => round[way][step])) - node
  const steps = (way) =>
    Object.fromEntries(['imported', 'acknowledged', 'received'].map((step) => [step, beyond(way, step)]))
  return { node, ways: Object.fromEntries(Object.keys(ways).map((way) => [way, steps(way)])) }
}

function report({ node, ways }) {
  console.log(`Node's own start: ${node.toFixed(0)} ms; beyond it:`)
  for (const [way, { imported, acknowledged, received }] of Object.entries(ways)) {
    const [first, second, third] = [imported, acknowledged, received].map((value) => value.toFixed(0))
    console.log(`${way}: imported ${first}, first record acknowledged ${second}, first message received ${third} ms`)
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'child') await child(ways[process.argv[3]])
  else report(coldStarts(Number(process.argv[2] ?? 10)))
}
