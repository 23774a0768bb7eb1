// A Kafka to try things on, until Ctrl-C: node scripts/kafka/run.mjs [--brokers 3] [--throughput] [--dir D]
import { parseArgs } from 'node:util'
import { main, UserError } from '../lib/run.mjs'
import { startCluster } from './cluster.mjs'

const USAGE = `Usage: node scripts/kafka/run.mjs [options]
    --brokers N     1 (if not given) or 3
    --throughput    a JVM set up for benchmarks instead of for a quick start
    --dir D         keep the data in this directory and go on with what is there`

function readArguments(args) {
  const options = {
    brokers: { type: 'string', default: '1' },
    throughput: { type: 'boolean' },
    dir: { type: 'string' },
    help: { type: 'boolean' },
  }
  try {
    const { values } = parseArgs({ args, options })
    if (!['1', '3'].includes(values.brokers)) throw new Error(`--brokers is "${values.brokers}", accepted are 1 and 3`)
    return values
  } catch (error) {
    throw new UserError(`${error.message}\n${USAGE}`)
  }
}

await main(import.meta.url, async (args) => {
  const { brokers, throughput, dir, help } = readArguments(args)
  if (help) return console.log(USAGE)
  const stopped = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  const jvm = throughput ? 'throughput' : 'quick'
  const cluster = await startCluster({ brokers: Number(brokers), dir, jvm, log: console.log })
  console.log(`Apache Kafka ${cluster.version} at ${cluster.brokers}. Ctrl-C stops it.`)
  await stopped
  await cluster.stop()
})
