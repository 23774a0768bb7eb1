// Offsets are committed by hand, after the work: what is not committed comes again.
import { Consumer, Offset, Producer } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const run = `run-${Date.now()}`
const producer = new Producer(config)
await producer.sendBatch(
  'tour',
  ['first', 'second', 'third'].map((value) => ({ key: run, partition: 0, value })),
)
await producer.close()

async function read(count, commit) {
  const consumer = new Consumer({
    ...config,
    'group.id': run,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
  })
  // Where the group is; members of a group that share its partitions: consumer.subscribe(['tour']).
  await consumer.assign([{ topic: 'tour', partition: 0, offset: Offset.stored }])
  const seen = []
  for await (const message of consumer) {
    if (String(message.key) !== run) continue
    seen.push(message.text())
    // The offset after this message; without an argument: after all that was read.
    if (commit) await consumer.commit(message)
    if (seen.length === count) break
  }
  await consumer.close()
  return seen.join(', ')
}

console.log(`read without a commit: ${await read(2, false)}`)
console.log(`read and committed:    ${await read(2, true)}`)
console.log(`what is left:          ${await read(1, true)}`)
