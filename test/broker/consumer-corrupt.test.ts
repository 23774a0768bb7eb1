// Bytes that change on their way, with check.crcs: the application is told, nothing corrupt is handed out, nothing is
// skipped, the other partitions are read on, and reading goes on when the corruption ends.
import { Consumer, type KafkaError, Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CorruptingProxy } from '../helpers/corrupting-proxy.js'
import { startCluster, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

let cluster: Awaited<ReturnType<typeof startCluster>>
let proxy: CorruptingProxy

beforeAll(async () => {
  cluster = await startCluster({ listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } } })
  const port = Number(cluster.listeners.PROXIED.split(':')[1])
  proxy = await CorruptingProxy.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port })
})
afterAll(async () => {
  proxy?.close()
  await cluster?.stop()
})

const perBatch = 10

/** Batches of ten in partition 0: each is one in Kafka's log, too. */
async function fill(topic: string, batches: number, size: number): Promise<string[]> {
  await using producer = new Producer({ 'bootstrap.servers': cluster.brokers, 'linger.ms': 100 })
  const values = Array.from({ length: batches * perBatch }, (_, i) => `<${i}>`.padEnd(size, 'x'))
  for (let i = 0; i < values.length; i += perBatch) {
    const records = values.slice(i, i + perBatch).map((value) => ({ value, partition: 0 }))
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  }
  return values
}

it.each([
  ['in the first of several batches, small ones', 20, '<5>', 0],
  // Where librdkafka's skipping of such a batch ends in the middle of it.
  ['in a later batch, large ones', 5000, '<15>', perBatch],
])('a byte changes %s', async (_, size, text, before) => {
  const [topic, group] = [uniqueTopic('corrupt'), uniqueGroup()]
  const kafka = (await witness()).at(cluster.brokers)
  await kafka.createTopic(topic, { partitions: 2 })
  const values = await fill(topic, 4, size)
  const errors: KafkaError[] = []
  await using consumer = new Consumer(
    {
      'bootstrap.servers': cluster.listeners.PROXIED,
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'check.crcs': true,
      'fetch.error.backoff.ms': 50,
    },
    { onError: (error) => errors.push(error) },
  )
  await consumer.subscribe(topic)
  const seen: string[] = []
  const others: string[] = []
  const stop = new AbortController()
  const read = async () => {
    for await (const message of consumer.messages({ signal: stop.signal })) {
      if (message.partition === 0) seen.push(message.text() as string)
      else others.push(message.text() as string)
    }
  }
  proxy.text = text
  const reading = read().catch((error) => expect(error.name).toBe('AbortError'))
  try {
    const from = proxy.corrupted
    await waitFor('corrupted answers', () => proxy.corrupted > from + 3, 60_000)
    await waitFor('errors', () => errors.length > 1, 60_000)
    await kafka.produce(topic, [{ value: 'other', partition: 1 }])
    await waitFor('the other partition', () => others.length === 1, 60_000)
    expect(seen).toEqual(values.slice(0, before))
    for (const error of errors) expect(error).toMatchObject({ code: '_BAD_MSG', fatal: false })
    expect(errors[0].message).toContain(`offset ${before} `)
    expect(errors[0].message).toContain(`(${topic} [0])`)
  } finally {
    proxy.text = undefined
  }
  await waitFor('everything', () => seen.length >= values.length, 60_000)
  expect(seen).toEqual(values)
  expect(consumer.health()).toMatchObject({ ok: true })
  stop.abort()
  await reading
  await consumer.close()
  expect((await kafka.groupOffsets(group))[topic][0].offset).toBe(values.length)
})
