// The broker of a benchmark and its topics.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCluster } from '../scripts/kafka/cluster.mjs'
import { UserError } from '../scripts/lib/run.mjs'
import { BUILD } from './build.mjs'

/** @returns {Promise<{ brokers: string, pid?: number, version: string, stop(): Promise<void> }>} */
export async function openBroker({ brokers, log }) {
  if (brokers) return { brokers, version: 'given by --brokers', stop: async () => {} }
  const config = { 'log.segment.bytes': 256 * 1024 * 1024 }
  const cluster = await startCluster({ jvm: 'throughput', config, log })
  return { brokers: cluster.brokers, pid: cluster.nodes[0].pid, version: cluster.version, stop: cluster.stop }
}

/** A task of the C program that only has to succeed. */
export function task(program, name, args) {
  const argv = [name, ...Object.entries(args).map(([key, value]) => `${key}=${value}`)]
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new UserError(`${name} ${args.topic} failed (${signal ?? code}): ${err.trim()}`))
    })
  })
}

const POOL = 1000
const words = 'order invoice parcel depot customer address street city price tax discount shipped pending paid'.split(
  ' ',
)

/** POOL values that look like what people send: JSON, alike but not equal, so that codecs have something to do. */
export function makePayloads(size) {
  let state = 42
  const random = (below) => {
    // An LCG (Numerical Recipes): the same bytes in every run.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const bytes = Buffer.alloc(POOL * size, 0x20)
  for (let i = 0; i < POOL; i++) {
    let text = `{"id":${10_000_000 + random(89_999_999)},"at":${1_790_000_000_000 + random(1e9)}`
    while (text.length < size)
      text += `,"${words[random(words.length)]}":${random(2) ? random(1e6) : `"${words[random(words.length)]}"`}`
    bytes.write(`${text.slice(0, size - 1)}}`, i * size, 'latin1')
  }
  return bytes
}

export function writePayloads(size) {
  const file = join(BUILD, `payload-${size}.bin`)
  writeFileSync(file, makePayloads(size))
  return file
}

/** Topics of one benchmark run: the preloaded ones, and a fresh one for each producer. */
export function makeTopics({ program, brokers, payload, options }) {
  const { partitions, size, messages, codec } = options
  // Another run's topics may still be there on a broker that was given.
  const prefix = `odradek-bench-${process.pid}-${Date.now().toString(36)}`
  let made = 0
  let groups = 0
  const preloaded = new Map()
  const create = (topic, count = partitions) => task(program, 'create-topic', { brokers, topic, partitions: count })
  const remove = (topic) => task(program, 'delete-topic', { brokers, topic })
  return {
    group: () => `${prefix}-group-${groups++}`,
    isPreloaded: ({ name }) => preloaded.has(name),
    async preload({ name, headers = false, partitions: count = partitions }) {
      const topic = `${prefix}-${name}`
      await create(topic, count)
      preloaded.set(name, topic)
      const codecConf = codec === 'none' ? {} : { 'conf.compression.codec': codec }
      const args = { brokers, topic, size, payload, messages, partitions: count, headers: Number(headers) }
      await task(program, 'preload', { ...args, 'conf.acks': 'all', ...codecConf })
    },
    async take(family) {
      const input = family.preloaded && preloaded.get(family.preloaded.name)
      if (input && !family.output) return { topic: input, release: async () => {} }
      const topic = `${prefix}-${made++}`
      await create(topic)
      const release = () => remove(topic)
      return input ? { topic: input, output: topic, release } : { topic, release }
    },
    async removeAll() {
      for (const topic of preloaded.values()) await remove(topic)
    },
  }
}
