// The benchmark's tasks with @confluentinc/kafka-javascript's promise API (the one that looks like kafkajs).
import { readArguments } from '../programs/common.mjs'
import { loadCommonJs } from './load.mjs'
import { consume, latencyConsume, latencySend, main, produceMany, produceSingly, transactKafkaJs } from './tasks.mjs'

const { KafkaJS } = loadCommonJs('@confluentinc/kafka-javascript')

const args = readArguments()
const { topic } = args
const kafka = new KafkaJS.Kafka({ kafkaJS: { brokers: args.brokers.split(','), logLevel: KafkaJS.logLevel.ERROR } })

async function newConsumer(run, more = {}) {
  const { 'auto.offset.reset': _, ...conf } = args.conf
  const consumer = kafka.consumer({ ...conf, ...more, kafkaJS: { groupId: args.group, fromBeginning: true } })
  await consumer.connect()
  await consumer.subscribe({ topic })
  await consumer.run(run(consumer))
}

async function transact() {
  const producer = kafka.producer({ 'linger.ms': 0, 'transactional.id': args.group })
  await producer.connect()
  let consumer
  const eachBatch = (receive) =>
    newConsumer(
      (made) => {
        consumer = made
        return {
          eachBatch: ({ batch: { partition, messages } }) =>
            receive(messages.map(({ key, value, offset }) => ({ key, value, offset, partition }))),
        }
      },
      { 'js.consumer.max.batch.size': args.batch },
    )
  await transactKafkaJs(args, producer, eachBatch, (transaction, topics) =>
    transaction.sendOffsets({ consumer, topics }),
  )
}

async function newProducer() {
  const { acks: _, ...conf } = args.task === 'latency-consume' ? { 'linger.ms': 0 } : args.conf
  const producer = kafka.producer({ ...conf, kafkaJS: { acks: -1 } })
  await producer.connect()
  return (messages) => producer.send({ topic, messages })
}

await main(args, {
  'consume-for-await': () =>
    consume(args, (receive) =>
      newConsumer(() => ({ eachMessage: async ({ message }) => void receive([message.value]) })),
    ),
  'consume-batches': () =>
    consume(args, (receive) =>
      newConsumer(() => ({ eachBatch: async ({ batch }) => void receive(batch.messages.map(({ value }) => value)) })),
    ),
  'produce-batch': async () => produceMany(args, await newProducer()),
  async 'produce-send'() {
    const send = await newProducer()
    await produceSingly(args, (record) => send([record]))
  },
  async 'latency-send'() {
    const send = await newProducer()
    await latencySend(args, (record) => send([record]))
  },
  async 'latency-consume'() {
    const send = await newProducer()
    await latencyConsume(
      args,
      (record) => send([record]),
      (receive) => newConsumer(() => ({ eachMessage: async ({ message }) => receive(message.value) })),
    )
  },
  'transact-1000': transact,
  'transact-10': transact,
})
