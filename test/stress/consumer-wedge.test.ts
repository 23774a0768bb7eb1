// Ten minutes of bursts and gaps around max.poll.interval.ms and the session time-out of each kind of group, on a quiet
// machine. Another length, another course: ODRADEK_WEDGE_SECONDS=… ODRADEK_WEDGE_SEED=…
import { expect, it } from 'vitest'
import { startCluster, witness } from '../helpers/kafka.js'
import { wedge } from '../helpers/wedge.js'

const seconds = Number(process.env.ODRADEK_WEDGE_SECONDS ?? 600)
const seed = Number(process.env.ODRADEK_WEDGE_SEED ?? 20261121)
const interval = 6000
const partitions = 3

it(`sees each record within 2 s of its ack for ${seconds} s of bursts and gaps`, {
  timeout: 180_000 + seconds * 1500,
}, async () => {
  // Where the broker says how long a session is (KIP-848), the gaps cross it, too.
  await using cluster = await startCluster({ config: { 'group.consumer.session.timeout.ms': interval } })
  await (await witness()).at(cluster.brokers).createTopic('t', { partitions })
  const { report, crossed } = await wedge({ servers: cluster.brokers, topic: 't', partitions, seconds, interval, seed })
  if (seconds >= 60) expect(crossed).toBeGreaterThan(2)
  // Nobody's session ends as long as it asks.
  for (const { latest, rebalances, unexplained } of report) {
    expect({ rebalances, unexplained }).toEqual({ rebalances: 0, unexplained: [] })
    expect(latest).toBeLessThan(2000)
  }
})
