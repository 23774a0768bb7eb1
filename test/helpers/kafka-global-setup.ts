// vitest globalSetup of the broker tests: one real Kafka and one Java witness for the whole run.
import { obtainKafka } from '../../scripts/kafka/obtain.mjs'
import { openKafka } from '../../scripts/kafka/source.mjs'
import { startWitness } from '../../scripts/kafka/witness.mjs'
import { UserError } from '../../scripts/lib/run.mjs'

const log = (line: string): void => console.log(line)

async function open() {
  try {
    return await Promise.all([openKafka({ log }), obtainKafka({ log }).then(startWitness)])
  } catch (error) {
    // The message says what to do; vitest would print where in our scripts it was thrown.
    if (error instanceof UserError) error.stack = `${error.name}: ${error.message}`
    throw error
  }
}

export default async function setup(): Promise<() => Promise<void>> {
  const start = performance.now()
  const [kafka, witness] = await open()
  const took = ((performance.now() - start) / 1000).toFixed(1)
  log(`Kafka: ${kafka.how}, ${kafka.count} broker${kafka.count === 1 ? '' : 's'} at ${kafka.brokers} (${took} s)`)
  // The environment reaches the tests and also the children that lifecycle tests fork.
  process.env.KAFKA_BOOTSTRAP = kafka.brokers
  process.env.KAFKA_SOURCE = kafka.kind
  process.env.KAFKA_WITNESS_PORT = String(witness.port)
  return async () => {
    await Promise.all([kafka.stop(), witness.stop()])
  }
}
