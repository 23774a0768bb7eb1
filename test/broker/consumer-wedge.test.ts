// Bursts and idle gaps around every interval that a member has: each record is seen soon after its ack. The long run:
// ODRADEK_WEDGE_SECONDS=600.
import { Consumer, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { randomOf } from '../helpers/bank.js'
import { bootstrapServers, createTopic, uniqueGroup } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const seconds = Number(process.env.ODRADEK_WEDGE_SECONDS ?? 15)
// In the long run on a quiet machine 2 s; here a busy machine must not fail it, a wedge must.
const bound = seconds > 60 ? 2000 : 15_000

const protocols = {
  eager: { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300, 'max.poll.interval.ms': 6000 },
  cooperative: {
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 300,
    'max.poll.interval.ms': 6000,
  },
  'KIP-848': { 'group.protocol': 'consumer', 'max.poll.interval.ms': 2000 },
} as const

it(`sees each record within ${bound} ms of its ack, for ${seconds} s of bursts and gaps`, {
  timeout: 90_000 + seconds * 1500,
}, async () => {
  const topic = await createTopic('wedge', { partitions: 3 })
  const random = randomOf(20261121)
  const acked: number[] = []
  const readers = await Promise.all(
    Object.values(protocols).map(async (config, i) => {
      const consumer = new Consumer(
        {
          'bootstrap.servers': bootstrapServers(),
          'group.id': uniqueGroup(),
          'auto.offset.reset': 'earliest',
          'statistics.interval.ms': 100,
          ...config,
        },
        { onStatistics: () => {} },
      )
      await consumer.subscribe(topic)
      const seen = new Map<number, number>()
      const read = async () => {
        // Each reads in another way.
        if (i === 0) for await (const message of consumer) seen.set(Number(message.text()), performance.now())
        else if (i === 1) {
          for await (const batch of consumer.batches({ max: 100, timeout: 50 })) {
            for (const message of batch) seen.set(Number(message.text()), performance.now())
          }
        } else {
          while (!consumer.closed) {
            const message = await consumer.poll(300)
            if (message) seen.set(Number(message.text()), performance.now())
          }
        }
      }
      return { consumer, seen, reading: read() }
    }),
  )
  // How long it takes to join is not what is asked here.
  await waitFor('all have joined', () => readers.every(({ consumer }) => consumer.assignment.length === 3))
  const producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
  const until = performance.now() + seconds * 1000
  let sent = 0
  while (performance.now() < until) {
    const burst = 1 + random(random(4) === 0 ? 2000 : 20)
    const first = sent
    sent += burst
    const records = Array.from({ length: burst }, (_, i) => ({ value: String(first + i), partition: random(3) }))
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
    acked.push(...records.map(() => performance.now()))
    await new Promise((resolve) => setTimeout(resolve, random(5) === 0 ? 1000 + random(2500) : random(200)))
  }
  await producer.close()
  await waitFor('everything is seen', () => readers.every(({ seen }) => seen.size === sent), 30_000)
  const latest = readers.map(({ seen }) => [...seen].reduce((most, [i, at]) => Math.max(most, at - acked[i]), 0))
  console.log(`${sent} records; at the latest ${latest.map((ms) => Math.round(ms)).join(', ')} ms after the ack`)
  for (const ms of latest) expect(ms).toBeLessThan(bound)
  await Promise.all(readers.map(({ consumer }) => consumer.close()))
  for (const { reading } of readers) await reading.catch((error) => expect(error.code).toBe('_STATE'))
})
