// Header blocks are read where librdkafka has the fetched bytes: every length about which a varint grows.
import { Consumer, MockCluster, Producer, type ProducerRecord } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'

type Header = [name: string, value: Buffer | null]

const lengths = [0, 1, 63, 64, 127, 128, 8191, 8192, 16_383, 16_384]
const topic = 'headers'
let cluster: MockCluster

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic(topic)
})
afterAll(() => cluster.close())

const blocks: Header[][] = [
  [],
  [['', null]],
  lengths.map((length): Header => ['n'.repeat(length), Buffer.alloc(length, length)]),
  lengths.map((length): Header => ['grüße'.repeat(length / 64), null]),
  ...lengths.map((length): Header[] => [['value', Buffer.alloc(length, 255)]]),
  ...[63, 64, 300].map((count) =>
    Array.from({ length: count }, (_, i): Header => [`h${i % 7}`, Buffer.from([i & 255])]),
  ),
]

it.each(['none', 'lz4'])('arrive as they were sent, in messages compressed with %s', async (codec) => {
  const config = { 'bootstrap.servers': cluster.bootstrapServers }
  await using producer = new Producer({ ...config, 'compression.codec': codec as 'none' })
  const records: ProducerRecord[] = blocks.map((headers, i) => ({ topic, key: `${codec}`, value: `${i}`, headers }))
  const reports = await producer.sendBatch(records)
  await using consumer = new Consumer({ ...config, 'group.id': `headers-${codec}`, 'auto.offset.reset': 'earliest' })
  await consumer.assign([{ topic, partition: reports.at(0)?.partition ?? 0, offset: reports.at(0)?.offset }])
  for (const [i, sent] of blocks.entries()) {
    const message = await consumer.poll(30_000)
    expect(message?.text()).toBe(`${i}`)
    expect([...(message?.headers ?? [])]).toEqual(sent)
    expect([...(message?.detach().headers ?? [])]).toEqual(sent)
  }
})
