// A teller: transfers in, two entries of the ledger for each out, exactly once. Run as many as there are partitions, each with
// a name of its own: KAFKA_BROKERS=host:9092 node teller.mjs NAME
import { exactlyOnce } from 'odradek/pipeline'
import { topics } from './topics.mjs'

const [, , name = 'teller-0'] = process.argv
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop.abort())

const metrics = await exactlyOnce({
  config: { 'bootstrap.servers': process.env.KAFKA_BROKERS },
  group: topics.group,
  topics: topics.transfers,
  // The name stays when the process is started again: what it left unfinished is ended then, and not when it times out.
  transactionalId: `${topics.group}-${name}`,
  consumer: { 'session.timeout.ms': 6_000 },
  transform: (batch) =>
    batch
      .map((message) => message.json())
      .flatMap(({ id, from, to, amount }) => [
        { topic: topics.ledger, key: from, value: JSON.stringify({ transfer: id, amount: -amount }) },
        { topic: topics.ledger, key: to, value: JSON.stringify({ transfer: id, amount }) },
      ]),
  onError: (error) => console.log(`${name}: will be repeated: ${error.message}`),
  signal: stop.signal,
})
console.log(
  `${name}: ${metrics.messages} transfers in ${metrics.committed} transactions; ${metrics.aborted} were aborted`,
)
