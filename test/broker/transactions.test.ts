// Transactions on real Kafka, read back by Kafka's own Java client.
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Consumer, KafkaError, Producer, type ProducerConfig } from 'odradek'
import { describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

async function transactional(more: Partial<ProducerConfig> = {}): Promise<Producer> {
  const producer = new Producer({
    'bootstrap.servers': bootstrapServers(),
    'transactional.id': uniqueTopic('txn'),
    'transaction.timeout.ms': 20_000,
    ...more,
  })
  await producer.initTransactions()
  return producer
}

function consumerOf(group: string, more = {}): Consumer {
  return new Consumer({
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    ...more,
  })
}

async function valuesOf(topic: string, isolation: 'read_committed' | 'read_uncommitted'): Promise<string[]> {
  const records = await (await witness()).consume({ topic, isolation })
  return records.map(({ value }) => String(value))
}

async function fill(topic: string, count: number): Promise<void> {
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const reports = await producer.sendBatch(
    topic,
    Array.from({ length: count }, (_, i) => ({ value: String(i) })),
  )
  expect(reports.failures).toEqual([])
}

describe('isolation', () => {
  it('shows committed data to all, and aborted data to read_uncommitted readers only', async () => {
    const topic = await createTopic('isolation')
    await using producer = await transactional()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'committed' })
    expect(await valuesOf(topic, 'read_committed')).toEqual([])
    await producer.commitTransaction()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'aborted' })
    await producer.abortTransaction()
    await producer.transaction(async (tx) => {
      tx.produce({ topic, value: 'function' })
    })
    expect(await valuesOf(topic, 'read_committed')).toEqual(['committed', 'function'])
    expect(await valuesOf(topic, 'read_uncommitted')).toEqual(['committed', 'aborted', 'function'])
  })

  it('never hands out control records or aborted ones, and commits offsets after them', async () => {
    const topic = await createTopic('control')
    await using producer = await transactional()
    const run = (value: string, fail = false) =>
      producer.transaction(async (tx) => {
        await tx.send({ topic, value })
        if (fail) throw new Error('abort')
      })
    await run('1')
    await rejection(run('2', true))
    await run('3')
    await using consumer = consumerOf(uniqueGroup())
    await consumer.subscribe(topic)
    const first = await consumer.poll(20_000)
    const second = await consumer.poll(20_000)
    expect([first?.text(), first?.offset, second?.text(), second?.offset]).toEqual(['1', 0, '3', 4])
    expect(await consumer.poll(300)).toBeNull()
    await consumer.commit()
    expect((await consumer.committed()).map(({ offset }) => offset)).toEqual([5])
  })

  it('keeps a read_committed consumer at the first open transaction', async () => {
    const topic = await createTopic('open')
    await using producer = await transactional()
    await using consumer = consumerOf(uniqueGroup())
    await consumer.subscribe(topic)
    await producer.beginTransaction()
    await producer.send({ topic, value: 'open' })
    expect(await consumer.poll(700)).toBeNull()
    await producer.commitTransaction()
    expect((await consumer.poll(20_000))?.text()).toBe('open')
  })
})

describe('the end of a partition', () => {
  it('is at the first open transaction for read_committed readers, and behind it for the others', async () => {
    const topic = await createTopic('end')
    await using producer = await transactional()
    await producer.transaction(async (tx) => void tx.produce({ topic, value: 'committed' }))
    await producer.beginTransaction()
    await producer.send({ topic, value: 'open' })
    // The record, its marker, the open record.
    for (const [isolation, end] of [
      ['read_committed', 2],
      ['read_uncommitted', 3],
    ] as const) {
      const ends: number[] = []
      const config = {
        'bootstrap.servers': bootstrapServers(),
        'group.id': uniqueGroup(),
        'isolation.level': isolation,
      }
      await using consumer = new Consumer(
        { ...config, 'enable.partition.eof': true, 'enable.auto.commit': false },
        { onPartitionEof: ({ offset }) => ends.push(offset) },
      )
      const [place] = [{ topic, partition: 0 }]
      await consumer.assign([{ ...place, offset: 0 }])
      await waitFor('the end', async () => (await consumer.poll(100)) === null && ends.length > 0)
      expect(ends[0]).toBe(end)
      expect((await consumer.watermarks(place)).high).toBe(end)
      expect(consumer.cachedWatermarks(place)?.high).toBe(end)
      // Before the marker that the position cannot know of: librdkafka's position is behind the last message.
      expect(consumer.lag([place])[0]).toMatchObject({ end, lag: end - consumer.position([place])[0].offset })
    }
    await producer.abortTransaction()
  })
})

describe('offsets', () => {
  it('are committed with the transaction, the message in hand included, and not without it', async () => {
    const [input, output] = [await createTopic('in'), await createTopic('out')]
    const group = uniqueGroup()
    await fill(input, 10)
    await using producer = await transactional()
    await using consumer = consumerOf(group)
    await consumer.subscribe(input)
    const committed = async () => (await (await witness()).groupOffsets(group))[input]?.[0]?.offset
    for await (const message of consumer) {
      if (message.offset === 2) {
        await producer.transaction(async (tx) => {
          await tx.send({ topic: output, value: message.text() })
          await tx.sendOffsets(consumer)
        })
        // Kafka answers before the marker has reached the group's coordinator.
        await waitFor('the marker', async () => (await committed()) === 3)
      }
      if (message.offset === 5) {
        const failed = producer.transaction(async (tx) => {
          tx.produce({ topic: output, value: message.text() })
          await tx.sendOffsets(consumer)
          throw new Error('no')
        })
        expect((await rejection(failed)).message).toBe('no')
        expect(await committed()).toBe(3)
        break
      }
    }
    await consumer.rewind()
    expect((await consumer.poll(20_000))?.offset).toBe(3)
    expect(await valuesOf(output, 'read_committed')).toEqual(['2'])
    expect(await valuesOf(output, 'read_uncommitted')).toEqual(['2', '5'])
  })

  it('are refused from a consumer that commits by itself, and from one without a membership', async () => {
    const topic = await createTopic('refused')
    await using producer = await transactional()
    await using own = consumerOf(uniqueGroup(), { 'enable.auto.commit': true })
    const error = await rejection(producer.transaction((tx) => tx.sendOffsets(own)))
    expect(error.message).toMatch(/'enable.auto.commit' to false/)
    await using outside = consumerOf(uniqueGroup())
    const [offsets] = [[{ topic, partition: 0, offset: 1 }]]
    expect((await rejection(producer.transaction((tx) => tx.sendOffsets(outside)))).code).toBe('UNKNOWN_MEMBER_ID')
    expect((await rejection(producer.transaction((tx) => tx.sendOffsets(offsets, {} as never)))).message).toMatch(
      /groupMetadata\(\)/,
    )
    await producer.transaction(async (tx) => void tx.produce({ topic, value: 'still works' }))
  })

  it.each(['classic', 'consumer'] as const)('of a member that is gone are refused (%s)', async (protocol) => {
    const topic = await createTopic('gone')
    const group = uniqueGroup()
    await fill(topic, 3)
    await using producer = await transactional()
    const consumer = consumerOf(group, { 'group.protocol': protocol })
    await consumer.subscribe(topic)
    await consumer.poll(20_000)
    const metadata = await consumer.groupMetadata()
    expect(metadata).toMatchObject({ groupId: group, groupInstanceId: null })
    expect(metadata.generationId).toBeGreaterThan(0)
    await consumer.close()
    await using next = consumerOf(group, { 'group.protocol': protocol })
    await next.subscribe(topic)
    await next.poll(20_000)
    await producer.beginTransaction()
    await producer.send({ topic, value: 'zombie' })
    const late = producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 1 }], metadata)
    const error = (await rejection(late)) as KafkaError
    expect(error).toMatchObject({ txnRequiresAbort: true, fatal: false })
    expect(error.message).toMatch(/call abortTransaction\(\)/)
    expect((await rejection(producer.commitTransaction())) as KafkaError).toMatchObject({ txnRequiresAbort: true })
    await producer.abortTransaction()
    await producer.transaction(async (tx) =>
      tx.sendOffsets([{ topic, partition: 0, offset: 1 }], await next.groupMetadata()),
    )
    expect((await (await witness()).groupOffsets(group))[topic][0].offset).toBe(1)
  })

  it('cross from a consumer to a producer in a worker thread', async () => {
    const [input, output, group] = [await createTopic('in'), await createTopic('out'), uniqueGroup()]
    await fill(input, 3)
    await using consumer = consumerOf(group)
    await consumer.subscribe(input)
    await consumer.poll(20_000)
    const offsets = [{ topic: input, partition: 0, offset: 1 }]
    const metadata = await consumer.groupMetadata()
    const source = `
      const { workerData } = require('node:worker_threads')
      import(workerData.odradek).then(async ({ Producer }) => {
        const { offsets, metadata, output, config } = workerData
        const producer = new Producer(config)
        await producer.initTransactions()
        await producer.transaction(async (tx) => {
          tx.produce({ topic: output, value: 'worker' })
          await tx.sendOffsets(offsets, metadata)
        })
        await producer.close()
      })`
    const config = { 'bootstrap.servers': bootstrapServers(), 'transactional.id': uniqueTopic('worker') }
    const odradek = new URL('../../dist/index.js', import.meta.url).href
    const worker = new Worker(source, { eval: true, workerData: { odradek, offsets, metadata, output, config } })
    const code = await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))
    expect(code).toBe(0)
    expect((await (await witness()).groupOffsets(group))[input][0].offset).toBe(1)
    expect(await valuesOf(output, 'read_committed')).toEqual(['worker'])
  })
})

describe('fencing and the end', () => {
  it('says that another producer has taken over', async () => {
    const topic = await createTopic('fence')
    const id = uniqueTopic('txn')
    await using first = await transactional({ 'transactional.id': id })
    await first.beginTransaction()
    await first.send({ topic, value: 'first' })
    await using second = await transactional({ 'transactional.id': id })
    await second.transaction(async (tx) => void tx.produce({ topic, value: 'second' }))
    const error = (await rejection(first.commitTransaction())) as KafkaError
    expect(error).toBeInstanceOf(KafkaError)
    expect(error).toMatchObject({ code: '_FENCED', fatal: true })
    expect(error.message).toMatch(/another producer with transactional.id '.*close this producer/)
    expect((await rejection(first.abortTransaction())) as KafkaError).toMatchObject({ fatal: true })
    expect(await valuesOf(topic, 'read_committed')).toEqual(['second'])
  })

  it('aborts an open transaction when it closes', async () => {
    const topic = await createTopic('close')
    const id = uniqueTopic('txn')
    const producer = await transactional({ 'transactional.id': id })
    await producer.beginTransaction()
    await producer.send({ topic, value: 'left' })
    await producer.close()
    await waitFor('no transaction is left open', async () =>
      (await (await witness()).describeProducers(topic, 0)).every(({ transactionStart }) => transactionStart === null),
    )
    expect(await valuesOf(topic, 'read_committed')).toEqual([])
  })

  it('may be aborted at once, while the coordinator still completes the one before', async () => {
    const partitions = 20
    const topic = await createTopic('at-once', { partitions })
    await using producer = await transactional()
    const wanted: string[] = []
    for (let i = 0; i < 40; i++) {
      const values = Array.from({ length: partitions }, (_, partition) => ({ value: `${i}.${partition}`, partition }))
      await producer.transaction((tx) => tx.sendBatch(topic, values))
      wanted.push(...values.map(({ value }) => value))
      // Long enough, now and then, for the partition's registration to be refused before the abort.
      await producer.beginTransaction()
      producer.produce({ topic, value: 'aborted' })
      await setTimeout(i % 4)
      await producer.abortTransaction()
    }
    expect((await valuesOf(topic, 'read_committed')).sort()).toEqual(wanted.sort())
  })

  it('many transactions, of one record and of thousands, leave exactly what was committed', async () => {
    const topic = await createTopic('many', { partitions: 3 })
    await using producer = await transactional({ 'queue.buffering.max.messages': 500 })
    const wanted: string[] = []
    for (let i = 0; i < 60; i++) {
      const size = i % 10 === 0 ? 2000 : 1 + (i % 3)
      const values = Array.from({ length: size }, (_, n) => `${i}.${n}`)
      const fail = i % 4 === 1
      const run = producer.transaction(async (tx) => {
        // Not awaited: the transaction waits for it.
        void tx.sendBatch(
          topic,
          values.map((value) => ({ value })),
        )
        if (fail) throw new Error('abort')
      })
      if (fail) await rejection(run)
      else await run.then(() => wanted.push(...values))
    }
    const read = await valuesOf(topic, 'read_committed')
    expect(read.length).toBe(wanted.length)
    expect(new Set(read)).toEqual(new Set(wanted))
  })
})
