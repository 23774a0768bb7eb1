// exactlyOnce on the embedded cluster: its limits, its hooks and how it stops. (That cluster keeps no transactional offsets
// and hands aborted records out, so what exactly once is worth is for test/broker/pipeline*.test.ts.)
import { Consumer, KafkaError, type Message, MockCluster, Producer, type TopicPartition } from 'odradek'
import { type ExactlyOnceOptions, exactlyOnce, Pipeline, type PipelineMetrics } from 'odradek/pipeline'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { groupOffsets } from '../helpers/transactions.js'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let id = 0
let topic: string

beforeAll(() => {
  cluster = new MockCluster({ brokers: 1 })
})
afterAll(() => cluster.close())
beforeEach(async () => {
  cluster.clearErrors('TxnOffsetCommit')
  topic = `in-${++id}`
  await cluster.createTopic(topic)
  await cluster.createTopic(`out-${id}`)
})

async function send(count: number): Promise<void> {
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
  const records = Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: String(i) }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
}

function optionsOf(more: Partial<ExactlyOnceOptions> = {}): ExactlyOnceOptions {
  return {
    config: { 'bootstrap.servers': cluster.bootstrapServers },
    // The embedded cluster lets nobody into a group that a member has left before its session is over.
    consumer: { 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 100, 'fetch.wait.max.ms': 20 },
    producer: { 'linger.ms': 0, 'retry.backoff.ms': 20 },
    group: `g-${id}`,
    topics: topic,
    maxLatency: 5,
    transform: (batch) => batch.map((m) => ({ topic: `out-${id}`, value: m.value })),
    ...more,
  }
}

/** Runs until then, and stops it. */
async function runUntil(
  what: string,
  condition: (metrics: PipelineMetrics) => boolean,
  options: ExactlyOnceOptions,
): Promise<PipelineMetrics> {
  const stop = new AbortController()
  const pipeline = new Pipeline({ ...options, signal: stop.signal })
  const running = pipeline.run()
  running.catch(() => {})
  await Promise.race([waitFor(what, () => condition(pipeline.metrics)), running])
  stop.abort()
  return await running
}

async function readAll(from: string, count: number): Promise<Message[]> {
  await using consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': `read-${from}`,
    'auto.offset.reset': 'earliest',
  })
  await consumer.subscribe(from)
  const messages: Message[] = []
  await waitFor(`${count} messages`, async () => {
    const message = await consumer.poll(100)
    if (message) messages.push(message.detach())
    return messages.length >= count
  })
  return messages
}

it('takes one config for both clients', async () => {
  await send(3)
  const config = {
    'bootstrap.servers': cluster.bootstrapServers,
    'linger.ms': 0,
    acks: 'all',
    'fetch.wait.max.ms': 20,
    'session.timeout.ms': 1000,
    'heartbeat.interval.ms': 100,
    'auto.offset.reset': 'earliest',
  } as const
  const options = optionsOf({ config, consumer: {}, producer: {} })
  const metrics = await runUntil('all is through', ({ messages }) => messages === 3, options)
  expect(metrics).toMatchObject({ committed: 1, aborted: 0, records: 3 })
})

describe('stops at once', () => {
  // It would wait for its producer for half a minute, and the consumer for nobody.
  const soon = 10_000

  it('without brokers', async () => {
    const from = performance.now()
    const metrics = await exactlyOnce(
      optionsOf({ config: { 'bootstrap.servers': '127.0.0.1:1' }, signal: AbortSignal.timeout(300) }),
    )
    expect(performance.now() - from).toBeLessThan(soon)
    expect(metrics).toMatchObject({ committed: 0, aborted: 0 })
  })

  it('when it was told to before it began', async () => {
    expect(await exactlyOnce(optionsOf({ signal: AbortSignal.abort() }))).toMatchObject({ committed: 0 })
  })

  it('while it waits to repeat what failed', async () => {
    await send(1)
    cluster.pushErrors('TxnOffsetCommit', Array(3).fill('GROUP_AUTHORIZATION_FAILED'))
    const from = performance.now()
    const options = optionsOf({ backoff: { initial: 3_600_000, max: 3_600_000 } })
    const metrics = await runUntil('one has failed', ({ aborted }) => aborted === 1, options)
    expect(performance.now() - from).toBeLessThan(2 * soon)
    expect(metrics).toMatchObject({ committed: 0, aborted: 1 })
  })

  it('and leaves a message whose transform minds the stop to the next run', async () => {
    await send(4)
    await cluster.createTopic(`dead-${id}`)
    let begun = false
    const transform: ExactlyOnceOptions['transform'] = (_, { signal }) =>
      new Promise((_, reject) => {
        begun = true
        signal.addEventListener('abort', () => reject(new Error('not in time')))
      })
    const options = optionsOf({ transform, poison: { deadLetter: `dead-${id}` } })
    const metrics = await runUntil('a transaction is open', () => begun, options)
    expect(metrics).toMatchObject({ committed: 0, aborted: 1, deadLettered: 0 })
  })
})

describe('what fails', () => {
  const refuse = (times: number) =>
    cluster.pushErrors('TxnOffsetCommit', Array(times).fill('GROUP_AUTHORIZATION_FAILED'))

  it('is given up after so many attempts in a row, with the last error', async () => {
    await send(1)
    refuse(5)
    let calls = 0
    const errors: unknown[] = []
    const transform = () => {
      calls++
    }
    const options = optionsOf({
      transform,
      attempts: 5,
      backoff: { initial: 1, max: 5 },
      onError: (e) => errors.push(e),
    })
    const error = await rejection(exactlyOnce(options))
    expect(error).toBeInstanceOf(KafkaError)
    expect(error).toMatchObject({
      code: 'GROUP_AUTHORIZATION_FAILED',
      message: expect.stringMatching(
        /^the pipeline gives up after 5 failing attempts in a row; the last: .*Group auth/s,
      ),
      cause: { code: 'GROUP_AUTHORIZATION_FAILED' },
    })
    expect(calls).toBe(5)
    // The fifth is what it rejects with.
    expect(errors).toHaveLength(4)
  })

  it('is counted in a row: what succeeds begins anew', async () => {
    await send(20)
    let calls = 0
    const transform = () => {
      // Every third succeeds, so that two fail in a row, and many in all.
      if (++calls % 3 === 1) refuse(2)
    }
    const options = optionsOf({ transform, maxBatch: 2, attempts: 3, backoff: { initial: 1, max: 1 } })
    const metrics = await runUntil('some are through', ({ committed }) => committed >= 5, options)
    expect(metrics.aborted).toBeGreaterThanOrEqual(10)
  })

  it('is repeated after pauses that grow, up to a limit', async () => {
    await send(1)
    const [attempts, initial, max] = [14, 20, 100]
    refuse(attempts)
    const calls: number[] = []
    const transform = () => void calls.push(performance.now())
    await rejection(exactlyOnce(optionsOf({ transform, attempts, backoff: { initial, max } })))
    const gaps = calls.slice(1).map((at, i) => at - calls[i])
    expect(gaps).toHaveLength(attempts - 1)
    for (const [i, gap] of gaps.entries()) {
      // A half of each is random; a timer may be a millisecond early.
      expect(gap).toBeGreaterThan(Math.min(max, initial * 2 ** i) / 2 - 2)
    }
    // Without the limit the last one alone would have been 40 s at least.
    expect(calls[attempts - 1] - calls[0]).toBeLessThan(40_000)
  })
})

it('lets a function make the dead letter, of the message and the error', async () => {
  await send(9)
  await cluster.createTopic(`dead-${id}`)
  const transform: ExactlyOnceOptions['transform'] = (batch) =>
    batch.map((m) => {
      if (m.offset % 4 === 2) throw new RangeError(`no ${m.offset}`)
      return { topic: `out-${id}`, value: m.value }
    })
  const deadLetter = (message: Message, error: unknown) => ({
    topic: `dead-${id}`,
    key: message.key,
    value: `${error} of ${message.topic} ${message.partition} ${message.offset}`,
  })
  const options = optionsOf({ transform, poison: { deadLetter } })
  const metrics = await runUntil('all is through', ({ messages }) => messages === 9, options)
  expect(metrics).toMatchObject({ deadLettered: 2, records: 9 })
  const letters = await readAll(`dead-${id}`, 2)
  expect(letters.map((m) => [String(m.key), m.text()])).toEqual([
    ['k2', `RangeError: no 2 of ${topic} 0 2`],
    ['k6', `RangeError: no 6 of ${topic} 0 6`],
  ])
  const values = (await readAll(`out-${id}`, 7)).map((m) => m.text())
  expect(values).toEqual(['0', '1', '3', '4', '5', '7', '8'])
})

it('takes no message for poison because Kafka failed what transform awaited', async () => {
  await send(1)
  await cluster.createTopic(`dead-${id}`)
  cluster.pushErrors('AddPartitionsToTxn', ['TOPIC_AUTHORIZATION_FAILED'])
  const transform: ExactlyOnceOptions['transform'] = async (batch, { tx }) => {
    for (const { value } of batch) await tx.send({ topic: `out-${id}`, value })
  }
  const options = optionsOf({ transform, poison: { deadLetter: `dead-${id}` }, backoff: { initial: 1, max: 1 } })
  const metrics = await runUntil('it is through', ({ messages }) => messages === 1, options)
  expect(metrics).toMatchObject({ committed: 1, aborted: 1, deadLettered: 0 })
})

describe('a membership that is lost in the middle of a transaction', () => {
  it.each(['onLost', 'onRevoked'] as const)('aborts it, then tells %s, and goes on as a new member', async (hook) => {
    await send(4)
    const told: string[] = []
    let open = false
    const tell = (what: string) => (partitions: TopicPartition[]) => {
      told.push(`${what} ${partitions.map(({ partition }) => partition)}${open ? ' in a transaction' : ''}`)
    }
    let calls = 0
    let lost = false
    // Nothing else says so while a transaction is open.
    const hear = (_: object, text: string) => {
      lost ||= /assignment of .* lost/.test(text)
    }
    const transform: ExactlyOnceOptions['transform'] = async (batch) => {
      open = true
      if (++calls === 1) {
        cluster.pushErrors('Heartbeat', ['UNKNOWN_MEMBER_ID'])
        await waitFor('the membership is lost', () => lost)
      }
      return batch.map((m) => ({ topic: `out-${id}`, value: m.value }))
    }
    const hooks =
      hook === 'onLost' ? { onLost: tell('lost'), onRevoked: tell('revoked') } : { onRevoked: tell('revoked') }
    const options = optionsOf({
      ...hooks,
      config: { 'bootstrap.servers': cluster.bootstrapServers, debug: 'cgrp' },
      logger: { debug: hear, info: hear, warn: hear, error: hear },
      onAssigned: tell('assigned'),
      transform,
      backoff: { initial: 10, max: 10 },
      onTransaction: () => {
        open = false
      },
    })
    const metrics = await runUntil('all is through', ({ messages }) => messages >= 4, options)
    expect(metrics).toMatchObject({ messages: 4 })
    expect(told).toEqual(['assigned 0', hook === 'onLost' ? 'lost 0' : 'revoked 0', 'assigned 0', 'revoked 0'])
    expect(metrics.aborted).toBe(1)
  })
})

describe('offsets of another group', () => {
  it.each(['sent', 'not awaited'])('are refused before anything is sent (%s)', async (how) => {
    await send(1)
    const [offsets, metadata] = await groupOffsets(cluster, `another-${id}`, topic)
    const transform: ExactlyOnceOptions['transform'] = async (_, { tx }) => {
      const sent = tx.sendOffsets(offsets, metadata)
      if (how === 'sent') await sent
    }
    cluster.requests.start()
    const error = await rejection(exactlyOnce(optionsOf({ transform })))
    expect(error).toMatchObject({ code: '_INVALID_ARG' })
    expect(error.message).toContain(
      `offsets of group 'another-${id}', and the transaction is for those of group 'g-${id}'`,
    )
    for (const api of ['AddOffsetsToTxn', 'TxnOffsetCommit'] as const) {
      expect(cluster.requests.list(api)).toEqual([])
    }
    cluster.requests.stop()
  })
})
