// The groups of group-model-members.test.ts for longer, with brokers that are killed and come back meanwhile, members that
// are killed, members that subscribe to something else, and an outage of all brokers for minutes. Replay, or longer:
// ODRADEK_GROUP_SEED=… ODRADEK_GROUP_EVENTS=… ODRADEK_GROUP_OUTAGE=seconds
import { describe, expect, it } from 'vitest'
import { randomOf } from '../helpers/bank.js'
import { GroupModel } from '../helpers/group-model.js'
import { startCluster, witness } from '../helpers/kafka.js'

const seed = Number(process.env.ODRADEK_GROUP_SEED ?? 20261121)
const events = Number(process.env.ODRADEK_GROUP_EVENTS ?? 150)
const outage = Number(process.env.ODRADEK_GROUP_OUTAGE ?? 120)
const partitions = 6

// A coordinator that is killed forgets who has left since its group was stable last. Rebalances wait for such a member until
// its session ends, and with them whoever commits or closes: their requests queue behind their JoinGroup.
const session = 6000
const classic = { 'session.timeout.ms': session, 'heartbeat.interval.ms': 200 }
const protocols = {
  eager: { 'partition.assignment.strategy': 'range', ...classic },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', ...classic },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const

describe.each(Object.keys(protocols) as (keyof typeof protocols)[])('%s', (protocol) => {
  it(`shows every message over ${events} events and restarts of brokers`, {
    timeout: 600_000 + events * 6000 + outage * 2000,
  }, async () => {
    await using cluster = await startCluster({
      brokers: 3,
      config: { 'group.consumer.session.timeout.ms': session },
    })
    const kafka = (await witness()).at(cluster.brokers)
    await kafka.createTopic('t', { partitions, replication: 3 })
    await kafka.createTopic('other', { partitions: 2, replication: 3 })
    const random = randomOf(seed)
    const config = {
      'bootstrap.servers': cluster.brokers,
      'group.id': 'g',
      'auto.offset.reset': 'earliest',
      'auto.commit.interval.ms': 500,
      ...protocols[protocol],
    } as const
    await using model = new GroupModel('t', partitions, config, seed)
    await model.open()
    let restarts = 0
    for (let i = 0; i < events && model.wrong.length === 0; i++) {
      if (i % 10 === 9) {
        const node = cluster.nodes[random(cluster.nodes.length)]
        await node.kill()
        for (let k = random(4); k >= 0; k--) await model.event()
        await node.start()
        restarts++
      }
      if (i % 10 === 4) await model.killOne()
      if (i % 7 === 3) await model.changeSubscription('other')
      if (i === Math.floor(events / 2)) {
        for (const node of cluster.nodes) await node.kill()
        await new Promise((resolve) => setTimeout(resolve, outage * 1000))
        await Promise.all(cluster.nodes.map((node: { start(): Promise<void> }) => node.start()))
      }
      await model.event()
    }
    await model.settle()
    const { wrong, notes, produced, repeats } = model
    expect(wrong.slice(0, 10), [...new Set(notes)].slice(-20).join('\n')).toEqual([])
    const committed = (await kafka.groupOffsets('g')).t ?? {}
    expect(produced.map((_, partition) => committed[partition]?.offset ?? 0)).toEqual(produced)
    const messages = produced.reduce((a, b) => a + b)
    console.log(
      `${protocol}: ${messages} messages, ${restarts} restarts, ${model.kills} kills, ${model.changes} other subscriptions, ${repeats} seen again with a reason`,
    )
  })
})
