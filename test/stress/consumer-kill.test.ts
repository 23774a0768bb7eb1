// kill -9 of members in the middle of their work, a hundred times in each kind of group. Nobody has a static id, so the
// partitions of who is killed go to the others when its session ends. Other counts: ODRADEK_KILLS=…
import { describe, it } from 'vitest'
import { startCluster, witness } from '../helpers/kafka.js'
import { killMembers } from '../helpers/killed-members.js'

const kills = Number(process.env.ODRADEK_KILLS ?? 100)
const partitions = 6
const session = 2000
const classic = { 'session.timeout.ms': session, 'heartbeat.interval.ms': 200 }
const protocols = {
  eager: { 'partition.assignment.strategy': 'range', ...classic },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', ...classic },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const

describe.each(Object.keys(protocols) as (keyof typeof protocols)[])('%s', (protocol) => {
  it(`handles every message though its members are killed ${kills} times`, {
    timeout: 300_000 + kills * 20_000,
  }, async () => {
    await using cluster = await startCluster({
      config: {
        'group.consumer.session.timeout.ms': session,
        'group.consumer.heartbeat.interval.ms': 200,
        'group.consumer.min.heartbeat.interval.ms': 200,
      },
    })
    const kafka = (await witness()).at(cluster.brokers)
    await kafka.createTopic('t', { partitions })
    const where = { kafka, servers: cluster.brokers, topic: 't', partitions, group: 'g' }
    await killMembers({ ...where, members: 3, kills, config: () => protocols[protocol] })
  })
})
