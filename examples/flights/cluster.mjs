// Where the job runs: on the cluster of KAFKA_BROKERS, or on one embedded in this process.
import { MockCluster } from 'odradek'

const embedded = { brokers: 3, partitions: 12 }
// The embedded cluster keeps 5 MiB of a partition and drops the oldest without a word. All that waits to be consumed
// might have one key, so all of it has to fit into one partition.
const embeddedAhead = 3 * 1024 * 1024
const ahead = 32 * 1024 * 1024

/** For every client: an address that does not answer is to be known in seconds, not in half a minute. */
export const patience = { 'socket.connection.setup.timeout.ms': 5_000, 'api.version.request.timeout.ms': 5_000 }

/**
 * @param {string | undefined} given KAFKA_BROKERS
 * @param {string} topic
 */
export async function openCluster(given, topic) {
  if (given) return { brokers: given, title: given, consumer: {}, maxAhead: ahead, close: async () => {} }
  const cluster = new MockCluster({ brokers: embedded.brokers })
  await cluster.createTopic(topic, { partitions: embedded.partitions })
  // Members hear of each other's coming at their heartbeats: often here, for nobody wants to wait for three seconds.
  cluster.consumerGroups.configure({ heartbeatInterval: 50 })
  return {
    brokers: cluster.bootstrapServers,
    title: `embedded cluster of ${embedded.brokers} brokers`,
    consumer: { 'group.protocol': 'consumer' },
    maxAhead: embeddedAhead,
    close: () => cluster.close(),
  }
}
