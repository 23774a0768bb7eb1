// Schemas in a real registry, messages on a real Kafka: evolution, what is refused, what is unknown, a registry that is down.
import { type Client, SchemaRegistryClient } from '@confluentinc/schemaregistry'
import { Producer } from 'odradek'
import { deadLetter, Processor, retry } from 'odradek/processor'
import {
  avro,
  DecodeError,
  EncodeError,
  jsonSchema,
  protobuf,
  RegistryError,
  string,
  TypedConsumer,
  TypedProducer,
} from 'odradek/serde'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { type Registry, startRegistry } from '../helpers/registry.js'
import { rejection, waitFor } from '../helpers/wait.js'

let registry: Registry
beforeAll(async () => {
  registry = await startRegistry()
}, 300_000)
afterAll(() => registry.stop())

// Without caches of others, and without long patience with a registry that is down.
const client = (): Client =>
  new SchemaRegistryClient({ baseURLs: [registry.url], maxRetries: 0, createAxiosDefaults: { timeout: 3000 } } as never)

interface Order {
  id: string
  amount: number
  note?: string | null
}
const fields = [
  { name: 'id', type: 'string' },
  { name: 'amount', type: 'int' },
]
const note = { name: 'note', type: ['null', 'string'], default: null }
const schemaOf = (list: object[]) => ({
  schemaType: 'AVRO',
  schema: JSON.stringify({ type: 'record', name: 'Order', fields: list }),
})

const latest = { serializer: { useLatestVersion: true, autoRegisterSchemas: false } }
const config = () => ({ 'bootstrap.servers': bootstrapServers() })
const group = () => ({ ...config(), 'group.id': uniqueGroup(), 'auto.offset.reset': 'earliest' as const })

async function read<T>(topic: string, count: number, value: ReturnType<typeof avro<T>>): Promise<T[]> {
  await using consumer = new TypedConsumer(group(), { value })
  await consumer.subscribe(topic)
  const values: T[] = []
  for await (const { decoded } of consumer) if (values.push(decoded) === count) break
  return values
}

describe('Avro', () => {
  it('goes there and back, and lets the schema evolve: old readers and new ones read old and new', async () => {
    const topic = await createTopic('avro', { partitions: 1 })
    const registryClient = client()
    await registryClient.register(`${topic}-value`, schemaOf(fields))
    await using first = new TypedProducer(config(), { key: string(), value: avro<Order>(client(), latest) })
    await first.send({ topic, key: 'a', value: { id: 'a', amount: 1 } })
    await registryClient.register(`${topic}-value`, schemaOf([...fields, note]))
    await using second = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
    await second.send({ topic, value: { id: 'b', amount: 2, note: 'new' } })
    // The writer's schema, which the id in the message names.
    expect((await read(topic, 2, avro<Order>(client()))).map((order) => ({ ...order }))).toEqual([
      { id: 'a', amount: 1 },
      { id: 'b', amount: 2, note: 'new' },
    ])
    // As the newest schema has it.
    const reader = avro<Order>(client(), { deserializer: { useLatestVersion: true } })
    expect((await read(topic, 2, reader)).map((order) => ({ ...order }))).toEqual([
      { id: 'a', amount: 1, note: null },
      { id: 'b', amount: 2, note: 'new' },
    ])
    // Confluent's wire format, as Kafka's own client sees it: a zero, and the schema's id.
    const [record] = await (await witness()).consume({ topic })
    expect(record.value?.[0]).toBe(0)
    expect(record.value?.readInt32BE(1)).toBeGreaterThan(0)
  })

  it('an incompatible schema is refused, and a value that the schema does not allow is not sent', async () => {
    const topic = await createTopic('avro-incompatible', { partitions: 1 })
    const registryClient = client()
    await registryClient.updateCompatibility(`${topic}-value`, 'BACKWARD' as never).catch(() => {})
    await registryClient.register(`${topic}-value`, schemaOf(fields))
    await registryClient.updateCompatibility(`${topic}-value`, 'BACKWARD' as never)
    const changed = schemaOf([
      { name: 'id', type: 'string' },
      { name: 'amount', type: 'boolean' },
    ])
    expect(await rejection(registryClient.register(`${topic}-value`, changed))).toMatchObject({ status: 409 })
    await using producer = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
    const error = await rejection(producer.send({ topic, value: { id: 'a', amount: 'many' } as never }))
    expect(error).toBeInstanceOf(EncodeError)
    await using none = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
    const other = await createTopic('avro-unregistered', { partitions: 1 })
    expect(await rejection(none.send({ topic: other, value: { id: 'a', amount: 1 } }))).toBeInstanceOf(EncodeError)
    const offsets = await (await witness()).consume({ topic })
    expect(offsets).toEqual([])
  })

  it('an unknown id, a foreign format and cut bytes are poison: they go to the dead letters, the partition goes on', async () => {
    const topic = await createTopic('avro-poison', { partitions: 1 })
    await (await witness()).createTopic(`${topic}.dlq`, { partitions: 1 })
    await client().register(`${topic}-value`, schemaOf(fields))
    await using producer = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
    await using raw = new Producer(config())
    await raw.send({ topic, value: Buffer.from([0, 0, 15, 66, 64, 2, 97, 2]) })
    await raw.send({ topic, value: '{"json":true}' })
    await producer.send({ topic, value: { id: 'a', amount: 1 } })
    const [, , whole] = await (await witness()).consume({ topic })
    await raw.send({ topic, value: (whole.value as Buffer).subarray(0, 6) })
    await producer.send({ topic, value: { id: 'b', amount: 2 } })
    const app = new Processor(group(), { onError: () => {} })
    app.use(retry({ attempts: 3, backoff: { initial: 60_000 } })).use(deadLetter())
    const seen: string[] = []
    app.topic(topic, { value: avro<Order>(client()) }, (message) => void seen.push(message.decoded.id))
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 5)
    stop.abort()
    await done
    expect(seen).toEqual(['a', 'b'])
    const letters = await (await witness()).consume({ topic: `${topic}.dlq` })
    const reasons = letters.map(({ headers }) => String(headers.find(([name]) => name === 'dead-letter.error')?.[1]))
    expect(reasons).toHaveLength(3)
    for (const reason of reasons) expect(reason).toMatch(/^DecodeError: the value of /)
  })

  it('a registry that is down is no fault of the message: it is tried again, and handled when the registry is back', async () => {
    const topic = await createTopic('avro-down', { partitions: 1 })
    await client().register(`${topic}-value`, schemaOf(fields))
    await using producer = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
    await producer.send({ topic, value: { id: 'a', amount: 1 } })
    await registry.stop()
    const app = new Processor(group(), { onError: () => {} })
    app.use(retry({ attempts: Number.POSITIVE_INFINITY, backoff: { initial: 100, max: 500 } })).use(deadLetter())
    const errors: unknown[] = []
    app.observe((event) => void (event.type === 'retry' && errors.push(event.error)))
    app.topic(topic, { value: avro<Order>(client()) }, () => {})
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    try {
      await waitFor('it is tried again', () => errors.length >= 3)
      for (const error of errors) expect(error).toBeInstanceOf(RegistryError)
      expect(app.counts.handled).toBe(0)
      await using other = new TypedProducer(config(), { value: avro<Order>(client(), latest) })
      const error = await rejection(other.send({ topic, value: { id: 'b', amount: 1 } }))
      expect(error).toBeInstanceOf(RegistryError)
    } finally {
      await registry.start()
    }
    // It comes back empty: the schema gets its id again.
    await client().register(`${topic}-value`, schemaOf(fields))
    await waitFor('the message is through', () => app.counts.handled === 1, 30_000)
    stop.abort()
    await done
  })
})

describe('other formats', () => {
  it('JSON Schema validates what is written and read', async () => {
    const topic = await createTopic('json-schema', { partitions: 1 })
    const schema = JSON.stringify({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { id: { type: 'string' }, amount: { type: 'integer' } },
      required: ['id', 'amount'],
    })
    await client().register(`${topic}-value`, { schemaType: 'JSON', schema })
    const options = { serializer: { useLatestVersion: true, autoRegisterSchemas: false, validate: true } }
    await using producer = new TypedProducer(config(), { value: jsonSchema<Order>(client(), options) })
    await producer.send({ topic, value: { id: 'a', amount: 1 } })
    const bad = await rejection(producer.send({ topic, value: { id: 'a', amount: 1.5 } }))
    expect(bad).toBeInstanceOf(EncodeError)
    expect(await read(topic, 1, jsonSchema<Order>(client()))).toEqual([{ id: 'a', amount: 1 }])
  })

  it('Protobuf goes there and back', async () => {
    const { create, createMutableRegistry } = await import('@bufbuild/protobuf')
    const { TimestampSchema } = await import('@bufbuild/protobuf/wkt')
    const topic = await createTopic('protobuf', { partitions: 1 })
    const known = createMutableRegistry(TimestampSchema)
    const messages = protobuf<{ seconds: bigint; nanos: number }>(client(), { serializer: { registry: known } })
    await using producer = new TypedProducer(config(), { value: messages })
    await producer.send({ topic, value: create(TimestampSchema, { seconds: 5n, nanos: 7 }) })
    const [value] = await read(topic, 1, protobuf<{ seconds: bigint; nanos: number }>(client()))
    expect({ seconds: value.seconds, nanos: value.nanos }).toEqual({ seconds: 5n, nanos: 7 })
    await using raw = new Producer(config())
    await raw.send({ topic, value: 'no' })
    await using consumer = new TypedConsumer(group(), { value: protobuf(client()) })
    await consumer.subscribe(topic)
    await consumer.poll(20_000)
    expect(await rejection(consumer.poll(20_000))).toBeInstanceOf(DecodeError)
  })
})
