// Errors of single topics and partitions: typed, reported, and no reason to stop reading the others; fatal ones end it.
import { Consumer, type KafkaError, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('t', { partitions: 2 })
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  await producer.sendBatch(
    't',
    Array.from({ length: 20 }, (_, i) => ({ value: String(i), partition: i % 2 })),
  )
})
afterAll(() => cluster.close())

function consumerOf(errors: KafkaError[], config: object = {}) {
  const common = {
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 50,
    'auto.offset.reset': 'earliest',
  } as const
  return new Consumer({ ...common, ...config }, { onError: (error) => errors.push(error) })
}

it('an offset that is out of range, with auto.offset.reset=error', async () => {
  const errors: KafkaError[] = []
  const consumer = consumerOf(errors, { 'auto.offset.reset': 'error' })
  await consumer.assign([
    { topic: 't', partition: 0, offset: 500 },
    { topic: 't', partition: 1, offset: 0 },
  ])
  for (let i = 0; i < 10; i++) expect((await consumer.poll(20_000))?.partition).toBe(1)
  const waiting = consumer.poll(60_000)
  await waitFor('the error', () => errors.length > 0)
  expect(errors[0]).toMatchObject({ code: '_AUTO_OFFSET_RESET', fatal: false })
  expect(errors[0].message).toMatch(/t \[0\]/)
  // librdkafka has stopped the partition: it is assigned anew, not sought.
  expect((await consumer.seek([{ topic: 't', partition: 0, offset: 9 }]))[0].error).toMatchObject({ code: '_STATE' })
  await consumer.assign([{ topic: 't', partition: 0, offset: 9 }])
  expect(await waiting).toMatchObject({ partition: 0, offset: 9 })
  await consumer.close()
})

it('a topic that is not there, beside one that is', async () => {
  const errors: KafkaError[] = []
  const consumer = consumerOf(errors, {
    'group.id': 'unknown',
    'group.protocol': 'consumer',
    'allow.auto.create.topics': false,
  })
  cluster.topicError('missing', 'UNKNOWN_TOPIC_OR_PART')
  await consumer.subscribe(['t', 'missing'])
  for (let i = 0; i < 20; i++) expect((await consumer.poll(20_000))?.topic).toBe('t')
  await consumer.close()
  for (const error of errors) expect(error).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PART', fatal: false })
})

it('a fatal error rejects whatever reads, and closing still works', async () => {
  const reads = [
    async (consumer: Consumer) => {
      for await (const _ of consumer);
    },
    async (consumer: Consumer) => {
      for await (const _ of consumer.batches());
    },
    async (consumer: Consumer) => {
      for await (const _ of consumer.readable());
    },
    async (consumer: Consumer) => {
      for await (const stream of consumer.partitionStreams()) stream.next().catch(() => {})
    },
    async (consumer: Consumer) => {
      while (!consumer.closed) await consumer.poll(60_000)
    },
  ]
  for (const [i, read] of reads.entries()) {
    const consumer = consumerOf([], { 'group.id': `fatal-${i}`, 'group.protocol': 'consumer' })
    await consumer.subscribe('t')
    const reading = rejection(read(consumer))
    await waitFor('messages in hand', () => consumer.health().lastMessage !== null)
    consumer.testFatalError('UNKNOWN_MEMBER_ID', 'a test')
    expect(await reading).toMatchObject({ fatal: true, code: 'UNKNOWN_MEMBER_ID' })
    expect(consumer.health()).toMatchObject({ ok: false })
    await consumer.close()
  }
})
