// A partition that has to wait, while the others go on and the group knows that this member is alive.
import { Consumer, Producer } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const run = `run-${Date.now()}`
const consumer = new Consumer({ ...config, 'group.id': run, 'auto.offset.reset': 'latest' })
const partitions = [0, 1].map((partition) => ({ topic: 'tour', partition }))
await consumer.assign(partitions.map((one) => ({ ...one, offset: 0 })))
const [slow, fast] = partitions
await consumer.pause([slow])

const producer = new Producer(config)
await producer.sendBatch(
  'tour',
  partitions.map(({ partition }) => ({ key: run, partition, value: `from ${partition}` })),
)
await producer.close()
for await (const message of consumer) {
  if (String(message.key) !== run) continue
  console.log(message.text())
  if (message.partition === fast.partition) await consumer.resume([slow])
  else break
}
await consumer.close()
