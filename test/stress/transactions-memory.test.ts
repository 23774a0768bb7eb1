// Memory over many transactions, on real Kafka: flat.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Consumer, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { bootstrapServers, createTopic, kafkaTool, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'

const transactions = Number(process.env.ODRADEK_TRANSACTIONS ?? 20_000)
// What the first ones leave (pools, compiled code, librdkafka's caches) is not a leak.
const warmUp = transactions / 4

setFlagsFromString('--expose_gc')
const gc = runInNewContext('gc') as () => void

/** MB, after what can be collected has been. */
function memory(): { rss: number; heap: number; external: number } {
  gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss: rss / 1e6, heap: heapUsed / 1e6, external: external / 1e6 }
}

const title = `is flat over ${transactions} transactions, every tenth aborted, with offsets that are`
// What is not awaited goes another way: with the commit and the next transaction's beginning.
it.each(['awaited', 'not awaited'])(`${title} %s`, { timeout: 1_800_000 }, async (how) => {
  const [input, output, group] = [await createTopic('in'), await createTopic('out'), uniqueGroup()]
  const config = { 'bootstrap.servers': bootstrapServers() }
  await using filler = new Producer(config)
  const value = 'x'.repeat(100)
  await filler.sendBatch(
    input,
    Array.from({ length: transactions }, () => ({ value })),
  )
  await using consumer = new Consumer({
    ...config,
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
  })
  await consumer.subscribe(input)
  await using producer = new Producer({ ...config, 'transactional.id': uniqueTopic('id'), 'linger.ms': 0 })
  await producer.initTransactions()
  let done = 0
  let aborted = 0
  let before = memory()
  for await (const message of consumer) {
    const fail = done % 10 === 9
    const run = producer.transaction(async (tx) => {
      tx.produce({ topic: output, value: message.value })
      const offsets = tx.sendOffsets(consumer)
      if (how === 'awaited') await offsets
      if (fail) throw new Error('aborted on purpose')
    })
    await run.catch((error) => {
      if (!fail) throw error
      aborted++
    })
    if (++done === warmUp) before = memory()
    if (done === transactions) break
  }
  const after = memory()
  const grown = {
    rss: after.rss - before.rss,
    heap: after.heap - before.heap,
    external: after.external - before.external,
  }
  const text = Object.entries(grown).map(([name, mb]) => `${name} ${mb.toFixed(1)} MB`)
  console.log(`${done} transactions, ${aborted} aborted; grown after the first ${warmUp}: ${text.join(', ')}`)
  const kafka = await witness()
  // Aborted ones are seen by nobody, and the group is behind the last committed one.
  expect((await kafka.consume({ topic: output, isolation: 'read_committed' })).length).toBe(done - aborted)
  expect((await kafka.groupOffsets(group))[input][0].offset).toBe(transactions - 1)
  const hanging = await kafkaTool('kafka-transactions', ['find-hanging', '--topic', output, '--partition', '0'])
  expect(hanging).not.toContain(output)
  // A leak of 1 kB in each transaction would be 15 MB.
  expect(grown.heap).toBeLessThan(8)
  expect(grown.external).toBeLessThan(8)
  expect(grown.rss).toBeLessThan(40)
})
