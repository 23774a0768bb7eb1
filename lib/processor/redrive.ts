// Brings dead letters back to where they came from.
import {
  Consumer,
  type ConsumerConfig,
  type KafkaError,
  type Message,
  Producer,
  type ProducerRecord,
} from '../index.js'
import { deadLetterHeaders, ownHeaders } from './dead-letter.js'
import { integer, invalid, producerConfigOf } from './settings.js'

export interface RedriveOptions {
  /** librdkafka's properties, with the `group.id` that remembers what has been brought back already. */
  config: ConsumerConfig
  /** The dead-letter topic. */
  from: string
  /** Where a letter goes: to the topic that its headers name, without this. Undefined leaves it, and goes on. */
  to?: (message: Message) => string | undefined
  /** Which letters: all without it. The others are passed over. */
  filter?: (message: Message) => boolean
  /** The most letters to bring back. */
  limit?: number
  /** Letters per second, at most. */
  rate?: number
  /** Says what would be done, and does nothing: nothing is sent, nothing committed. */
  dryRun?: boolean
  signal?: AbortSignal
  onError?: (error: KafkaError) => void
  onLetter?: (message: Message, to: string | undefined) => void
}

export interface RedriveResult {
  /** Sent to their topics. */
  redriven: number
  /** Passed over: by the filter, or because there is no topic to send them to. */
  skipped: number
}

const joinTimeout = 60_000

/**
 * Sends the letters that a dead-letter topic holds when it is called to the topics they came from, byte for byte and
 * without the headers that were added. A letter's offset is committed after its delivery: a crash may bring back twice,
 * and leaves none behind. Resolves at the end of the topic, or when the signal aborts.
 */
export async function redrive(options: RedriveOptions): Promise<RedriveResult> {
  const { config, from, signal, onError, limit } = options ?? {}
  if (typeof config?.['group.id'] !== 'string') throw invalid("config of redrive() has a 'group.id'")
  if (typeof from !== 'string' || from === '') throw invalid('from of redrive() is the name of a dead-letter topic')
  const most = integer(limit, 'limit of redrive()', 1, Number.POSITIVE_INFINITY)
  const consumer = new Consumer(
    { 'auto.offset.reset': 'earliest', ...config, 'enable.auto.commit': false, 'enable.auto.offset.store': false },
    { onError },
  )
  const producer = new Producer(producerConfigOf(config, { 'enable.idempotence': true }), { onError })
  try {
    await consumer.subscribe(from)
    return await new Redrive(consumer, producer, options).run(most, signal)
  } finally {
    await producer.close()
    await consumer.close()
  }
}

class Redrive {
  readonly #consumer: Consumer
  readonly #producer: Producer
  readonly #options: RedriveOptions
  readonly #result: RedriveResult = { redriven: 0, skipped: 0 }
  /** Partition to the end that it had in the beginning. */
  readonly #ends = new Map<number, number>()
  readonly #began = performance.now()

  constructor(consumer: Consumer, producer: Producer, options: RedriveOptions) {
    this.#consumer = consumer
    this.#producer = producer
    this.#options = options
  }

  async run(most: number, signal: AbortSignal | undefined): Promise<RedriveResult> {
    const joinedBy = performance.now() + joinTimeout
    while (!signal?.aborted && this.#result.redriven < most) {
      const message = await this.#poll(signal)
      if (message) {
        await this.#take(message)
        continue
      }
      const assignment = this.#consumer.assignment
      if (assignment.length === 0) {
        if (performance.now() > joinedBy) throw invalid(`no partition of ${this.#options.from} was assigned`)
        continue
      }
      if (await this.#atEnd()) break
    }
    return this.#result
  }

  async #poll(signal: AbortSignal | undefined): Promise<Message | null> {
    try {
      return await this.#consumer.poll(500, signal ? { signal } : {})
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return null
      throw error
    }
  }

  async #endOf(partition: number): Promise<number> {
    let end = this.#ends.get(partition)
    if (end === undefined) {
      end = (await this.#consumer.watermarks({ topic: this.#options.from, partition })).high
      this.#ends.set(partition, end)
    }
    return end
  }

  async #atEnd(): Promise<boolean> {
    for (const { partition, offset } of this.#consumer.position()) {
      const end = await this.#endOf(partition)
      // Before the first message the position is unknown: what was committed says where this partition is.
      const at = offset >= 0 ? offset : await this.#start(partition)
      if (at < end) return false
    }
    return true
  }

  async #start(partition: number): Promise<number> {
    const { from: topic } = this.#options
    const [{ offset }] = await this.#consumer.committed([{ topic, partition }])
    return offset >= 0 ? offset : (await this.#consumer.watermarks({ topic, partition })).low
  }

  async #take(message: Message): Promise<void> {
    // What failed again meanwhile, and came back here, is for the next time.
    if (message.offset >= (await this.#endOf(message.partition))) return
    const { filter, to = topicOf, onLetter, dryRun } = this.#options
    const topic = filter && !filter(message) ? undefined : to(message)
    onLetter?.(message, topic)
    if (topic === undefined) {
      this.#result.skipped++
    } else {
      if (!dryRun) await this.#producer.send(recordOf(message, topic))
      this.#result.redriven++
      await this.#pace()
    }
    if (!dryRun) await this.#consumer.commit(message)
  }

  async #pace(): Promise<void> {
    const { rate } = this.#options
    if (rate === undefined) return
    const wait = (this.#result.redriven / rate) * 1000 - (performance.now() - this.#began)
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

function topicOf(message: Message): string | undefined {
  return message.headers.get(deadLetterHeaders.topic)?.toString()
}

function recordOf(message: Message, topic: string): ProducerRecord {
  return { topic, key: message.key, value: message.value, headers: ownHeaders(message) }
}
