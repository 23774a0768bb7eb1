// How far behind am I? By partition; of other groups, from outside: admin.groupLag(group).
import { Consumer, Offset, Producer } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const [topic, partition] = ['tour', 1]
const producer = new Producer(config)
await producer.sendBatch(
  topic,
  ['a', 'b', 'c'].map((value) => ({ partition, value })),
)
await producer.close()

const consumer = new Consumer({ ...config, 'group.id': 'tour-lag' })
await consumer.assign([{ topic, partition, offset: Offset.tail(3) }])
for await (const message of consumer) {
  const [{ lag }] = consumer.lag()
  console.log(`${message.text()}: ${lag} behind`)
  if (lag === 0) break
}
await consumer.close()
