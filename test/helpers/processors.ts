// Processors on an embedded cluster: topics to read, services to run, and what came of it.
import { Consumer, type ConsumerConfig, MockCluster, Producer, type ProducerRecord } from 'odradek'
import { Processor, type ProcessorEvent, type ProcessorOptions } from 'odradek/processor'
import { afterAll, beforeAll, expect } from 'vitest'
import { waitFor } from './wait.js'

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
export const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

/** Starts it; `stop` ends it and waits. */
export function start(app: Processor): { done: Promise<void>; stop: () => Promise<void> } {
  const controller = new AbortController()
  const done = app.run({ signal: controller.signal })
  done.catch(() => {})
  return {
    done,
    stop: async () => {
      controller.abort()
      await done
    },
  }
}

/** Runs it until then; rejects with what it rejects with. */
export async function runUntil(app: Processor, condition: () => boolean, what = 'all is handled'): Promise<void> {
  const { done, stop } = start(app)
  await Promise.race([waitFor(what, condition), done])
  await stop()
}

// The embedded cluster lets nobody into a group that a member has just left before this has passed.
const shortSession = { 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 200 }

/** A cluster for the tests of a file, and what they do with it. */
export function openBench() {
  let cluster: MockCluster
  let producer: Producer

  beforeAll(() => {
    cluster = new MockCluster({ brokers: 1 })
    producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
  })
  afterAll(async () => {
    await producer.close()
    await cluster.close()
  })

  const config = (group: string): ConsumerConfig => ({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': group,
    'fetch.wait.max.ms': 20,
    'auto.offset.reset': 'earliest',
  })

  const processorOf = (group: string, options: Partial<ProcessorOptions> = {}, more: ConsumerConfig = {}): Processor =>
    new Processor({ ...config(group), ...more }, { onError: () => {}, ...options })

  /** The same, with its events, in a group that may be left and joined again. */
  const observed = (group: string, options: Partial<ProcessorOptions> = {}, more: ConsumerConfig = {}) => {
    const app = processorOf(group, options, { ...shortSession, ...more })
    const events: ProcessorEvent[] = []
    app.observe((event) => events.push(event))
    return { app, events }
  }

  const send = async (topic: string, records: readonly Omit<ProducerRecord, 'topic'>[]): Promise<void> => {
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  }

  /** A topic with these; in partition 0 unless they say so. */
  const topicOf = async (name: string, values: readonly (string | Omit<ProducerRecord, 'topic'>)[], partitions = 1) => {
    await cluster.createTopic(name, { partitions })
    const plain = (value: (typeof values)[number]) => (typeof value === 'string' ? { value } : value)
    await send(
      name,
      values.map((value) => ({ partition: 0, ...plain(value) })),
    )
    return name
  }

  /** A topic with values '0', '1', … round robin over the partitions; keys 'k0' … by number of keys. */
  const numbered = async (
    name: string,
    count: number,
    { partitions = 1, keys = count }: { partitions?: number; keys?: number } = {},
  ) => {
    const records = Array.from({ length: count }, (_, n) => ({
      value: String(n),
      key: `k${n % keys}`,
      partition: (n % keys) % partitions,
    }))
    return await topicOf(name, records, partitions)
  }

  const readAll = async (topic: string, count: number) => {
    await using consumer = new Consumer({ ...config(`read-${topic}-${Math.random()}`), ...shortSession })
    await consumer.subscribe(topic)
    const messages = []
    while (messages.length < count) {
      const message = await consumer.poll(10_000)
      if (!message) throw new Error(`${messages.length} of ${count} messages in ${topic}`)
      messages.push(message.detach())
    }
    return messages
  }

  const committedOf = async (group: string, topic: string, partitions = 1): Promise<number[]> => {
    await using consumer = new Consumer(config(group))
    const list = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    return (await consumer.committed(list)).map(({ offset }) => offset)
  }

  return {
    config: (group: string): ConsumerConfig => ({ ...config(group), ...shortSession }),
    /** The producer, once tests run. */
    producer: () => producer,
    processorOf,
    observed,
    send,
    topicOf,
    numbered,
    readAll,
    committedOf,
    /** How long the brokers take to answer, from now on. */
    roundTrips: (ms: number) => cluster.brokers.rtt(ms),
  }
}
