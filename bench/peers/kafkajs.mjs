// The benchmark's tasks with kafkajs.
import { readArguments } from '../programs/common.mjs'
import { loadCommonJs } from './load.mjs'
import { consume, latencyConsume, latencySend, main, produceMany, produceSingly, transactKafkaJs } from './tasks.mjs'

const { CompressionTypes, Kafka, logLevel } = loadCommonJs('kafkajs')

const args = readArguments()
const { topic } = args
const codec = args.conf['compression.codec']
if (codec && codec !== 'gzip') throw new Error(`kafkajs has no ${codec} of its own`)
const kafka = new Kafka({ brokers: args.brokers.split(','), logLevel: logLevel.ERROR })

async function newConsumer(run) {
  const consumer = kafka.consumer({ groupId: args.group, maxWaitTimeInMs: 500 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run(run)
}

async function newProducer() {
  const producer = kafka.producer()
  await producer.connect()
  const compression = codec ? CompressionTypes.GZIP : CompressionTypes.None
  return (messages) => producer.send({ topic, acks: -1, compression, messages })
}

async function transact() {
  // Idempotent and one request at a time, as its documentation wants it for transactions.
  const producer = kafka.producer({ transactionalId: args.group, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const eachBatch = (receive) =>
    newConsumer({
      autoCommit: false,
      // A batch holds many transactions: without heartbeats the group would take the member for dead.
      eachBatch: ({ batch: { partition, messages }, heartbeat }) =>
        receive(
          messages.map(({ key, value, offset }) => ({ key, value, offset, partition })),
          heartbeat,
        ),
    })
  await transactKafkaJs(args, producer, eachBatch, (transaction, topics) =>
    transaction.sendOffsets({ consumerGroupId: args.group, topics }),
  )
}

const eachMessage = (receive) => newConsumer({ eachMessage: async ({ message }) => void receive([message.value]) })

await main(args, {
  'consume-for-await': () => consume(args, eachMessage),
  'consume-batches': () =>
    consume(args, (receive) =>
      newConsumer({ eachBatch: async ({ batch }) => void receive(batch.messages.map(({ value }) => value)) }),
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
      (receive) => newConsumer({ eachMessage: async ({ message }) => receive(message.value) }),
    )
  },
  'transact-1000': transact,
  'transact-10': transact,
})
