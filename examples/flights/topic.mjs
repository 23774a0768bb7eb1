// Before the run on a given cluster: is it there, and the topic?
import { AdminClient } from 'odradek'
import { Problem } from './problem.mjs'

const timeout = 6_000
const refusals = new Set(['_AUTHENTICATION', '_SSL', 'CLUSTER_AUTHORIZATION_FAILED'])

/**
 * Finds the topic, or creates it. Throws a Problem within seconds when there is no cluster or no topic.
 * @param {object} config how to reach the cluster
 * @param {string} topic
 * @param {number} partitions for a topic that is created
 * @param {AbortSignal} signal
 */
export async function ensureTopic(config, topic, partitions, signal) {
  const address = `KAFKA_BROKERS=${config['bootstrap.servers']}`
  const failed = new AbortController()
  let trouble = 'no answer'
  const unreachable = () =>
    new Problem(`No broker of ${address} can be reached (${trouble}). Start one, or correct the address.`)
  const onError = (error) => {
    if (error.fatal || refusals.has(error.code)) failed.abort(new Problem(`${address} refuses: ${error.message}`))
    else if (error.code === '_ALL_BROKERS_DOWN') failed.abort(unreachable())
    else trouble = error.message
  }
  const admin = new AdminClient(config, { onError })
  try {
    await findOrCreate(admin, topic, partitions, { timeout, signal: AbortSignal.any([signal, failed.signal]) })
  } catch (error) {
    throw error.code === '_TIMED_OUT' ? unreachable() : error
  } finally {
    await admin.close({ timeout: 2_000 })
  }
}

async function findOrCreate(admin, topic, numPartitions, options) {
  const [found] = await admin.describeTopics([topic], options)
  if (found.error?.code === 'UNKNOWN_TOPIC_OR_PART') {
    const [created] = await admin.createTopics([{ topic, numPartitions }], options)
    // Somebody else may have been quicker.
    if (!created.error || created.error.code === 'TOPIC_ALREADY_EXISTS') return
    const advice = 'Create it, or name another with --topic.'
    throw new Problem(`The topic '${topic}' is not there and cannot be created: ${created.error.message}. ${advice}`)
  }
  if (found.error) throw new Problem(`The topic '${topic}' cannot be used: ${found.error.message}.`)
}
