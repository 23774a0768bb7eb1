// From the start of Node to the first message on the embedded cluster, on the clock: `node bench/cold-start.mjs [runs]`. On a machine with
// other work only a process of a higher priority tells anything: `chrt -f 10 node bench/cold-start.mjs`.
const from = performance.now()

const assign = (consumer) => consumer.assign([{ topic: 'first', partition: 0, offset: 0 }])
const ways = {
  // What an application does: a group, and librdkafka's own waits.
  group: { settings: {}, start: (consumer) => consumer.subscribe(['first']) },
  // The same without a group's work.
  assigned: { settings: {}, start: assign },
  // And without librdkafka's wait between two connections, which is half of this.
  'assigned, reconnect.backoff.ms=20': { settings: { 'reconnect.backoff.ms': 20 }, start: assign },
}

/** One cold process: milliseconds since it was started, at each step. */
async function child({ settings, start }) {
  const steps = { node: from }
  const note = (name) => {
    steps[name] = performance.now()
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

async function parent(runs) {
  const { execFileSync } = await import('node:child_process')
  const { fileURLToPath } = await import('node:url')
  const { median } = await import('./statistics.mjs')
  const once = (way) =>
    JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'child', way], { encoding: 'utf8' }))
  const rounds = []
  for (let run = -1; run < runs; run++) {
    const round = Object.keys(ways).map((way) => [way, once(way)])
    // The first fills the system's caches.
    if (run >= 0) rounds.push(Object.fromEntries(round))
  }
  for (const way of Object.keys(ways)) {
    const beyond = (name) => median(rounds.map((round) => round[way][name] - round[way].node)).toFixed(0)
    const node = median(rounds.map((round) => round[way].node)).toFixed(0)
    console.log(
      `${way}: Node's own start ${node} ms; beyond it imported ${beyond('imported')}, ` +
        `first record acknowledged ${beyond('acknowledged')}, first message received ${beyond('received')} ms`,
    )
  }
}

if (process.argv[2] === 'child') await child(ways[process.argv[3]])
else await parent(Number(process.argv[2] ?? 10))
