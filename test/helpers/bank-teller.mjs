// One process of the bank: transfers in, two ledger entries for each out, exactly once. Ends with 3 when it was fenced.
import { appendFileSync } from 'node:fs'
import { Pipeline } from '../../dist/pipeline.js'

const { name, clientId, config, group, transfers, ledger, transactionalId, session, debug } = JSON.parse(
  process.argv[2],
)
const stop = new AbortController()
const say = (text) => console.log(`${new Date().toISOString().slice(11, 23)} ${text}`)
let last = 'nothing yet'

// Who wrote it, and of which message: an audit tells what a doubled entry is made of.
const entry = (account, delta, transfer, { partition, offset }) => ({
  topic: ledger,
  key: account,
  value: JSON.stringify({ transfer, account, delta, from: `${partition}:${offset}`, by: `${name}/${process.pid}` }),
})

const logger =
  (level) =>
  ({ facility }, text) =>
    debug.file && appendFileSync(debug.file, `${new Date().toISOString().slice(11, 23)} ${level} ${facility} ${text}\n`)

const pipeline = new Pipeline({
  config: { ...config, 'client.id': clientId, ...(debug ? { debug: debug.contexts } : {}) },
  group,
  topics: transfers,
  transactionalId,
  consumer: { 'session.timeout.ms': session, 'heartbeat.interval.ms': Math.round(session / 8) },
  producer: { 'transaction.timeout.ms': session },
  maxBatch: 100,
  attempts: 1000,
  backoff: { initial: 50, max: 1000 },
  signal: stop.signal,
  ...(debug
    ? { logger: { debug: logger('debug'), info: logger('info'), warn: logger('warn'), error: logger('error') } }
    : {}),
  onTransaction: ({ committed, messages, latency, error }) => {
    const end = committed ? 'committed' : `aborted (${error})`
    last = `${messages} messages ${end} after ${latency.toFixed(0)} ms at ${new Date().toISOString().slice(11, 23)}`
  },
  onError: (error) => say(`repeats: ${error}`),
  transform: (batch) =>
    [...batch].flatMap((message) => {
      const { id, from, to, amount } = message.json()
      return [entry(from, -amount, id, message), entry(to, amount, id, message)]
    }),
})

process.on('SIGTERM', () => stop.abort())
// The test asks how it goes: an answer shows that the event loop turns.
process.on('message', () => process.send({ last, metrics: pipeline.metrics }))
// The test is gone.
process.on('disconnect', () => process.exit())

try {
  say(JSON.stringify(await pipeline.run()))
} catch (error) {
  say(`ends: ${error}`)
  process.exitCode = error.code === '_FENCED' ? 3 : 1
}
// The channel to the test would keep the process.
process.removeAllListeners('disconnect')
process.disconnect()
