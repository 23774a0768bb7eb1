// Many clients, opened and closed in every state, four at a time, in a process of their own: what of them stays.
import { readdirSync } from 'node:fs'

const topic = 't'
const never = () => new Promise(() => {})
const ignore = () => {}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** What is done to a consumer before it is closed. What is opened beside it is returned, to be closed with it. */
const states = {
  'just made': async () => {},
  'before its first assignment': (c) => c.subscribe(topic),
  'before its first assignment, and somebody waits': async (c) => {
    await c.subscribe(topic)
    c.poll(50_000).catch(ignore)
  },
  'in the middle of its first rebalance': async (c, { hook }) => {
    await c.subscribe(topic)
    c.poll(50_000).catch(ignore)
    await hook
  },
  'with another member on its way in': async (c, { another }) => {
    await c.subscribe(topic)
    await c.poll(50_000)
    const other = another()
    await other.subscribe(topic)
    other.poll(50_000).catch(ignore)
    await c.poll(20)
    return other
  },
  reading: async (c) => {
    await c.subscribe(topic)
    await c.poll(50_000)
    c.poll(50_000).catch(ignore)
  },
  'in a loop': async (c) => {
    await c.subscribe(topic)
    let n = 0
    for await (const _ of c) if (++n === 500) break
  },
  'inside a loop': async (c) => {
    await c.subscribe(topic)
    await new Promise((resolve, reject) => {
      const read = async () => {
        let n = 0
        for await (const _ of c) if (++n % 50 === 0) resolve()
      }
      read().catch(reject)
    })
  },
  'assigned by hand': async (c) => {
    await c.assign([{ topic, partition: 0, offset: 0 }])
    await c.poll(50_000)
  },
  paused: async (c) => {
    await c.subscribe(topic)
    await c.poll(50_000)
    await c.pause(c.assignment)
    c.poll(50_000).catch(ignore)
  },
  'with a batch in hand': async (c, { keep }) => {
    await c.subscribe(topic)
    keep.push((await c.batches({ max: 100 }).next()).value)
  },
  'while it commits': async (c) => {
    await c.subscribe(topic)
    const message = await c.poll(50_000)
    for (let i = 0; i < 5; i++) c.commit(message).catch(ignore)
  },
  'while it seeks': async (c) => {
    await c.subscribe(topic)
    await c.poll(50_000)
    c.seek(c.assignment.map((p) => ({ ...p, offset: 0 }))).catch(ignore)
  },
  'with partition streams': async (c) => {
    await c.subscribe(topic)
    const { value } = await c.partitionStreams({ max: 10 }).next()
    await value.next()
  },
  'with a Node stream': async (c) => {
    await c.subscribe(topic)
    await new Promise((resolve) => c.readable().once('data', resolve).on('error', ignore))
  },
  unreachable: (c) => c.subscribe(topic),
}

const names = Object.keys(states)
const slowHook = 'in the middle of its first rebalance'

function openIn(state, i, odradek, servers) {
  let called
  const hook = new Promise((resolve) => {
    called = resolve
  })
  const config = {
    'bootstrap.servers': state === 'unreachable' ? '127.0.0.1:1' : servers,
    'group.id': `g${i}`,
    'group.protocol': i % 2 ? 'classic' : 'consumer',
    'auto.offset.reset': 'earliest',
  }
  const onAssigned = () => {
    called()
    return never()
  }
  const options = state === slowHook ? { onAssigned } : {}
  return { consumer: new odradek.Consumer(config, options), hook, another: () => new odradek.Consumer(config) }
}

async function cycle(i, odradek, servers) {
  const state = names[i % names.length]
  // Each takes a second or two, also on a busy machine: of one that does not end, what it waits for has to be known.
  let stage = 'getting there'
  const slow = setInterval(() => console.log(`slow: cycle ${i}, ${state}: ${stage}`), 15_000)
  const { consumer, ...more } = openIn(state, i, odradek, servers)
  const keep = []
  const other = await states[state](consumer, { ...more, keep })
  stage = 'closing'
  await Promise.all([consumer.close({ timeout: 2000 }), consumer.close(), other?.close({ timeout: 2000 })])
  stage = 'a producer'
  const producer = new odradek.Producer({ 'bootstrap.servers': servers })
  if (i % 2) producer.produce({ topic: 'u', value: 'x' })
  await producer.close({ timeout: 2000 })
  clearInterval(slow)
}

function resources() {
  const count = (what) => readdirSync(`/proc/self/${what}`).length
  return { threads: count('task'), descriptors: count('fd'), megabytes: process.memoryUsage.rss() / 2 ** 20 }
}

/** So many consumers, after some to warm up. Prints what there is more than before, and the most threads there were. */
export async function openAndClose(odradek, { consumers, warmUp }) {
  const cluster = new odradek.MockCluster()
  await cluster.createTopic(topic, { partitions: 3 })
  const servers = cluster.bootstrapServers
  const feeder = new odradek.Producer({ 'bootstrap.servers': servers })
  await feeder.sendBatch(
    topic,
    // Some in each: left to itself, the partitioner may leave one empty, and who reads that one waits for ever.
    Array.from({ length: 2000 }, (_, i) => ({ value: 'x'.repeat(200), partition: i % 3 })),
  )
  await feeder.close()
  const cycles = async (from, to) => {
    for (let i = from; i < to; i += 4) await Promise.all([0, 1, 2, 3].map((j) => cycle(i + j, odradek, servers)))
  }
  const settled = async () => {
    // Threads that were joined leave /proc a moment later.
    await sleep(200)
    globalThis.gc()
    return resources()
  }
  await cycles(0, warmUp)
  const before = await settled()
  // In the middle, too: what a process grows by until it has all it needs is no leak.
  const half = warmUp + Math.ceil(consumers / 8) * 4
  await cycles(warmUp, half)
  const { megabytes } = await settled()
  await cycles(half, warmUp + consumers)
  const after = await settled()
  const grown = Object.fromEntries(Object.entries(after).map(([what, n]) => [what, Math.round(n - before[what])]))
  console.log(
    JSON.stringify({ states: names.length, ...grown, inTheSecondHalf: Math.round(after.megabytes - megabytes) }),
  )
  await cluster.close()
}
