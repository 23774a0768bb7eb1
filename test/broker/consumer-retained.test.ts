// Partitions that a member keeps when another one joins: cooperative and KIP-848 groups take nothing else away, and reading
// them goes on during the rebalance.
import { Consumer, type ConsumerOptions, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const protocols = {
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', 'heartbeat.interval.ms': 200 },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const

it.each([
  ['cooperative', 'without hooks'],
  ['cooperative', 'with hooks'],
  ['KIP-848', 'without hooks'],
  ['KIP-848', 'with hooks'],
] as const)('%s, %s', { timeout: 120_000 }, async (protocol, hooks) => {
  const partitions = 4
  const topic = await createTopic('retained', { partitions })
  const group = uniqueGroup()
  const join = async (options: ConsumerOptions = {}) => {
    const consumer = new Consumer(
      {
        'bootstrap.servers': bootstrapServers(),
        'group.id': group,
        'auto.offset.reset': 'earliest',
        ...protocols[protocol],
      },
      options,
    )
    await consumer.subscribe(topic)
    const next: number[] = Array(partitions).fill(-1)
    const wrong: string[] = []
    const stop = new AbortController()
    const read = async () => {
      for await (const { partition, offset } of consumer.messages({ signal: stop.signal })) {
        if (next[partition] >= 0 && offset !== next[partition]) wrong.push(`${partition}@${offset}`)
        next[partition] = offset + 1
      }
    }
    const reading = read().catch((error) => expect(error.name).toBe('AbortError'))
    return { consumer, next, wrong, stop, reading }
  }
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
  let produced = 0
  const feed = setInterval(() => {
    for (let partition = 0; partition < partitions; partition++) producer.produce({ topic, value: 'x', partition })
    produced++
  }, 20)
  try {
    const assigned: number[] = []
    const revoked: number[] = []
    const first = await join(
      hooks === 'without hooks'
        ? {}
        : {
            onAssigned: (list) => void assigned.push(...list.map(({ partition }) => partition)),
            onRevoked: (list) => void revoked.push(...list.map(({ partition }) => partition)),
          },
    )
    await waitFor('the first reads all', () => first.next.every((offset) => offset > 0), 60_000)
    const second = await join()
    await waitFor('the second has some', () => second.consumer.assignment.length === 2, 60_000)
    const kept = first.consumer.assignment.map(({ partition }) => partition)
    expect(kept).toHaveLength(2)
    const until = produced
    await waitFor('what was kept is read on', () => kept.every((partition) => first.next[partition] > until), 60_000)
    // Neither taken away nor given again; and nothing of them was skipped or came twice.
    if (hooks === 'with hooks') {
      expect(assigned.sort()).toEqual([0, 1, 2, 3])
      expect(revoked).toHaveLength(2)
      for (const partition of kept) expect(revoked).not.toContain(partition)
    }
    for (const member of [first, second]) {
      expect(member.wrong).toEqual([])
      member.stop.abort()
      await member.reading
      await member.consumer.close()
    }
  } finally {
    clearInterval(feed)
  }
})
