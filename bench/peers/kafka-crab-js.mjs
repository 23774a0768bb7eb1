// The benchmark's tasks with kafka-crab-js.
import { readArguments } from '../programs/common.mjs'
import { loadModule } from './load.mjs'
import { consume, latencySend, main, produceMany, produceSingly } from './tasks.mjs'

const { KafkaClient } = await loadModule('kafka-crab-js')

const args = readArguments()
const { topic } = args
const client = new KafkaClient({ brokers: args.brokers, clientId: 'bench', diagnostics: false })

/** Its Web Stream, which its documentation names as the fastest way: of messages, or of batches. */
async function stream(batches) {
  const made = client.createWebStreamConsumer({
    groupId: args.group,
    enableAutoCommit: true,
    configuration: args.conf,
    ...batches,
  })
  await made.consumer.subscribe(topic)
  return made.stream
}

async function forAwait(receive, batches) {
  for await (const received of await stream(batches)) if (receive(received)) return
}

function newProducer() {
  const producer = client.createProducer({ configuration: args.conf })
  const bytes = ({ key, value }) => ({ key: Buffer.from(key), payload: value })
  return (records) => producer.send({ topic, messages: records.map(bytes) })
}

// Waiting for its stream does not keep a process alive that has nothing else to do.
setInterval(() => {}, 60_000)

const one = (send) => (record) => send([record])

await main(args, {
  'consume-for-await': () => consume(args, (receive) => forAwait(({ payload }) => receive([payload]))),
  'consume-batches': () =>
    consume(args, (receive) =>
      // What its own benchmark uses for small messages.
      forAwait((batch) => receive(batch.map(({ payload }) => payload)), { batchSize: 4096, batchTimeout: 2 }),
    ),
  'produce-batch': () => produceMany(args, newProducer()),
  'produce-send': () => produceSingly(args, one(newProducer())),
  'latency-send': () => latencySend(args, one(newProducer())),
})
