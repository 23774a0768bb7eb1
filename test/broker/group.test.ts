// Rebalances on real Kafka: classic eager, cooperative and KIP-848. (The embedded cluster refuses commits meanwhile.)
import { Consumer, type ConsumerOptions, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

let producer: Producer
beforeAll(() => {
  producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
})
afterAll(() => producer.close())

const protocols = {
  eager: { 'partition.assignment.strategy': 'range', 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 200 },
  cooperative: {
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 200,
  },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const

function consumerOf(group: string, protocol: keyof typeof protocols, options: ConsumerOptions = {}) {
  const config = {
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.offset.reset': 'earliest',
  } as const
  return new Consumer({ ...config, ...protocols[protocol], 'auto.commit.interval.ms': 600_000 }, options)
}

async function fill(topic: string, count: number, partitions: number) {
  const records = Array.from({ length: count }, (_, i) => ({ value: String(i), partition: i % partitions }))
  const reports = await producer.sendBatch(topic, records)
  expect(reports.failures).toEqual([])
}

describe.each(Object.keys(protocols) as (keyof typeof protocols)[])('%s', (protocol) => {
  it('hands partitions over without loss, repeat or a message of a revoked partition', async () => {
    const topic = await createTopic('handover', { partitions: 4 })
    const group = uniqueGroup()
    await fill(topic, 4000, 4)
    const seen = new Map<string, number>()
    const read = async (consumer: Consumer, revoked: Set<number>, signal: AbortSignal) => {
      for await (const message of consumer.messages({ signal })) {
        expect(revoked.has(message.partition), 'a message of a revoked partition').toBe(false)
        const key = `${message.partition}/${message.offset}`
        seen.set(key, (seen.get(key) ?? 0) + 1)
        if (seen.size % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    const join = async () => {
      const revoked = new Set<number>()
      const consumer = consumerOf(group, protocol, {
        onAssigned: (partitions) => {
          for (const { partition } of partitions) revoked.delete(partition)
        },
        onRevoked: async (partitions) => {
          await new Promise((resolve) => setTimeout(resolve, 5))
          for (const { partition } of partitions) revoked.add(partition)
        },
      })
      await consumer.subscribe(topic)
      const stop = new AbortController()
      const reading = read(consumer, revoked, stop.signal).catch((error) => expect(error.name).toBe('AbortError'))
      return { consumer, reading, stop }
    }
    const first = await join()
    await waitFor('some messages', () => seen.size > 200)
    const second = await join()
    await waitFor(
      'both have partitions',
      () => second.consumer.assignment.length === 2 && first.consumer.assignment.length === 2,
    )
    await waitFor('more messages', () => seen.size > 1500)
    const third = await join()
    await waitFor('a third has one', () => third.consumer.assignment.length > 0 || seen.size === 4000)
    await waitFor('all messages', () => seen.size === 4000)
    for (const { consumer, reading, stop } of [second, third, first]) {
      stop.abort()
      await reading
      await consumer.close()
    }
    expect([...seen.values()].filter((count) => count > 1)).toEqual([])
    const committed = (await (await witness()).groupOffsets(group))[topic]
    expect(Object.values(committed).map(({ offset }) => offset)).toEqual([1000, 1000, 1000, 1000])
  })

  it('unsubscribes after the hook, and subscribes again', async () => {
    const topic = await createTopic('unsubscribe')
    await fill(topic, 10, 1)
    const calls: string[] = []
    await using consumer = consumerOf(uniqueGroup(), protocol, {
      onAssigned: () => void calls.push('assigned'),
      onRevoked: async () => {
        calls.push('revoked')
        await consumer.commit()
      },
    })
    await consumer.subscribe(topic)
    await consumer.poll(20_000)
    await consumer.poll(20_000)
    await consumer.unsubscribe()
    expect(consumer.assignment).toEqual([])
    expect(calls).toEqual(['assigned', 'revoked'])
    await consumer.subscribe(topic)
    expect((await consumer.poll(20_000))?.offset).toBe(1)
  })
})
