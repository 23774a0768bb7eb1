// One process of the bank: transfers in, two ledger entries for each out, exactly once. Ends with 3 when it was fenced.
import { exactlyOnce } from '../../dist/pipeline.js'

const { config, group, transfers, ledger, transactionalId } = JSON.parse(process.argv[2])
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
// The test is gone.
process.on('disconnect', () => process.exit())

const entry = (account, delta, transfer) => ({
  topic: ledger,
  key: account,
  value: JSON.stringify({ transfer, delta }),
})

try {
  const metrics = await exactlyOnce({
    config,
    group,
    topics: transfers,
    transactionalId,
    consumer: { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500 },
    producer: { 'transaction.timeout.ms': 5000 },
    maxBatch: 100,
    attempts: 100,
    backoff: { initial: 50, max: 1000 },
    signal: stop.signal,
    onError: (error) => console.log(`repeats: ${error}`),
    transform: (batch) =>
      [...batch].flatMap((message) => {
        const { id, from, to, amount } = message.json()
        return [entry(from, -amount, id), entry(to, amount, id)]
      }),
  })
  console.log(JSON.stringify(metrics))
} catch (error) {
  console.log(`ends: ${error}`)
  process.exitCode = error.code === '_FENCED' ? 3 : 1
}
// The channel to the test would keep the process.
process.disconnect()
