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

/** Topics of one benchmark run: the preloaded one, and a fresh one for each producer. */
export function makeTopics({ program, brokers, payload, options }) {
  const { partitions, size, messages, codec } = options
  // Another run's topics may still be there on a broker that was given.
  const prefix = `odradek-bench-${process.pid}-${Date.now().toString(36)}`
  const preloaded = `${prefix}-preloaded`
  let made = 0
  let groups = 0
  let hasPreloaded = false
  const create = (topic) => task(program, 'create-topic', { brokers, topic, partitions })
  const remove = (topic) => task(program, 'delete-topic', { brokers, topic })
  return {
    group: () => `${prefix}-group-${groups++}`,
    async preload() {
      await create(preloaded)
      hasPreloaded = true
      const codecConf = codec === 'none' ? {} : { 'conf.compression.codec': codec }
      const args = { brokers, topic: preloaded, size, payload, warmup: 0, messages }
      await task(program, 'produce', { ...args, 'conf.acks': 'all', ...codecConf })
    },
    async take(family) {
      if (family.preloaded && !family.output) return { topic: preloaded, release: async () => {} }
      const topic = `${prefix}-${made++}`
      await create(topic)
      const release = () => remove(topic)
      return family.preloaded ? { topic: preloaded, output: topic, release } : { topic, release }
    },
    async removeAll() {
      if (hasPreloaded) await remove(preloaded)
    },
  }
}
