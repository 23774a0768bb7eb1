// Compiled, never run: the guides' examples of the application layer, and what its types know.
import { SchemaRegistryClient } from '@confluentinc/schemaregistry'
import { type Message, Producer } from 'odradek'
import { measurePublish, openTelemetry, prometheus, tracePublish, tracing } from 'odradek/metrics'
import {
  deadLetter,
  Processor,
  Publisher,
  redrive,
  retry,
  shutdownSignal,
  timeout,
  withHeaders,
} from 'odradek/processor'
import { avro, json, string, TypedConsumer, TypedProducer } from 'odradek/serde'
import { register } from 'prom-client'
import { z } from 'zod'

interface Order {
  id: string
  amount: number
}
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}
declare const brokers: string
declare const order: Order
declare function reserve(order: Order, signal?: AbortSignal): Promise<void>
declare function keep(message: Message): void
declare const warehouse: { insert(batch: readonly Message[]): Promise<void> }
declare function isTransient(error: unknown): boolean

export async function service(): Promise<void> {
  const app = new Processor(
    { 'bootstrap.servers': brokers, 'group.id': 'inventory' },
    {
      concurrency: 100,
      orderBy: 'key',
      onError: (error) => {
        throw error
      },
    },
  )
  app.use(retry({ attempts: 5, backoff: { initial: 100, max: 10_000 }, retryIf: isTransient }))
  app.use(deadLetter({ topic: (m) => `${m.topic}.dlq` }))
  app.use((next) => async (message, context) => {
    same<Equal<typeof message.topic, string>>()
    return await next(message, context)
  })
  app.useBatch((next) => (batch, context) => next(batch.slice(1), context))
  app.useBatch((next) => async (batch, context) => {
    await next(batch, context)
    await app.consumer?.commit(batch, { signal: context.signal })
  })
  app.topic('orders', async (message, { signal }) => {
    keep(message)
    await reserve(message.json<Order>(), signal)
  })
  app.batchTopic('clicks', { max: 1000, timeout: 500 }, async (batch) => {
    await warehouse.insert(batch)
  })
  const schema = z.object({ id: z.string(), amount: z.number() })
  app.topic(
    'typed',
    { value: json(schema), key: string(), use: [timeout(1000), tracing()] },
    ({ decoded, decodedKey }) => {
      same<Equal<typeof decoded, Order | null>>()
      same<Equal<typeof decodedKey, string | null>>()
    },
  )
  app.batchTopic('batch', { value: json(schema), use: [retry()] }, (batch) => {
    same<Equal<(typeof batch)[number]['decoded'], Order | null>>()
  })
  app.topic('plain', ({ decoded, decodedKey }) => {
    same<Equal<typeof decoded, unknown>>()
    same<Equal<typeof decodedKey, unknown>>()
  })
  // @ts-expect-error: the handler takes another value than the deserializer makes
  app.topic('other', { value: json(schema) }, ({ decoded }: { decoded: Date }) => keep(decoded as never))
  // @ts-expect-error: a topic of single messages has no batches
  app.topic('other', { max: 10 }, () => {})
  // @ts-expect-error: middleware of batches
  app.batchTopic('other', { use: [(next: (message: Message) => unknown) => next] }, () => {})
  // @ts-expect-error: onError is mandatory
  new Processor({ 'group.id': 'g' }, {})
  // @ts-expect-error: there is no such order
  new Processor({ 'group.id': 'g' }, { onError: () => {}, orderBy: 'keys' })
  const producer = new Producer({ 'bootstrap.servers': brokers })
  const metrics = prometheus(register).observe(producer, app)
  openTelemetry().observe(producer, app)
  const publisher = new Publisher(producer)
    .use(tracePublish())
    .use(measurePublish(metrics))
    .use(withHeaders(() => ({ a: 'b' })))
  await publisher.send({ topic: 'orders', value: JSON.stringify(order) })
  await redrive({ config: { 'bootstrap.servers': brokers, 'group.id': 'redrive' }, from: 'orders.dlq' })
  await app.run({ signal: shutdownSignal() })
}

export async function schemas(): Promise<void> {
  const registry = new SchemaRegistryClient({ baseURLs: ['http://localhost:8081'] })
  const consumer = new TypedConsumer({ 'group.id': 'g' }, { key: string(), value: avro<Order>(registry) })
  await consumer.subscribe('orders')
  for await (const { decodedKey, decoded } of consumer) {
    same<Equal<typeof decodedKey, string | null>>()
    same<Equal<typeof decoded, Order>>()
    await reserve(decoded)
  }
  const producer = new TypedProducer({}, { key: string(), value: json<Order>() })
  await producer.send({ topic: 'orders', key: order.id, value: order })
  // @ts-expect-error: not an order
  await producer.send({ topic: 'orders', key: 'a', value: { id: 1 } })
  // @ts-expect-error: not a key
  await producer.send({ topic: 'orders', key: 1, value: order })
  await producer.sendBatch('orders', [
    { key: null, value: null },
    { value: order, partition: 1 },
  ])
  // @ts-expect-error: not an order
  await producer.sendBatch('orders', [{ value: 'text' }])
  for await (const batch of consumer.batches({ max: 10 })) {
    same<Equal<(typeof batch)[number]['decoded'], Order>>()
  }
  const next = await consumer.poll(1000)
  same<Equal<NonNullable<typeof next>['decodedKey'], string | null>>()
  const plain = new TypedConsumer({ 'group.id': 'g' })
  for await (const { decoded, decodedKey } of plain) {
    same<Equal<typeof decoded, Buffer | null>>()
    same<Equal<typeof decodedKey, Buffer | null>>()
  }
  same<Equal<typeof plain.consumer.groupId, string | null>>()
}
