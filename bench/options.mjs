// The command line of the benchmark.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UserError } from '../scripts/lib/run.mjs'

export const usage = `Usage: npm run bench -- [scenario ...] [options]

  scenario          consume (consume-for-await, consume-batches), consume-headers (consume-headers-for-await,
                    consume-headers-batches), consume-group (consume-group-for-await, consume-group-batches,
                    consume-group-workers-for-await, consume-group-workers-batches: four members in one process),
                    produce (produce-batch, produce-bulk, produce-send), latency-send, latency-consume,
                    transact-1000 (pipeline-1000), transact-10 (pipeline-10); all without one
  --rounds N        measured rounds (5)
  --warmup N        rounds before them that are not counted (1)
  --messages N      per run (2000000)
  --size BYTES      of a value (100)
  --codec NAME      none, gzip, snappy, lz4 or zstd (none)
  --batch N         records of a sendBatch (1000)
  --partitions N    of each topic (6); consume-group's has 12
  --json FILE       write every figure there as well
  --peers [NAMES]   run the peers too: all that bench/peers/install.mjs has installed, or those named (a,b)
  --only-peers      run the C program and the peers, not this package
  --tree NAME=DIR   run the package built in another directory too (may be repeated)
  --brokers LIST    use this Kafka instead of starting one`

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

function number(values, name, least) {
  const text = values[name]
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new UserError(`--${name} is '${text}'; it must be a whole number from ${least}`)
}

function tree(text) {
  const [, name, directory] = /^([\w.-]+)=(.+)$/.exec(text) ?? []
  if (!name) throw new UserError(`--tree is '${text}'; it must be NAME=DIRECTORY`)
  return { name, directory: resolve(directory) }
}

const options = {
  rounds: { type: 'string', default: '5' },
  warmup: { type: 'string', default: '1' },
  messages: { type: 'string', default: '2000000' },
  size: { type: 'string', default: '100' },
  codec: { type: 'string', default: 'none' },
  batch: { type: 'string', default: '1000' },
  partitions: { type: 'string', default: '6' },
  json: { type: 'string' },
  peers: { type: 'string' },
  'only-peers': { type: 'boolean', default: false },
  tree: { type: 'string', multiple: true, default: [] },
  brokers: { type: 'string' },
  help: { type: 'boolean', default: false },
}

/** `--peers` may stand without names, which parseArgs cannot say. */
function withPeersValue(argv) {
  return argv.map((argument, i) => {
    if (argument !== '--peers') return argument
    const next = argv[i + 1]
    return next === undefined || next.startsWith('--') ? '--peers=all' : argument
  })
}

/**
 * @typedef {ReturnType<typeof readOptions>} Options
 * @param {string[]} argv
 */
export function readOptions(argv) {
  const { values, positionals } = parseArgs({ args: withPeersValue(argv), options, allowPositionals: true })
  if (!codecs.includes(values.codec)) {
    throw new UserError(`--codec is '${values.codec}'; it must be ${codecs.join(', ')}`)
  }
  return {
    help: values.help,
    scenarios: positionals,
    rounds: number(values, 'rounds', 1),
    warmup: number(values, 'warmup', 0),
    messages: number(values, 'messages', 1),
    // A latency's value carries its time.
    size: number(values, 'size', 8),
    codec: values.codec,
    batch: number(values, 'batch', 1),
    partitions: number(values, 'partitions', 1),
    json: values.json && resolve(values.json),
    // Without --peers, those that are installed.
    peers: (values.peers ?? (values['only-peers'] ? 'all' : undefined))?.split(','),
    onlyPeers: values['only-peers'],
    trees: values.tree.map(tree),
    brokers: values.brokers,
  }
}
