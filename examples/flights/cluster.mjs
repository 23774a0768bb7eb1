// Where the job runs: on the cluster of KAFKA_BROKERS, or on one embedded in this process.
import { MockCluster } from 'odradek'
import { ensureTopic } from './topic.mjs'

// Of a topic that the job creates.
const partitions = 12
const embeddedBrokers = 3
// The embedded cluster keeps 5 MiB of a partition and drops the oldest without a word. All that waits to be consumed
// might have one key, so all of it has to fit into one partition.
const embeddedAhead = 3 * 1024 * 1024
const ahead = 32 * 1024 * 1024
// An address that does not answer is to be known in seconds, not in half a minute.
const patience = { 'socket.connection.setup.timeout.ms': 5_000, 'api.version.request.timeout.ms': 5_000 }

/**
 * @typedef {object} Cluster
 * @property {string} title
 * @property {object} config for every client
 * @property {object} consumerConfig for consumers
 * @property {number} maxAhead how many bytes may be produced and not yet consumed
 * @property {() => Promise<void>} close
 *
 * @param {string | undefined} given KAFKA_BROKERS
 * @param {string} topic
 * @param {AbortSignal} signal
 * @returns {Promise<Cluster>} with the topic in it
 */
export async function openCluster(given, topic, signal) {
  if (!given) return openEmbedded(topic)
  const config = { 'bootstrap.servers': given, ...patience }
  await ensureTopic(config, topic, partitions, signal)
  return { title: given, config, consumerConfig: {}, maxAhead: ahead, close: async () => {} }
}

/**
 * A real Kafka, for what the embedded cluster does not have: transactions. Started when none is given.
 * @param {string | undefined} given KAFKA_BROKERS
 * @param {string[]} topics
 * @param {AbortSignal} signal
 * @param {(line: string) => void} log
 * @returns {Promise<Cluster>} with the topics in it
 */
export async function openKafkaFor(given, topics, signal, log) {
  const { openKafka } = given ? {} : await import('../../scripts/kafka/source.mjs')
  const started = given ? undefined : await openKafka({ log })
  const config = { 'bootstrap.servers': given ?? started.brokers, ...patience }
  const close = async () => void (await started?.stop())
  try {
    for (const topic of topics) await ensureTopic(config, topic, partitions, signal)
  } catch (error) {
    await close()
    throw error
  }
  const title = given ?? `Kafka started for the run (${started.kind})`
  return { title, config, consumerConfig: {}, maxAhead: ahead, close }
}

async function openEmbedded(topic) {
  const cluster = new MockCluster({ brokers: embeddedBrokers })
  await cluster.createTopic(topic, { partitions })
  // Members hear of each other's coming at their heartbeats: often here, for nobody wants to wait for three seconds.
  cluster.consumerGroups.configure({ heartbeatInterval: 50 })
  return {
    title: `embedded cluster of ${embeddedBrokers} brokers`,
    config: { 'bootstrap.servers': cluster.bootstrapServers },
    consumerConfig: { 'group.protocol': 'consumer' },
    maxAhead: embeddedAhead,
    close: () => cluster.close(),
  }
}
