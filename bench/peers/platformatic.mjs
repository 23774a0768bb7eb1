// The benchmark's tasks with @platformatic/kafka.
import { readArguments } from '../programs/common.mjs'
import { loadModule } from './load.mjs'
import { consume, latencyConsume, latencySend, main, produceMany, produceSingly } from './tasks.mjs'

const { Consumer, Producer } = await loadModule('@platformatic/kafka')

const args = readArguments()
const { topic } = args
const bootstrapBrokers = args.brokers.split(',')

async function stream() {
  const consumer = new Consumer({ clientId: 'bench', groupId: args.group, bootstrapBrokers, maxWaitTime: 500 })
  return await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: true })
}

function newProducer() {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers })
  const compression = args.conf['compression.codec'] ?? 'none'
  const bytes = ({ key, value }) => ({ topic, key: Buffer.from(key), value })
  return (records) => producer.send({ acks: -1, compression, messages: records.map(bytes) })
}

async function forAwait(receive) {
  for await (const { value } of await stream()) if (receive(value)) return
}

const one = (send) => (record) => send([record])

await main(args, {
  'consume-for-await': () => consume(args, (receive) => forAwait((value) => receive([value]))),
  'produce-batch': () => produceMany(args, newProducer()),
  'produce-send': () => produceSingly(args, one(newProducer())),
  'latency-send': () => latencySend(args, one(newProducer())),
  'latency-consume': () => latencyConsume(args, one(newProducer()), forAwait),
})
