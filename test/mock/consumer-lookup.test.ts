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

describe('while the first offset is looked up', () => {
  it('a seek stays where it went', async () => {
    await using consumer = await lookingUp('earliest')
    const [{ error }] = await consumer.seek([{ ...partition, offset: 23 }])
    expect(error).toBeUndefined()
    expect(await readOn(consumer)).toEqual(inARow(23))
  })

  it('a pause and a resume skip nothing that comes later', async () => {
    await using consumer = await lookingUp('latest')
    await consumer.pause([partition])
    await consumer.resume([partition])
    const read = await readOn(consumer)
    expect(read).toEqual(inARow(read[0]))
  })
})
