// What is done to a partition while its first offset is still looked up (ListOffsets) holds when the answer comes.
import { Consumer, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

const topic = 'lookup'
const partition = { topic, partition: 0 }
const count = 40

let cluster: MockCluster
let producer: Producer
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic(topic, { partitions: 1 })
  producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
  await producer.sendBatch(
    topic,
    Array.from({ length: count }, (_, i) => ({ value: String(i) })),
  )
})
afterAll(async () => {
  await producer.close()
  await cluster.close()
})

/** A consumer whose partition is assigned and whose ListOffsets is at the broker, which takes its time. */
async function lookingUp(reset: 'earliest' | 'latest'): Promise<Consumer> {
  const consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': `lookup-${reset}`,
    'auto.offset.reset': reset,
    'enable.auto.commit': false,
    'fetch.wait.max.ms': 10,
  })
  cluster.brokers.rtt(300)
  cluster.requests.start()
  await consumer.assign([partition])
  await waitFor('the lookup is under way', () => cluster.requests.list('ListOffsets').length)
  cluster.requests.stop()
  return consumer
}

/** The offsets that it reads for longer than librdkafka waits before it looks up once more. */
async function readOn(consumer: Consumer): Promise<number[]> {
  cluster.brokers.rtt(0)
  const sending = setInterval(() => void producer.send({ topic, value: 'later' }), 5)
  const read: number[] = []
  try {
    for await (const { offset } of consumer) if (read.push(offset) === 300) break
  } finally {
    clearInterval(sending)
  }
  return read
}

const inARow = (from: number) => Array.from({ length: 300 }, (_, i) => from + i)

describe('the first offset', () => {
  it('a seek while it is looked up stays where it went', async () => {
    await using consumer = await lookingUp('earliest')
    const [{ error }] = await consumer.seek([{ ...partition, offset: 23 }])
    expect(error).toBeUndefined()
    expect(await readOn(consumer)).toEqual(inARow(23))
  })

  it('a pause and a resume meanwhile skip nothing that comes later', async () => {
    await using consumer = await lookingUp('latest')
    await consumer.pause([partition])
    await consumer.resume([partition])
    const read = await readOn(consumer)
    expect(read).toEqual(inARow(read[0]))
  })

  it('is looked up as soon as it is known that none is committed', async () => {
    const waits: number[] = []
    // A busy machine may be slow in some of them.
    for (let i = 0; i < 5; i++) {
      cluster.requests.start()
      await using consumer = new Consumer({
        'bootstrap.servers': cluster.bootstrapServers,
        'group.id': `lookup-at-once-${i}`,
        'auto.offset.reset': 'earliest',
      })
      await consumer.subscribe(topic)
      expect(await consumer.poll(10_000)).not.toBeNull()
      const [fetched] = cluster.requests.list('OffsetFetch')
      const [lookedUp] = cluster.requests.list('ListOffsets')
      waits.push(lookedUp.timestamp - fetched.timestamp)
    }
    expect(Math.min(...waits)).toBeLessThan(80)
  })
})
