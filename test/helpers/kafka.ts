// A real Kafka for tests: the one that the whole run shares, and clusters of one's own.
import { randomBytes } from 'node:crypto'
import { obtainKafka } from '../../scripts/kafka/obtain.mjs'
import { runTool } from '../../scripts/kafka/tools.mjs'
import { type TopicOptions, Witness } from './witness.js'
import { WitnessConnection } from './witness-connection.js'

export { createAuthority } from '../../scripts/kafka/certificates.mjs'
export { startCluster } from '../../scripts/kafka/cluster.mjs'

function environment(name: string): string {
  const value = process.env[name]
  if (value) return value
  throw new Error(`${name} is not set: this test needs test/helpers/kafka-global-setup.ts as globalSetup (npm test)`)
}

/** The broker that all tests of a run share. */
export const bootstrapServers = (): string => environment('KAFKA_BOOTSTRAP')

/** A name that no other test, and no earlier run on the same broker, uses. */
export const uniqueTopic = (prefix = 'topic'): string => `${prefix}-${randomBytes(6).toString('hex')}`
export const uniqueGroup = (prefix = 'group'): string => uniqueTopic(prefix)

let connection: Promise<WitnessConnection> | undefined

/** The Java witness, for the shared broker; `.at(bootstrap)` for another. */
export async function witness(): Promise<Witness> {
  connection ??= WitnessConnection.open(Number(environment('KAFKA_WITNESS_PORT')))
  return new Witness(await connection, bootstrapServers())
}

/** Creates a topic on the shared broker, with a unique name that starts with `prefix`, and returns the name. */
export async function createTopic(prefix: string, options?: TopicOptions): Promise<string> {
  const name = uniqueTopic(prefix)
  await (await witness()).createTopic(name, options)
  return name
}

/** Runs one of Kafka's own tools (`kafka-topics`, `kafka-console-consumer`, …) on the shared broker: a second each. */
export async function kafkaTool(name: string, args: string[], options?: { input?: string }): Promise<string> {
  return await runTool(await obtainKafka(), bootstrapServers(), name, args, options)
}
