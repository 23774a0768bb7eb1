// A process of the processor's model tests: handles with random delays and failures, and tells each beginning and end
// with a synchronous write, so that a SIGKILL loses none.
import { writeSync } from 'node:fs'
import { deadLetter, Processor, retry } from '../../dist/processor.js'

const { config, topic, options, failures = 0, delay = 2, output, name } = JSON.parse(process.argv[2])
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())
process.on('disconnect', () => process.exit())

const say = (what) => writeSync(1, `${JSON.stringify({ by: name, ...what })}\n`)

const app = new Processor(config, { ...options, onError: (error) => say({ type: 'error', error: String(error) }) })
app.use(retry({ attempts: 3, backoff: { initial: 5, max: 20 } }))
app.use(deadLetter({ topic: `${topic}.dlq` }))
app.observe((event) => {
  if (event.type === 'rebalance') say({ type: event.kind, partitions: event.partitions.map((p) => p.partition) })
})
app.topic(topic, async (message, context) => {
  const { partition, offset } = message
  const key = String(message.key)
  say({ type: 'begin', partition, offset, key, attempt: context.attempt })
  if (delay > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * 2 * delay))
  // Some fail now and then, some always.
  const number = Number(message.text())
  if (failures > 0 && (number % 97 === 13 || Math.random() < failures)) throw new Error(`fails: ${number}`)
  if (output) await context.send({ topic: output, key: message.key, value: message.value })
  say({ type: 'end', partition, offset, key })
})
try {
  await app.run({ signal: stop.signal })
  say({ type: 'stopped', counts: app.counts })
} catch (error) {
  say({ type: 'died', error: String(error) })
  process.exitCode = 1
}
process.disconnect()
