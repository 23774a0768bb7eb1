// A partition, from one time to another, without a group: ends by itself.
import { Consumer, Producer } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const [topic, partition] = ['tour', 0]
const producer = new Producer(config)
// An hour ago, half an hour ago, now.
const times = [60, 30, 0].map((minutes) => Date.now() - minutes * 60_000)
for (const timestamp of times) await producer.send({ topic, partition, timestamp, value: new Date(timestamp).toJSON() })
await producer.close()

const reader = new Consumer(config)
const [from, to] = [new Date(times[1] - 1_000), new Date(times[2] - 1_000)]
for await (const message of reader.read({ topic, partition, from, to })) {
  console.log(`offset ${message.offset}: ${message.text()}`)
}
await reader.close()
