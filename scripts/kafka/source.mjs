// Which Kafka the tests and examples get: the one given, else a container of the local image, else one started here.
import { UserError } from '../lib/run.mjs'
import { startCluster } from './cluster.mjs'
import { findImage, startContainer } from './container.mjs'
import { fetchMetadata } from './metadata.mjs'

async function given(brokers) {
  const problems = []
  for (const address of brokers.split(',').map((part) => part.trim())) {
    try {
      const { brokers: seen } = await fetchMetadata(address)
      return { how: 'given by KAFKA_BROKERS', brokers, count: seen.length, stop: async () => {} }
    } catch (error) {
      problems.push(error.message || error.code)
    }
  }
  throw new UserError(
    `KAFKA_BROKERS is "${brokers}", but no Kafka answers there without TLS and SASL:\n` +
      `${problems.map((problem) => `    ${problem}`).join('\n')}\n` +
      '    Give a running broker as host:port[,host:port], or leave KAFKA_BROKERS away and one is started.',
  )
}

async function local(why, log) {
  const cluster = await startCluster({ log })
  const how = `${cluster.version} started from its Maven artifacts (KAFKA_BROKERS is not set; ${why})`
  return { how, brokers: cluster.brokers, count: 1, stop: cluster.stop }
}

/**
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {Promise<{ kind: 'given' | 'container' | 'local', how: string, brokers: string, count: number, stop(): Promise<void> }>}
 */
export async function openKafka({ log = () => {} } = {}) {
  const brokers = process.env.KAFKA_BROKERS
  if (brokers) return { kind: 'given', ...(await given(brokers)) }
  const { image, why } = await findImage()
  if (!image) return { kind: 'local', ...(await local(why, log)) }
  const container = await startContainer(image)
  const how = `container of image ${image}, by testcontainers (KAFKA_BROKERS is not set)`
  return { kind: 'container', how, brokers: container.brokers, count: 1, stop: container.stop }
}
