// exactlyOnce on real Kafka: what comes out, as Kafka's own client reads it, is what went in, once.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type KafkaError, Producer, type ProducerRecord } from 'odradek'
import { type ExactlyOnceOptions, exactlyOnce, Pipeline } from 'odradek/pipeline'
import { describe, expect, it } from 'vitest'
import { staleMember } from '../helpers/group-metadata.js'
import { protocols } from '../helpers/held-pipelines.js'
import { bootstrapServers, createTopic, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

interface Setup {
  input: string
  output: string
  group: string
}

async function setUp(partitions: number): Promise<Setup> {
  return {
    input: await createTopic('in', { partitions }),
    output: await createTopic('out', { partitions }),
    group: uniqueGroup(),
  }
}

function optionsOf({ input, output, group }: Setup, more: Partial<ExactlyOnceOptions> = {}): ExactlyOnceOptions {
  return {
    config: { 'bootstrap.servers': bootstrapServers() },
    group,
    topics: input,
    transform: (batch) => batch.map((m) => ({ topic: output, partition: m.partition, value: m.value })),
    maxBatch: 200,
    backoff: { initial: 20, max: 200 },
    ...more,
  }
}

async function fill(topic: string, from: number, to: number, partitions: number): Promise<void> {
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const records = Array.from({ length: to - from }, (_, i) => ({ value: String(from + i), partition: i % partitions }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
}

async function committedValues(topic: string): Promise<string[]> {
  const records = await (await witness()).consume({ topic, isolation: 'read_committed' })
  return records.map(({ value }) => String(value))
}

const numbers = (to: number): string[] => Array.from({ length: to }, (_, i) => String(i))
const sorted = (values: string[]): string[] => values.sort((a, b) => Number(a) - Number(b))

async function committedMessages({ group, input }: Setup): Promise<number> {
  const offsets = (await (await witness()).groupOffsets(group))[input] ?? {}
  return Object.values(offsets).reduce((sum, { offset }) => sum + offset, 0)
}

/** Runs until the group has committed so many messages. */
async function runUntil(setup: Setup, count: number, options: ExactlyOnceOptions) {
  const stop = new AbortController()
  const pipeline = new Pipeline({ ...options, signal: stop.signal })
  const running = pipeline.run()
  running.catch(() => {})
  await waitFor('all is committed', async () => (await committedMessages(setup)) === count, 60_000)
  stop.abort()
  return await running
}

describe('exactlyOnce', () => {
  it('writes each message once, in order, and counts what it did', async () => {
    const setup = await setUp(4)
    await fill(setup.input, 0, 5000, 4)
    const metrics = await runUntil(setup, 5000, optionsOf(setup))
    expect(metrics).toMatchObject({ aborted: 0, messages: 5000, records: 5000, deadLettered: 0, producersReplaced: 0 })
    expect(metrics.committed).toBeGreaterThanOrEqual(25)
    expect(metrics.latency.max).toBeGreaterThanOrEqual(metrics.latency.mean)
    const records = await (await witness()).consume({ topic: setup.output, isolation: 'read_committed' })
    for (let partition = 0; partition < 4; partition++) {
      const values = records.filter((r) => r.partition === partition).map(({ value }) => Number(value))
      expect(values).toEqual(Array.from({ length: 1250 }, (_, i) => i * 4 + partition))
    }
  })

  it.each(Object.keys(protocols))(
    'goes over rebalances, of pipelines that come and go (%s)',
    { timeout: 180_000 },
    async (protocol) => {
      const setup = await setUp(4)
      let count = 0
      // Messages keep coming, so that whoever joins has something to do.
      const worksOnNewMessages = (what: string, pipeline: Pipeline) =>
        waitFor(
          what,
          async () => {
            if (pipeline.metrics.committed > 5) return true
            await fill(setup.input, count, count + 400, 4)
            count += 400
            return false
          },
          60_000,
        )
      const run = (): { pipeline: Pipeline; stop: AbortController; done: Promise<unknown> } => {
        const stop = new AbortController()
        const pipeline = new Pipeline(
          optionsOf(setup, { consumer: protocols[protocol], maxBatch: 50, signal: stop.signal }),
        )
        return { pipeline, stop, done: pipeline.run() }
      }
      const first = run()
      await worksOnNewMessages('the first works', first.pipeline)
      const second = run()
      await worksOnNewMessages('the second works', second.pipeline)
      first.stop.abort()
      await first.done
      const third = run()
      await worksOnNewMessages('the third works', third.pipeline)
      await waitFor('all is committed', async () => (await committedMessages(setup)) === count, 60_000)
      second.stop.abort()
      third.stop.abort()
      await Promise.all([second.done, third.done])
      expect(sorted(await committedValues(setup.output))).toEqual(numbers(count))
    },
  )

  it('runs in worker threads, one of which is terminated in the middle', { timeout: 120_000 }, async () => {
    const setup = await setUp(4)
    const count = 4000
    await fill(setup.input, 0, count, 4)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      import(workerData.pipeline).then(async ({ exactlyOnce }) => {
        const { input, output, group, brokers } = workerData
        const stop = new AbortController()
        parentPort.once('message', () => stop.abort())
        const { messages } = await exactlyOnce({
          config: { 'bootstrap.servers': brokers },
          consumer: { 'session.timeout.ms': 3000, 'heartbeat.interval.ms': 300 },
          producer: { 'transaction.timeout.ms': 3000 },
          group,
          topics: input,
          maxBatch: 20,
          signal: stop.signal,
          onTransaction: () => parentPort.postMessage('transaction'),
          transform: (batch) => batch.map((m) => ({ topic: output, partition: m.partition, value: m.value })),
        })
        parentPort.postMessage({ messages })
      })`
    const pipeline = new URL('../../dist/pipeline.js', import.meta.url).href
    const start = () =>
      new Worker(source, { eval: true, workerData: { ...setup, pipeline, brokers: bootstrapServers() } })
    const [first, second] = [start(), start()]
    const ended = Promise.all([once(first, 'exit'), once(second, 'exit')])
    await Promise.race([once(first, 'message'), once(second, 'message')])
    await first.terminate()
    await waitFor('all is committed', async () => (await committedMessages(setup)) === count, 60_000)
    second.postMessage('stop')
    expect((await ended)[1]).toEqual([0])
    expect(sorted(await committedValues(setup.output))).toEqual(numbers(count))
  })

  it('tells a transform with state what comes and goes, while no transaction is open', async () => {
    const setup = await setUp(2)
    await fill(setup.input, 0, 400, 2)
    const told: string[] = []
    let open = false
    const tell = (what: string) => (partitions: { partition: number }[]) => {
      told.push(`${what} ${partitions.map(({ partition }) => partition).sort()}${open ? ' in a transaction' : ''}`)
    }
    const options = optionsOf(setup, {
      onAssigned: async (partitions) => tell('assigned')(partitions),
      onRevoked: tell('revoked'),
      transform: (batch) => {
        open = true
        return batch.map((m) => ({ topic: setup.output, value: m.value }))
      },
      onTransaction: () => {
        open = false
      },
    })
    await runUntil(setup, 400, options)
    expect(told).toEqual(['assigned 0,1', 'revoked 0,1'])
  })

  it('repeats aborted batches until they are through', async () => {
    const setup = await setUp(2)
    await fill(setup.input, 0, 1000, 2)
    let calls = 0
    const flaky: ExactlyOnceOptions['transform'] = async (batch, context) => {
      if (++calls % 3 === 1)
        void context.tx.sendOffsets([{ topic: setup.input, partition: 0, offset: 1 }], staleMember(setup.group))
      return batch.map((m) => ({ topic: setup.output, value: m.value }))
    }
    const errors: unknown[] = []
    const metrics = await runUntil(setup, 1000, optionsOf(setup, { transform: flaky, onError: (e) => errors.push(e) }))
    expect(metrics.aborted).toBeGreaterThan(0)
    expect(errors.length).toBeGreaterThanOrEqual(metrics.aborted)
    expect(sorted(await committedValues(setup.output))).toEqual(numbers(1000))
  })

  it('fails with what transform throws, with nothing of that batch committed', async () => {
    const setup = await setUp(1)
    await fill(setup.input, 0, 100, 1)
    const transform: ExactlyOnceOptions['transform'] = async (batch, { tx }) => {
      await tx.sendBatch(
        setup.output,
        batch.map((m) => ({ value: m.value })),
      )
      throw new RangeError('mine')
    }
    expect(await rejection(exactlyOnce(optionsOf(setup, { transform })))).toMatchObject({
      name: 'RangeError',
      message: 'mine',
    })
    expect(await committedValues(setup.output)).toEqual([])
    expect(await committedMessages(setup)).toBe(0)
  })

  it('puts poison on the dead-letter topic, in the same transaction, and only that', async () => {
    const setup = await setUp(1)
    await fill(setup.input, 0, 300, 1)
    const deadLetter = await createTopic('dead')
    const transform: ExactlyOnceOptions['transform'] = (batch) =>
      batch.map((m) => {
        if (m.offset === 77) throw new Error('unreadable')
        // One that no broker takes.
        if (m.offset === 123) return { topic: setup.output, value: Buffer.alloc(2_000_000) }
        return { topic: setup.output, value: m.value }
      })
    const metrics = await runUntil(setup, 300, optionsOf(setup, { transform, poison: { deadLetter } }))
    expect(metrics).toMatchObject({ deadLettered: 2, messages: 300 })
    expect(await committedValues(setup.output)).toEqual(numbers(300).filter((v) => v !== '77' && v !== '123'))
    const letters = await (await witness()).consume({ topic: deadLetter, isolation: 'read_committed' })
    expect(letters.map(({ value }) => String(value))).toEqual(['77', '123'])
    const headers = Object.fromEntries(letters[0].headers.map(([name, value]) => [name, String(value)]))
    expect(headers).toMatchObject({ 'dead-letter.offset': '77', 'dead-letter.error': 'Error: unreadable' })
  })

  const impossible: Record<string, [code: string, make: () => Partial<ProducerRecord>]> = {
    'from the future': ['INVALID_TIMESTAMP', () => ({ timestamp: Date.now() + 86_400_000 })],
    'without a key, where the topic is compacted': ['INVALID_RECORD', () => ({ key: null })],
  }
  it.each(Object.keys(impossible))('takes a record that brokers refuse for poison: one %s', async (what) => {
    const [code, make] = impossible[what]
    const setup = { ...(await setUp(1)), output: await createTopic('out', { config: { 'cleanup.policy': 'compact' } }) }
    await fill(setup.input, 0, 50, 1)
    const bad = [20]
    const transform: ExactlyOnceOptions['transform'] = (batch) =>
      batch.map((m) => {
        const record = { topic: setup.output, key: `k${m.offset}`, value: m.value }
        return bad.includes(m.offset) ? { ...record, ...make() } : record
      })
    // At once, and with what is wrong with it: the broker refuses what was beside it as well.
    const repeated: unknown[] = []
    const failed = await rejection(
      exactlyOnce(optionsOf(setup, { transform, onError: (error) => repeated.push(error) })),
    )
    expect(failed).toMatchObject({ code })
    expect(repeated).toEqual([])
    bad.push(21)
    const deadLetter = await createTopic('dead')
    const metrics = await runUntil(setup, 50, optionsOf(setup, { transform, poison: { deadLetter } }))
    expect(metrics).toMatchObject({ deadLettered: 2, messages: 50 })
    expect(await committedValues(setup.output)).toEqual(numbers(50).filter((v) => v !== '20' && v !== '21'))
    expect(await committedValues(deadLetter)).toEqual(['20', '21'])
  })

  it('stops with a clear error when another instance has its transactionalId', async () => {
    const setup = await setUp(2)
    const transactionalId = uniqueTopic('same')
    const stop = new AbortController()
    const first = exactlyOnce(optionsOf(setup, { transactionalId, signal: stop.signal }))
    const failed = rejection(first)
    await waitFor('the first is there', async () =>
      (await (await witness()).listTransactions()).some((t) => t.transactionalId === transactionalId),
    )
    const second = exactlyOnce(optionsOf(setup, { transactionalId, signal: stop.signal }))
    const fenced = Promise.race([failed, rejection(second)])
    // Whoever is fenced learns of it with its next transaction, so there has to be a next one until then.
    let sent = 0
    let over = false
    fenced.finally(() => {
      over = true
    })
    while (!over || sent < 100) {
      await fill(setup.input, sent, sent + 10, 2)
      sent += 10
    }
    const error = (await fenced) as KafkaError
    expect(error).toMatchObject({ code: '_FENCED', fatal: true, message: expect.stringMatching(transactionalId) })
    await waitFor('the other goes on', async () => (await committedMessages(setup)) === sent)
    stop.abort()
    await Promise.allSettled([first, second])
    expect(sorted(await committedValues(setup.output))).toEqual(numbers(sent))
  })

  it('replaces a producer that was fenced though its id is its own', async () => {
    const setup = await setUp(2)
    const stop = new AbortController()
    const pipeline = new Pipeline(optionsOf(setup, { signal: stop.signal }))
    const running = pipeline.run()
    await fill(setup.input, 0, 100, 2)
    await waitFor('it works', async () => (await committedMessages(setup)) === 100)
    const kafka = await witness()
    for (const { transactionalId } of await kafka.listTransactions()) {
      if (transactionalId.startsWith(setup.group)) await kafka.fenceProducer(transactionalId)
    }
    await fill(setup.input, 100, 200, 2)
    await waitFor('it works again', async () => (await committedMessages(setup)) === 200, 40_000)
    stop.abort()
    expect(await running).toMatchObject({ producersReplaced: 1 })
    expect(sorted(await committedValues(setup.output))).toEqual(numbers(200))
  })
})
