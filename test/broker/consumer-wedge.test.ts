// Bursts and idle gaps around every interval that a member has. Ten minutes of it: test/stress/consumer-wedge.test.ts.
import { expect, it } from 'vitest'
import { bootstrapServers, createTopic } from '../helpers/kafka.js'
import { wedge } from '../helpers/wedge.js'

// A busy machine must not fail it, a wedge must.
const bound = 15_000

it('sees each record within 2 s of its ack, or in a rebalance, through bursts and gaps', {
  timeout: 120_000,
}, async () => {
  const partitions = 3
  const topic = await createTopic('wedge', { partitions })
  const { report, crossed } = await wedge({
    servers: bootstrapServers(),
    topic,
    partitions,
    seconds: 15,
    interval: 2000,
  })
  expect(crossed).toBeGreaterThan(0)
  for (const { latest, unexplained } of report) {
    expect(unexplained).toEqual([])
    expect(latest).toBeLessThan(bound)
  }
})
