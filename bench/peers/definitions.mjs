// The peers: what to install, and how each does the scenarios. A task that a peer has no way to do is not listed; one
// for which it would take minutes has `args` of its own, with fewer messages: figures are per second or per message.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CACHE, ROOT } from '../../scripts/lib/run.mjs'

const HERE = join(ROOT, 'bench', 'peers')

// What the programs in Go share.
const COMMON = join(HERE, 'go', 'common')

export const directoryOf = (name) => join(CACHE, 'peers', name)
const stampOf = (name) => join(directoryOf(name), 'installed')

/** What a peer is made of: it is installed again when that has changed. */
export function signature({ packages, source }) {
  if (packages) return packages.join('\n')
  const hash = createHash('sha256')
  for (const directory of [source, COMMON])
    for (const name of readdirSync(directory).sort()) hash.update(readFileSync(join(directory, name)))
  return hash.digest('hex')
}

export const installed = (definition) => {
  const stamp = stampOf(definition.name)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === signature(definition)
}

export const setInstalled = (definition) => writeFileSync(stampOf(definition.name), signature(definition))

// Where this Node's headers are, so that node-gyp need not fetch them; and node-gyp reads it under both names.
const headers = resolve(dirname(process.execPath), '..')
const nodedir = existsSync(join(headers, 'include', 'node', 'node.h')) ? { npm_config_nodedir: headers } : {}

// Some peers need a newer Node than this package; it is an npm package. Not `node` itself, whose install script chooses one of these.
const platform = process.platform === 'win32' ? 'win' : process.platform
const NODE_24 = `node-${platform}-${process.arch}`
const node24 = (name) => join(directoryOf(name), 'node_modules', NODE_24, 'bin', 'node')

// glibc has a version, musl has none.
const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'
const BINARY = `${process.platform}-${process.arch}${process.platform === 'linux' ? `-${libc}` : ''}`

const oneByOne = 'one promise each'
const few = (label, args) => ({ label, args })

export const definitions = [
  {
    name: 'confluent',
    label: '@confluentinc/kafka-javascript, promise API',
    packages: ['@confluentinc/kafka-javascript@1.10.1'],
    module: '@confluentinc/kafka-javascript',
    build: ['@confluentinc/kafka-javascript'],
    env: { CKJS_LINKING: 'dynamic', ...nodedir },
    tasks: {
      'consume-for-await': 'eachMessage',
      'consume-batches': 'eachBatch',
      'produce-batch': 'send of many',
      'produce-send': few(oneByOne, { messages: 200_000 }),
      'latency-send': 'await send',
      'latency-consume': 'eachMessage',
      'transact-1000': 'producer.transaction',
      'transact-10': 'producer.transaction',
    },
  },
  {
    name: 'confluent-callback',
    of: 'confluent',
    label: '@confluentinc/kafka-javascript, callback API',
    tasks: {
      'consume-batches': 'consume(1000)',
      'produce-bulk': 'produce, delivery-report',
      'latency-send': 'delivery-report',
      'latency-consume': 'flowing',
      'transact-1000': 'flush, sendOffsetsToTransaction',
      'transact-10': 'flush, sendOffsetsToTransaction',
    },
  },
  {
    name: 'node-rdkafka',
    label: 'node-rdkafka',
    packages: ['node-rdkafka@3.6.1'],
    module: 'node-rdkafka',
    build: ['node-rdkafka'],
    env: nodedir,
    tasks: {
      'consume-batches': 'consume(1000)',
      'produce-bulk': 'produce, delivery-report',
      'latency-send': 'delivery-report',
      'latency-consume': 'flowing',
      'transact-1000': 'flush, sendOffsetsToTransaction',
      'transact-10': 'flush, sendOffsetsToTransaction',
    },
  },
  {
    name: 'kafkajs',
    label: 'kafkajs',
    packages: ['kafkajs@2.2.4'],
    module: 'kafkajs',
    tasks: {
      'consume-for-await': 'eachMessage',
      'consume-batches': 'eachBatch',
      'produce-batch': 'send of many',
      'produce-send': few(oneByOne, { messages: 200_000 }),
      'latency-send': 'await send',
      'latency-consume': 'eachMessage',
      'transact-1000': 'producer.transaction',
      'transact-10': few('producer.transaction', { messages: 500 }),
    },
  },
  {
    name: 'platformatic',
    label: '@platformatic/kafka',
    packages: ['@platformatic/kafka@2.12.1', `${NODE_24}@24.21.0`],
    module: '@platformatic/kafka',
    runtime: node24,
    tasks: {
      'consume-for-await': 'for await',
      'produce-batch': 'send of many',
      'produce-send': few(oneByOne, { messages: 200_000 }),
      'latency-send': 'await send',
      'latency-consume': 'for await',
    },
  },
  {
    name: 'kafka-crab-js',
    label: 'kafka-crab-js',
    // Its binary is an optional dependency, which npm leaves out where it runs on a Node that is not 24.
    packages: ['kafka-crab-js@5.0.0', `kafka-crab-js-${BINARY}@5.0.0`, `${NODE_24}@24.21.0`],
    module: 'kafka-crab-js',
    runtime: node24,
    tasks: {
      'consume-for-await': 'Web Stream',
      'consume-batches': 'Web Stream of batches',
      'produce-batch': 'send of many',
      'produce-send': few(oneByOne, { messages: 200_000 }),
      'latency-send': few('await send', { messages: 200, warmup: 20 }),
      // Not latency-consume: its stream stalled for minutes, messages short, when few came at a time.
    },
  },
  {
    name: 'confluent-kafka-go',
    label: 'confluent-kafka-go',
    source: join(HERE, 'go', 'confluent'),
    program: join(directoryOf('confluent-kafka-go'), 'bench'),
    tasks: {
      'consume-for-await': 'ReadMessage',
      'produce-bulk': 'Produce, Events',
      'latency-send': 'Produce, delivery channel',
      'latency-consume': 'ReadMessage',
      'transact-1000': 'reports awaited, SendOffsetsToTransaction',
      'transact-10': 'reports awaited, SendOffsetsToTransaction',
    },
  },
  {
    name: 'franz-go',
    label: 'franz-go',
    source: join(HERE, 'go', 'franz'),
    program: join(directoryOf('franz-go'), 'bench'),
    tasks: {
      'consume-batches': 'PollFetches',
      'produce-bulk': 'Produce with promise',
      'latency-send': 'ProduceSync',
      'latency-consume': 'PollFetches',
      'transact-1000': 'GroupTransactSession',
      'transact-10': 'GroupTransactSession',
    },
  },
  {
    name: 'kafka-go',
    label: 'kafka-go',
    source: join(HERE, 'go', 'segmentio'),
    program: join(directoryOf('kafka-go'), 'bench'),
    tasks: {
      'consume-for-await': 'ReadMessage',
      'produce-batch': 'WriteMessages',
      'produce-send': 'WriteMessages, a goroutine each',
      'latency-send': 'WriteMessages',
      'latency-consume': 'ReadMessage',
    },
  },
]

/** How to start a peer's program, for contestants.mjs. */
export function commandOf({ name, of = name, runtime, program }) {
  if (program) return { command: program, argv: [] }
  return {
    command: runtime?.(of) ?? process.execPath,
    argv: [join(HERE, `${name}.mjs`)],
    env: { ODRADEK_BENCH_PEER: directoryOf(of) },
  }
}
