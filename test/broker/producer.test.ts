// The producer on real Kafka, with Kafka's own Java clients as the witness.
import { randomBytes } from 'node:crypto'
import { AdminClient, Consumer, Producer, partitionFor, roundRobin, type Throttle } from 'odradek'
import { describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, kafkaTool, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

type Bytes = Buffer | null

/** Keys, values and headers of all kinds; compressible, so that a codec has something to do. */
function randomRecords(count: number) {
  const bytes = (most: number): Bytes => {
    const kind = randomBytes(1)[0] % 8
    if (kind === 0) return null
    if (kind === 1) return Buffer.alloc(0)
    const part = randomBytes(1 + (randomBytes(2).readUInt16LE() % most))
    return kind < 5 ? part : Buffer.concat(Array.from({ length: 20 }, () => part))
  }
  return Array.from({ length: count }, () => ({
    key: bytes(30),
    value: bytes(300),
    headers: Array.from({ length: randomBytes(1)[0] % 4 }, (_, i): [string, Bytes] => [`h${i % 2} ü`, bytes(20)]),
    timestamp: 1_700_000_000_000 + randomBytes(2).readUInt16LE(),
  }))
}

const text = (bytes: Bytes) => bytes?.toString('base64') ?? null

interface Comparable {
  key: Bytes
  value: Bytes
  headers: [string, Bytes][]
  timestamp: number | null
}

/** As text: comparing Buffers element by element takes seconds. */
const plain = ({ key, value, headers, timestamp }: Comparable) => ({
  key: text(key),
  value: text(value),
  headers: headers.map(([name, value]) => [name, text(value)]),
  timestamp,
})

describe.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('compression %s', (compression) => {
  it('what is written here is read by Java, byte for byte', async () => {
    const topic = await createTopic(`to-java-${compression}`)
    const records = randomRecords(1000)
    await using producer = new Producer({
      'bootstrap.servers': bootstrapServers(),
      'compression.type': compression,
      ...(compression === 'gzip' || compression === 'zstd' ? { 'compression.level': 3 } : {}),
    })
    const reports = await producer.sendBatch(topic, records)
    expect(reports.failures).toEqual([])
    expect(reports.at(7)).toMatchObject({ offset: 7, timestamp: records[7].timestamp, status: 'persisted' })
    const read = await (await witness()).consume({ topic })
    expect(read.map(plain)).toEqual(records.map(plain))
  })

  it('what Java has written is read here, byte for byte', async () => {
    const topic = await createTopic(`from-java-${compression}`)
    const records = randomRecords(1000)
    await (await witness()).produce(topic, records, { compression })
    await using consumer = new Consumer({
      'bootstrap.servers': bootstrapServers(),
      'group.id': uniqueGroup(),
      'auto.offset.reset': 'earliest',
    })
    await consumer.subscribe(topic)
    const read: unknown[] = []
    for await (const { key, value, headers, timestamp } of consumer) {
      read.push(plain({ key, value, headers: [...headers] as [string, Bytes][], timestamp }))
      if (read.length === records.length) break
    }
    expect(read).toEqual(records.map(plain))
  })
})

describe('acknowledgements', () => {
  it.each([
    [0, { offset: -1001, status: 'possiblyPersisted' }],
    [1, { offset: 0, status: 'persisted' }],
    ['all', { offset: 0, status: 'persisted' }],
  ] as const)('acks=%s: what the report can know', async (acks, expected) => {
    const topic = await createTopic('acks')
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), acks })
    expect(await producer.send({ topic, value: 'v' })).toMatchObject({ topic, partition: 0, ...expected })
    const read = await (await witness()).consume({ topic, count: 1 })
    expect(read.map(({ value }) => String(value))).toEqual(['v'])
  })

  it('are set for single topics too', async () => {
    const [fast, safe] = [await createTopic('fast'), await createTopic('safe')]
    await using producer = new Producer(
      { 'bootstrap.servers': bootstrapServers() },
      { topics: { [fast]: { acks: 0 } } },
    )
    expect((await producer.send({ topic: fast, value: 'v' })).offset).toBe(-1001)
    expect((await producer.send({ topic: safe, value: 'v' })).offset).toBe(0)
  })
})

describe('topics', () => {
  it('one that does not exist fails its records, names itself, and leaves others alone', async () => {
    const topic = await createTopic('exists')
    const missing = uniqueTopic('missing')
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'allow.auto.create.topics': false })
    const sent = rejection(producer.send({ topic: missing, value: 'v' }))
    expect((await producer.send({ topic, value: 'v' })).offset).toBe(0)
    const error = await sent
    expect(error.code).toMatch(/^(_UNKNOWN_TOPIC|UNKNOWN_TOPIC_OR_PART)$/)
    expect(error.message).toContain(missing)
    expect(await (await witness()).listTopics()).not.toContain(missing)
  })

  it('one that does not exist is made when that is allowed', async () => {
    const topic = uniqueTopic('made')
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'allow.auto.create.topics': true })
    expect((await producer.send({ topic, value: 'v' })).offset).toBe(0)
  })

  it.each([
    ['after topic.metadata.refresh.interval.ms', { 'topic.metadata.refresh.interval.ms': 100 }],
    ['within seconds by default', {}],
  ])('one that grows is balanced over its new partitions without a restart, %s', async (_, refresh) => {
    const topic = await createTopic('grows', { partitions: 2 })
    await using producer = new Producer(
      { 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0, ...refresh },
      { balancer: roundRobin() },
    )
    const before = await producer.sendBatch(topic, [{ value: '0' }, { value: '1' }, { value: '2' }])
    expect([...before].map((report) => report.partition)).toEqual([0, 1, 0])
    await using admin = new AdminClient({ 'bootstrap.servers': bootstrapServers() })
    const [grown] = await admin.createPartitions([{ topic, totalCount: 5 }])
    expect(grown.error).toBeUndefined()
    const partitions = new Set<number>()
    const from = performance.now()
    await waitFor('all five partitions are used', async () => {
      partitions.add((await producer.send({ topic, value: 'v' })).partition)
      return partitions.size === 5
    })
    // It is asked for every five seconds. librdkafka itself would ask after five minutes.
    expect(performance.now() - from).toBeLessThan(30_000)
  })
})

describe('the murmur2 partitioners', () => {
  it('send 10,000 keys where the Java producer does', async () => {
    const partitions = 17
    const topic = await createTopic('murmur2', { partitions })
    const keys = Array.from({ length: 10_000 }, (_, i) => (i % 4 === 0 ? Buffer.from(`key-${i}`) : randomBytes(i % 40)))
    const records = keys.map((key) => ({ key, value: null }))
    const written = await (await witness()).produce(topic, records)
    const javas = written.map(({ partition }) => partition)
    for (const partitioner of ['murmur2', 'murmur2_random'] as const) {
      await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), partitioner })
      const reports = await producer.sendBatch(topic, records)
      expect(reports.failures).toEqual([])
      expect([...reports].map(({ partition }) => partition)).toEqual(javas)
      expect(keys.map((key) => partitionFor(key, partitions, partitioner))).toEqual(javas)
    }
  })
})

describe('throttling', () => {
  it('by a quota is told with onThrottle', async () => {
    const topic = await createTopic('throttled')
    const client = uniqueTopic('slow')
    const entity = ['--entity-type', 'clients', '--entity-name', client]
    await kafkaTool('kafka-configs', ['--alter', '--add-config', 'producer_byte_rate=20000', ...entity])
    try {
      const throttles: Throttle[] = []
      const config = { 'bootstrap.servers': bootstrapServers(), 'client.id': client }
      await using producer = new Producer(config, { onThrottle: (throttle) => throttles.push(throttle) })
      await waitFor('the quota holds', async () => {
        await producer.send({ topic, value: Buffer.alloc(100_000) })
        return throttles.length > 0
      })
      expect(throttles[0].throttleTime).toBeGreaterThan(0)
      expect(throttles[0].brokerId).toBe(1)
      expect(throttles[0].broker).toMatch(/127\.0\.0\.1:\d+/)
    } finally {
      await kafkaTool('kafka-configs', ['--alter', '--delete-config', 'producer_byte_rate', ...entity])
    }
  })
})
