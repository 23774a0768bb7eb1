// Producers and consumers of values rather than bytes, around the ordinary ones.
import {
  type BatchOptions,
  type BatchRecord,
  Consumer,
  type ConsumerConfig,
  type ConsumerOptions,
  type DeliveryReport,
  type DeliveryReports,
  KafkaError,
  type Message,
  type MessageBatch,
  Producer,
  type ProducerConfig,
  type ProducerOptions,
  type ProducerRecord,
  type TopicPartitionOffset,
  type TopicPartitionResult,
} from '../index.js'
import type { Deserializer, Serializer } from './types.js'

/** A message with what its bytes mean. */
export type TypedMessage<Value, Key> = Message & {
  readonly decoded: Value
  readonly decodedKey: Key
}

export interface TypedConsumerOptions<Value, Key> extends ConsumerOptions {
  value?: Deserializer<Value>
  key?: Deserializer<Key>
  /**
   * Gets what does not decode, and is awaited; then the message is passed over. Without it the iteration rejects with the
   * DecodeError, and reading again goes on behind the message. What is `retriable` (a registry that is down) is no
   * poison: the iteration rejects, and reading again begins with the same message.
   */
  onPoison?: (message: Message, error: unknown) => void | Promise<void>
}

/**
 * A consumer whose messages are decoded when they are handed out. What is not here is the consumer's: `.consumer`.
 *
 * ```ts
 * await using consumer = new TypedConsumer(config, { key: string(), value: avro<Order>(registry) })
 * await consumer.subscribe('orders')
 * for await (const { decodedKey, decoded } of consumer) await reserve(decodedKey, decoded)
 * ```
 */
export class TypedConsumer<Value = Buffer | null, Key = Buffer | null>
  implements AsyncIterable<TypedMessage<Value, Key>>, AsyncDisposable
{
  readonly consumer: Consumer
  readonly #value: Deserializer<Value> | undefined
  readonly #key: Deserializer<Key> | undefined
  readonly #onPoison: TypedConsumerOptions<Value, Key>['onPoison']

  constructor(config: ConsumerConfig, options: TypedConsumerOptions<Value, Key> = {}) {
    const { value, key, onPoison, ...rest } = options
    checkSerde(value, 'value', 'deserialize')
    checkSerde(key, 'key', 'deserialize')
    this.#value = value
    this.#key = key
    this.#onPoison = onPoison
    this.consumer = new Consumer(config, rest)
  }

  /** As the consumer's. */
  subscribe(topics: string | RegExp | readonly (string | RegExp)[]): Promise<void> {
    return this.consumer.subscribe(topics)
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TypedMessage<Value, Key>> {
    return this.messages()
  }

  /** Message by message. */
  messages(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<TypedMessage<Value, Key>> {
    const again = (message: Message, error: unknown) => this.#again([message], error)
    return new Decoding(this.consumer.messages(options), (message) => this.#decode(message), again)
  }

  /** Batch by batch; what does not decode is not in it. */
  batches(options: BatchOptions = {}): AsyncIterableIterator<TypedMessage<Value, Key>[]> {
    const decode = async (batch: MessageBatch) => {
      const decoded: TypedMessage<Value, Key>[] = []
      for (const message of batch) {
        const typed = await this.#decode(message)
        if (typed) decoded.push(typed)
      }
      return decoded
    }
    return new Decoding(this.consumer.batches(options), decode, (batch, error) => this.#again(batch, error))
  }

  /** The next message, or null after `timeout` milliseconds without one. */
  async poll(timeout: number, options: { signal?: AbortSignal } = {}): Promise<TypedMessage<Value, Key> | null> {
    const deadline = performance.now() + timeout
    for (;;) {
      const message = await this.consumer.poll(Math.max(0, deadline - performance.now()), options)
      if (!message) return null
      try {
        const typed = await this.#decode(message)
        if (typed) return typed
      } catch (error) {
        await this.#again([message], error)
        throw error
      }
    }
  }

  /** What could not be decoded now, and may be later, is not passed over: it is read again. */
  async #again(messages: Iterable<Message>, error: unknown): Promise<void> {
    if ((error as { retriable?: unknown } | undefined)?.retriable !== true) return
    const first = new Map<string, TopicPartitionOffset>()
    for (const { topic, partition, offset } of messages) {
      const name = `${partition}/${topic}`
      if (!first.has(name)) first.set(name, { topic, partition, offset })
    }
    await this.consumer.seek([...first.values()]).catch(() => {
      // A partition that is not ours any more: whoever has it begins where the group is.
    })
  }

  /** As the consumer's. */
  commit(
    what?: Message | readonly Message[] | readonly TopicPartitionOffset[],
    options?: { signal?: AbortSignal },
  ): Promise<TopicPartitionResult[]> {
    return this.consumer.commit(what, options)
  }

  async #decode(message: Message): Promise<TypedMessage<Value, Key> | undefined> {
    const { topic } = message
    const fields = message as { -readonly [Name in 'decoded' | 'decodedKey']: unknown } & Message
    try {
      fields.decodedKey = this.#key
        ? await this.#key.deserialize(message.key, { topic, part: 'key', message })
        : message.key
      fields.decoded = this.#value
        ? await this.#value.deserialize(message.value, { topic, part: 'value', message })
        : message.value
    } catch (error) {
      if (!this.#onPoison || (error as { permanent?: unknown })?.permanent !== true) throw error
      await this.#onPoison(message, error)
      return undefined
    }
    return fields as TypedMessage<Value, Key>
  }

  close(options?: { timeout?: number }): Promise<void> {
    return this.consumer.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Makes something else of what an iterator gives, and leaves out what becomes nothing. */
class Decoding<From, To> implements AsyncIterableIterator<To> {
  readonly #inner: AsyncIterableIterator<From>
  readonly #decode: (item: From) => Promise<To | undefined>
  readonly #failed: (item: From, error: unknown) => Promise<void>
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    inner: AsyncIterableIterator<From>,
    decode: (item: From) => Promise<To | undefined>,
    failed: (item: From, error: unknown) => Promise<void>,
  ) {
    this.#inner = inner
    this.#decode = decode
    this.#failed = failed
  }

  next(): Promise<IteratorResult<To>> {
    const result = this.#last.then(() => this.#next())
    this.#last = result.catch(() => {})
    return result
  }

  async #next(): Promise<IteratorResult<To>> {
    for (;;) {
      const { value, done } = await this.#inner.next()
      if (done) return { done, value: undefined }
      try {
        const decoded = await this.#decode(value)
        if (decoded !== undefined) return { done: false, value: decoded }
      } catch (error) {
        // The loop is over: the consumer is free for another.
        await this.#inner.return?.()
        await this.#failed(value, error)
        throw error
      }
    }
  }

  async return(): Promise<IteratorResult<To>> {
    await this.#inner.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

export interface TypedRecord<Value, Key> extends Omit<BatchRecord, 'key' | 'value'> {
  key?: Key
  value: Value
}

export interface TypedProducerOptions<Value, Key> extends ProducerOptions {
  value?: Serializer<Value>
  key?: Serializer<Key>
}

/**
 * A producer of values. What is not here is the producer's: `.producer`.
 *
 * ```ts
 * const value = avro<Order>(registry, { serializer: { useLatestVersion: true, autoRegisterSchemas: false } })
 * await using producer = new TypedProducer(config, { key: string(), value })
 * await producer.send({ topic: 'orders', key: order.id, value: order })
 * ```
 */
export class TypedProducer<Value = Buffer | string | null, Key = Buffer | string | null> implements AsyncDisposable {
  readonly producer: Producer
  readonly #value: Serializer<Value> | undefined
  readonly #key: Serializer<Key> | undefined
  #order: Promise<unknown> = Promise.resolve()

  constructor(config: ProducerConfig, options: TypedProducerOptions<Value, Key> = {}) {
    const { value, key, ...rest } = options
    checkSerde(value, 'value', 'serialize')
    checkSerde(key, 'key', 'serialize')
    this.#value = value
    this.#key = key
    this.producer = new Producer(config, rest)
  }

  /** Encodes and sends, in the order of the calls. Rejects with EncodeError for what cannot be written. */
  async send(
    record: TypedRecord<Value, Key> & { topic: string },
    options?: { signal?: AbortSignal },
  ): Promise<DeliveryReport> {
    const encoding = this.#encode(record.topic, record)
    // A schema that is being fetched does not let a later record overtake.
    const turn = this.#order
    const encoded = Promise.all([encoding, turn]).then(([plain]) => plain)
    // The turn, too: what fails at once must not let the next overtake those that are being encoded.
    this.#order = Promise.allSettled([encoded, turn])
    return await this.producer.send(await encoded, options)
  }

  /** All or nothing is encoded: rejects with the EncodeError of the first that cannot be. */
  async sendBatch(
    topic: string,
    records: readonly TypedRecord<Value, Key>[],
    options?: { signal?: AbortSignal },
  ): Promise<DeliveryReports> {
    if (!Array.isArray(records)) throw new KafkaError('_INVALID_ARG', 'sendBatch takes an array of records')
    const encoding = Promise.all(records.map((record) => this.#encode(topic, record)))
    const turn = this.#order
    const encoded = Promise.all([encoding, turn]).then(([plain]) => plain)
    this.#order = Promise.allSettled([encoded, turn])
    return await this.producer.sendBatch(await encoded, options)
  }

  async #encode(topic: string, record: TypedRecord<Value, Key>): Promise<ProducerRecord> {
    const { key, value, headers, ...rest } = record
    const added: Record<string, string | Buffer | undefined> = {}
    const plain: ProducerRecord = { ...rest, topic }
    const part = async <T>(serializer: Serializer<T> | undefined, item: T, name: 'key' | 'value') =>
      serializer
        ? await serializer.serialize(item, { topic, part: name, headers: added })
        : (item as Buffer | string | null)
    if (key !== undefined) plain.key = await part(this.#key, key as Key, 'key')
    plain.value = await part(this.#value, value, 'value')
    const names = Object.keys(added)
    if (headers || names.length > 0) {
      const given = !headers ? [] : Symbol.iterator in headers ? [...headers] : Object.entries(headers)
      plain.headers = [...given, ...names.map((name) => [name, added[name]] as const)]
    }
    return plain
  }

  /** As the producer's. */
  flush(options?: { timeout?: number; signal?: AbortSignal }): Promise<void> {
    return this.producer.flush(options)
  }

  close(options?: { timeout?: number }): Promise<void> {
    return this.producer.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkSerde(value: unknown, name: string, method: 'serialize' | 'deserialize'): void {
  if (value === undefined || typeof (value as Record<string, unknown> | null)?.[method] === 'function') return
  throw new KafkaError('_INVALID_ARG', `${name} is an object with ${method}(), such as string() or json()`)
}
