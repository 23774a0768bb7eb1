// Brings dead letters back to where they came from.
import { setTimeout as delay } from 'node:timers/promises'
import {
  Consumer,
  type ConsumerConfig,
  type KafkaError,
  type Message,
  Producer,
  type ProducerRecord,
} from '../index.js'
import { deadLetterHeaders, ownHeaders } from './dead-letter.js'
import { checkNames, integer, invalid, producerConfigOf } from './settings.js'

export interface RedriveOptions {
  /** librdkafka's properties, with the `group.id` that remembers what has been brought back already. */
  config: ConsumerConfig
  /** The dead-letter topic. */
  from: string
  /** Where a letter goes: to the topic that its headers name, without this. Undefined leaves it, and goes on. */
  to?: (message: Message) => string | undefined
  /** Which letters: all without it. The others are passed over. */
  filter?: (message: Message) => boolean
  /** The most letters to bring back: all without it. The next call goes on behind them. */
  limit?: number
  /** Letters per second, at most, counted from the first. */
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
const names: readonly (keyof RedriveOptions)[] = [
  'config',
  'from',
  'to',
  'filter',
  'limit',
  'rate',
  'dryRun',
  'signal',
  'onError',
  'onLetter',
]
// Letters that are sent and committed together.
const together = 500

/**
 * Sends the letters that a dead-letter topic holds when it is called to the topics they came from, byte for byte and
 * without the headers that were added. A letter's offset is committed after its delivery: a crash may bring some back
 * twice, and leaves none behind. Resolves at the end of the topic, at the limit, or when the signal aborts; rejects with
 * the KafkaError of a letter that could not be delivered, and with `_INVALID_ARG` for what it does not accept.
 */
export async function redrive(options: RedriveOptions): Promise<RedriveResult> {
  checkNames(options, names, 'redrive()')
  const { config, from, signal, onError, limit, rate } = options ?? {}
  if (typeof config?.['group.id'] !== 'string') throw invalid("config of redrive() has a 'group.id'")
  if (typeof from !== 'string' || from === '') throw invalid('from of redrive() is the name of a dead-letter topic')
  const most = integer(limit, 'limit of redrive()', 1, Number.POSITIVE_INFINITY)
  if (rate !== undefined && !(typeof rate === 'number' && rate > 0)) {
    throw invalid(`rate of redrive() is a number above 0; got ${String(rate)}`)
  }
  for (const name of ['to', 'filter', 'onLetter'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw invalid(`${name} of redrive() is a function of a letter`)
    }
  }
  const consumer = new Consumer(
    { 'auto.offset.reset': 'earliest', ...config, 'enable.auto.commit': false, 'enable.auto.offset.store': false },
    { onError },
  )
  let producer: Producer | undefined
  try {
    producer = new Producer(producerConfigOf(config, { 'enable.idempotence': true }), { onError })
    await consumer.subscribe(from)
    return await new Redrive(consumer, producer, options).run(most, signal)
  } finally {
    await Promise.all([producer?.close(), consumer.close()])
  }
}

/** A letter, and the topic it goes to; undefined for one that is passed over. */
interface Letter {
  readonly message: Message
  readonly to: string | undefined
}

class Redrive {
  readonly #consumer: Consumer
  readonly #producer: Producer
  readonly #options: RedriveOptions
  readonly #result: RedriveResult = { redriven: 0, skipped: 0 }
  /** Partition to the end that it had in the beginning. */
  readonly #ends = new Map<number, number>()
  // When the next letter may go, with a rate.
  #next = 0

  constructor(consumer: Consumer, producer: Producer, options: RedriveOptions) {
    this.#consumer = consumer
    this.#producer = producer
    this.#options = options
  }

  async run(most: number, signal: AbortSignal | undefined): Promise<RedriveResult> {
    const joinedBy = performance.now() + joinTimeout
    while (!signal?.aborted && this.#result.redriven < most) {
      const letters = await this.#letters(most - this.#result.redriven, signal)
      if (letters.length > 0) {
        await this.#bringBack(letters)
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

  /** What is there, up to so many that are to be brought back; with a rate one, when its time has come. */
  async #letters(most: number, signal: AbortSignal | undefined): Promise<Letter[]> {
    const { rate, dryRun } = this.#options
    const count = rate === undefined || dryRun ? Math.min(most, together) : 1
    const letters: Letter[] = []
    for (let sent = 0; sent < count && letters.length < together; ) {
      const message = await this.#poll(letters.length === 0 ? 500 : 0, signal)
      if (!message) break
      // What failed again meanwhile, and came back here, is for the next time.
      if (message.offset >= (await this.#endOf(message.partition))) continue
      const letter = { message, to: this.#topicOf(message) }
      letters.push(letter)
      if (letter.to === undefined) continue
      sent++
      if (rate !== undefined && !dryRun && !(await this.#pace(rate, signal))) return []
    }
    return letters
  }

  #topicOf(message: Message): string | undefined {
    const { filter, to = topicOf } = this.#options
    return filter && !filter(message) ? undefined : to(message)
  }

  /** Waits until the next may go; false when it is not to go any more. */
  async #pace(rate: number, signal: AbortSignal | undefined): Promise<boolean> {
    const now = performance.now()
    this.#next = Math.max(this.#next, now)
    const wait = this.#next - now
    this.#next += 1000 / rate
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => {})
    return !signal?.aborted
  }

  /** Sends letters, and commits when all are delivered. */
  async #bringBack(letters: readonly Letter[]): Promise<void> {
    const { onLetter, dryRun } = this.#options
    const sends: Promise<unknown>[] = []
    for (const { message, to } of letters) {
      onLetter?.(message, to)
      if (to === undefined) continue
      if (!dryRun) sends.push(this.#producer.send(recordOf(message, to)))
    }
    const failed = (await Promise.allSettled(sends)).find(({ status }) => status === 'rejected')
    if (failed) throw (failed as PromiseRejectedResult).reason
    if (!dryRun) await this.#consumer.commit(letters.map(({ message }) => message))
    for (const { to } of letters) this.#result[to === undefined ? 'skipped' : 'redriven']++
  }

  async #poll(timeout: number, signal: AbortSignal | undefined): Promise<Message | null> {
    try {
      return await this.#consumer.poll(timeout, signal ? { signal } : {})
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
}

function topicOf(message: Message): string | undefined {
  return message.headers.get(deadLetterHeaders.topic)?.toString()
}

function recordOf(message: Message, topic: string): ProducerRecord {
  return { topic, key: message.key, value: message.value, headers: ownHeaders(message) }
}
