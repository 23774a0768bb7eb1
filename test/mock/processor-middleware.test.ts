// The built-in middleware, on the embedded cluster.
import { type Consumer, KafkaError, type Logger, MockCluster, Producer, type ProducerRecord } from 'odradek'
import {
  circuitBreaker,
  deadLetter,
  deduplicate,
  isTransient,
  logging,
  Processor,
  type ProcessorEvent,
  type ProcessorMessage,
  type ProcessorOptions,
  Publisher,
  rateLimit,
  redrive,
  retry,
  retryTopics,
  timeout,
  withHeaders,
} from 'odradek/processor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let producer: Producer

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
})
afterAll(async () => {
  await producer.close()
  await cluster.close()
})

const config = (group: string) => ({
  'bootstrap.servers': cluster.bootstrapServers,
  'group.id': group,
  'fetch.wait.max.ms': 20,
  'auto.offset.reset': 'earliest' as const,
  // The embedded cluster lets nobody into a group that a member has just left before this has passed.
  'session.timeout.ms': 1000,
  'heartbeat.interval.ms': 200,
})

function processorOf(group: string, options: Partial<ProcessorOptions> = {}) {
  const app = new Processor(config(group), { onError: () => {}, ...options })
  const events: ProcessorEvent[] = []
  app.observe((event) => events.push(event))
  return { app, events }
}

async function topicOf(name: string, values: (string | Omit<ProducerRecord, 'topic'>)[], partitions = 1) {
  await cluster.createTopic(name, { partitions })
  const records = values.map((value) =>
    typeof value === 'string' ? { value, partition: 0 } : { partition: 0, ...value },
  )
  expect((await producer.sendBatch(name, records)).failures).toEqual([])
  return name
}

async function runUntil(app: Processor, condition: () => boolean, what = 'all is handled') {
  const stop = new AbortController()
  const done = app.run({ signal: stop.signal })
  done.catch(() => {})
  await Promise.race([waitFor(what, condition), done])
  stop.abort()
  await done
}

async function readAll(topic: string, count: number) {
  const { Consumer } = await import('odradek')
  const consumer: Consumer = new Consumer(config(`read-${topic}-${Math.random()}`))
  await consumer.subscribe(topic)
  const messages = []
  while (messages.length < count) {
    const message = await consumer.poll(10_000)
    if (!message) throw new Error(`${messages.length} of ${count} messages in ${topic}`)
    messages.push(message.detach())
  }
  await consumer.close()
  return messages
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i))

describe('retry', () => {
  it('calls again with growing delays, and gives up after the attempts', async () => {
    const topic = await topicOf('retry', ['a', 'b'])
    const { app, events } = processorOf('retry')
    app.use(retry({ attempts: 4, backoff: { initial: 20, max: 60, jitter: 0 } }))
    const attempts: string[] = []
    app.topic(topic, (message, { attempt }) => {
      attempts.push(`${message.text()}${attempt}`)
      if (message.text() === 'a' && attempt === 3) return
      throw new Error('not yet')
    })
    await expect(app.run()).rejects.toThrow('not yet')
    expect(attempts).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'b4'])
    const delays = events.flatMap((event) => (event.type === 'retry' ? [event.delay] : []))
    expect(delays).toEqual([20, 40, 20, 40, 60])
  })

  it('does not repeat what cannot succeed later', async () => {
    expect(isTransient(new Error('x'))).toBe(true)
    expect(isTransient(new KafkaError('_TIMED_OUT'))).toBe(true)
    expect(isTransient(new KafkaError('MSG_SIZE_TOO_LARGE'))).toBe(false)
    expect(isTransient(Object.assign(new Error('x'), { permanent: true }))).toBe(false)
    const topic = await topicOf('retry-permanent', ['{'])
    const { app } = processorOf('retry-permanent')
    app.use(retry({ attempts: 5 }))
    let calls = 0
    app.topic(topic, (message) => {
      calls++
      message.json()
    })
    await expect(app.run()).rejects.toThrow(SyntaxError)
    expect(calls).toBe(1)
  })

  it('takes no place while it waits: other partitions go on with concurrency 1', async () => {
    const topic = await topicOf('retry-place', [], 2)
    await producer.sendBatch(topic, [
      { value: 'fails', partition: 0 },
      { value: 'behind', partition: 0 },
      ...numbers(50).map((value) => ({ value, partition: 1 })),
    ])
    const { app } = processorOf('retry-place')
    app.use(retry({ attempts: 2, backoff: { initial: 2000, jitter: 0 } }))
    const order: string[] = []
    app.topic(topic, async (message, { attempt }) => {
      if (message.text() === 'fails' && attempt === 1) throw new Error('once')
      order.push(String(message.text()))
    })
    await runUntil(app, () => order.length === 52)
    expect(order.slice(0, 50)).toEqual(numbers(50))
    expect(order.slice(50)).toEqual(['fails', 'behind'])
  })

  it('stopping does not wait for the next attempt; the message is left to others', async () => {
    const topic = await topicOf('retry-stop', ['a'])
    const { app, events } = processorOf('retry-stop')
    app.use(retry({ attempts: 2, backoff: { initial: 60_000 } }))
    app.use(deadLetter())
    app.topic(topic, () => {
      throw new Error('always')
    })
    await runUntil(app, () => app.health().sleeping === 1, 'it waits')
    expect(app.counts).toMatchObject({ handled: 0, failed: 0, abandoned: 1 })
    expect(events.some(({ type }) => type === 'deadLetter')).toBe(false)
  })
})

describe('dead letters', () => {
  it('keep key, value and headers, and say where from and why; the offset moves on', async () => {
    const headers: [string, Buffer | null][] = [
      ['trace', Buffer.from([0, 255])],
      ['trace', null],
    ]
    const topic = await topicOf('dl', [
      { key: Buffer.from([1, 0]), value: Buffer.from([255]), headers, timestamp: 1234567 },
      'good',
    ])
    await topicOf('dl.dlq', [])
    const { app, events } = processorOf('dl')
    app.use(retry({ attempts: 2, backoff: { initial: 1 } })).use(deadLetter({ headers: () => ({ team: 'blue' }) }))
    app.topic(topic, (message) => {
      if (message.key) throw new RangeError('odd')
    })
    app.use((next) => next)
    await runUntil(app, () => app.counts.handled === 2)
    const [letter] = await readAll('dl.dlq', 1)
    expect([letter.key, letter.value]).toEqual([Buffer.from([1, 0]), Buffer.from([255])])
    const pairs = [...letter.headers].map(([name, value]) => [name, value])
    expect(pairs.slice(0, 2)).toEqual(headers)
    const text = Object.fromEntries(pairs.slice(2).map(([name, value]) => [name, String(value)]))
    expect(text).toMatchObject({
      'dead-letter.topic': 'dl',
      'dead-letter.partition': '0',
      'dead-letter.offset': '0',
      'dead-letter.error': 'RangeError: odd',
      'dead-letter.attempts': '1',
      team: 'blue',
    })
    expect(events.filter(({ type }) => type === 'deadLetter')).toHaveLength(1)
  })

  it('when the letter cannot be delivered, the message fails and its offset stays', async () => {
    const topic = await topicOf('dl-fails', ['a'.repeat(5000)])
    const { app } = processorOf('dl-fails', { producer: { 'message.max.bytes': 1000 } })
    app.use(deadLetter({ topic: 'dl-fails', when: () => true }))
    app.topic(topic, () => {
      throw new Error('x')
    })
    const error = await rejection(app.run())
    expect(error).toMatchObject({ code: 'MSG_SIZE_TOO_LARGE' })
    expect(app.counts).toMatchObject({ handled: 0, failed: 1 })
  })

  it('of a batch only what failed goes: as the handler says, or as smaller batches show', async () => {
    const [said, unsaid] = [await topicOf('dl-said', numbers(20)), await topicOf('dl-unsaid', numbers(20))]
    await topicOf('dl-batch', [])
    const { app } = processorOf('dl-batch')
    app.use(deadLetter({ topic: 'dl-batch' }))
    const bad = new Set(['3', '17'])
    app.batchTopic(said, { max: 20 }, (batch) => {
      for (const message of batch) if (bad.has(String(message.text()))) message.ack.fail(new Error('bad'))
    })
    const good = new Set<string>()
    app.batchTopic(unsaid, { max: 20 }, (batch) => {
      if (batch.some((message) => bad.has(String(message.text())))) throw new Error('somewhere')
      for (const message of batch) good.add(String(message.text()))
    })
    await runUntil(app, () => app.counts.handled === 40)
    const letters = await readAll('dl-batch', 4)
    const names = letters.map((letter) => `${letter.headers.get('dead-letter.topic')} ${letter.text()}`).sort()
    expect(names).toEqual(['dl-said 17', 'dl-said 3', 'dl-unsaid 17', 'dl-unsaid 3'])
    expect(good.size).toBe(18)
  })

  it('are brought back by redrive(): without the added headers, once, and not those that come back meanwhile', async () => {
    const topic = await topicOf('rd', [{ key: 'k', value: 'v', headers: [['own', 'x']] }, 'w'])
    await topicOf('rd.dlq', [])
    const make = (fails: boolean) => {
      const { app } = processorOf('rd')
      app.use(deadLetter())
      const seen: (string | null)[] = []
      app.topic(topic, (message) => {
        seen.push(message.text())
        if (fails) throw new Error('down')
      })
      return { app, seen }
    }
    const broken = make(true)
    await runUntil(broken.app, () => broken.app.counts.handled === 2)
    expect(await redrive({ config: config('rd-tool'), from: 'rd.dlq', dryRun: true })).toEqual({
      redriven: 2,
      skipped: 0,
    })
    const result = await redrive({ config: config('rd-tool'), from: 'rd.dlq', filter: (m) => m.text() === 'v' })
    expect(result).toEqual({ redriven: 1, skipped: 1 })
    expect(await redrive({ config: config('rd-tool'), from: 'rd.dlq' })).toEqual({ redriven: 0, skipped: 0 })
    const messages = await readAll(topic, 3)
    expect(messages[2].toJSON()).toMatchObject({ key: 'k', value: 'v', headers: [['own', 'x']] })
    const mended = make(false)
    await runUntil(mended.app, () => mended.app.counts.handled === 1)
    expect(mended.seen).toEqual(['v'])
  })
})

describe('retry topics', () => {
  it('try again later, each time in the next topic, and then give up', async () => {
    const topic = await topicOf('rt', ['a', 'b', 'c'])
    for (const name of ['rt.retry.1', 'rt.retry.2', 'rt.dlq']) await topicOf(name, [])
    const { app, events } = processorOf('rt', { concurrency: 2 })
    app.use(retryTopics({ delays: [300, 600] })).use(deadLetter())
    const seen: { value: string | null; from: string; topic: string; at: number }[] = []
    app.topic(topic, (message, context) => {
      seen.push({ value: message.text(), from: message.topic, topic: context.topic, at: performance.now() })
      if (message.text() === 'b' || (message.text() === 'a' && message.topic === 'rt')) throw new Error('later')
    })
    await runUntil(app, () => events.some(({ type }) => type === 'deadLetter'))
    const ofTopic = (name: string) => seen.filter(({ from }) => from === name).map(({ value }) => value)
    expect(ofTopic('rt')).toEqual(['a', 'b', 'c'])
    expect(ofTopic('rt.retry.1')).toEqual(['a', 'b'])
    expect(ofTopic('rt.retry.2')).toEqual(['b'])
    expect(seen).toHaveLength(6)
    expect(new Set(seen.map((s) => s.topic))).toEqual(new Set(['rt']))
    const [first, second, third] = seen.filter(({ value }) => value === 'b')
    expect(second.at - first.at).toBeGreaterThanOrEqual(295)
    expect(third.at - second.at).toBeGreaterThanOrEqual(595)
    const [letter] = await readAll('rt.dlq', 1)
    const text = Object.fromEntries([...letter.headers].map(([name, value]) => [name, String(value)]))
    expect(text).toMatchObject({ 'dead-letter.topic': 'rt', 'dead-letter.offset': '1', 'dead-letter.attempts': '3' })
    expect(Object.keys(text).some((name) => name.startsWith('retry.'))).toBe(false)
  })
})

describe('timeout', () => {
  it('aborts the signal, and fails though the handler returns or never does', async () => {
    const topic = await topicOf('timeout', ['heeds', 'ignores', 'quick'])
    await topicOf('timeout.dlq', [])
    const { app } = processorOf('timeout')
    app.use(timeout({ ms: 50, grace: 20 })).use(deadLetter())
    app.topic(topic, async (message, { signal }) => {
      if (message.text() === 'ignores') await new Promise(() => {})
      if (message.text() === 'heeds')
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      expect(signal.aborted).toBe(message.text() === 'heeds')
    })
    await runUntil(app, () => app.counts.handled === 3)
    const letters = await readAll('timeout.dlq', 2)
    expect(letters.map((letter) => `${letter.text()} ${letter.headers.get('dead-letter.error')}`)).toEqual([
      'heeds KafkaError: the handler took longer than 50 ms',
      'ignores KafkaError: the handler took longer than 50 ms',
    ])
  })
})

describe('circuit breaker', () => {
  it('stops calling after failures in a row, tries one after the cool-down, and goes on when that works', async () => {
    const topic = await topicOf('circuit', numbers(10))
    const { app, events } = processorOf('circuit')
    app
      .use(circuitBreaker({ failures: 3, cooldown: 200 }))
      .use(retry({ attempts: 100, backoff: { initial: 1, max: 1 } }))
    const calls: number[] = []
    const began = performance.now()
    app.topic(topic, () => {
      calls.push(performance.now() - began)
      if (calls.length <= 4) throw new Error('down')
    })
    await runUntil(app, () => app.counts.handled === 10)
    const states = events.flatMap((event) => (event.type === 'circuit' ? [event.state] : []))
    expect(states).toEqual(['open', 'halfOpen', 'open', 'halfOpen', 'closed'])
    expect(calls).toHaveLength(14)
    expect(calls[3] - calls[2]).toBeGreaterThanOrEqual(195)
    expect(calls[4] - calls[3]).toBeGreaterThanOrEqual(195)
  })

  it("fails at once with whenOpen: 'fail'; permanent failures do not count", async () => {
    const topic = await topicOf('circuit-fail', numbers(6))
    await topicOf('circuit-fail.dlq', [])
    const { app } = processorOf('circuit-fail')
    app.use(circuitBreaker({ failures: 2, cooldown: 60_000, whenOpen: 'fail' })).use(deadLetter())
    let calls = 0
    app.topic(topic, (message) => {
      calls++
      if (Number(message.text()) < 2) throw new SyntaxError('bad message')
      throw new Error('down')
    })
    await runUntil(app, () => app.counts.handled === 6)
    expect(calls).toBe(4)
    const letters = await readAll('circuit-fail.dlq', 6)
    expect(String(letters[5].headers.get('dead-letter.error'))).toMatch(/the circuit is open/)
  })
})

describe('rate limit', () => {
  it('lets through so many in a time', async () => {
    const topic = await topicOf('rate', numbers(30))
    const { app } = processorOf('rate', { concurrency: 10, orderBy: 'none' })
    app.use(rateLimit({ rate: 100, burst: 10 }))
    const at: number[] = []
    app.topic(topic, () => {
      at.push(performance.now())
    })
    await runUntil(app, () => at.length === 30)
    // Ten at once, the others at 100 a second.
    expect(at[29] - at[0]).toBeGreaterThanOrEqual(180)
  })
})

describe('deduplication', () => {
  it('skips what was handled, waits for what is being handled, and lets failures come again', async () => {
    const records = ['a', 'b', 'a', 'c', 'a', 'b', 'd', 'd'].map((id) => ({ key: id, value: id }))
    const topic = await topicOf('dedupe', records)
    const { app } = processorOf('dedupe', { concurrency: 8, orderBy: 'none' })
    const handled: string[] = []
    let failed = false
    app.use(deduplicate({ id: (message) => (String(message.key) === 'd' ? undefined : String(message.key)) }))
    app.use(retry({ attempts: 3, backoff: { initial: 1 } }))
    app.topic(topic, async (message) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (message.text() === 'b' && !failed) {
        failed = true
        throw new Error('once')
      }
      handled.push(String(message.text()))
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 8)
    expect(handled.sort()).toEqual(['a', 'b', 'c', 'd', 'd'])
    expect(app.counts).toMatchObject({ handled: 5, skipped: 3 })
  })

  it('waits without a place, which the first may need for its next attempt', async () => {
    const topic = await topicOf('dedupe-place', ['a', 'a'])
    const { app } = processorOf('dedupe-place', { concurrency: 1, orderBy: 'none' })
    app.use(retry({ attempts: 2, backoff: { initial: 100 } }))
    app.use(deduplicate({ id: (message) => String(message.text()) }))
    let calls = 0
    app.topic(topic, () => {
      if (++calls === 1) throw new Error('once')
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 2)
    expect(app.counts).toMatchObject({ handled: 1, skipped: 1 })
  })

  it('in batches, and with a store of one’s own', async () => {
    const topic = await topicOf('dedupe-batch', ['a', 'a', 'b', 'seen', 'c'])
    const { app } = processorOf('dedupe-batch')
    const known = new Set(['seen'])
    const store = { has: async (id: string) => known.has(id), add: (id: string) => void known.add(id) }
    app.use(deduplicate({ id: (message: ProcessorMessage) => String(message.text()), store }))
    const handled: string[] = []
    app.batchTopic(topic, { max: 5 }, (batch) => {
      handled.push(...batch.map((message) => String(message.text())))
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 5)
    expect(handled).toEqual(['a', 'b', 'c'])
    expect(known).toEqual(new Set(['seen', 'a', 'b', 'c']))
  })
})

describe('logging and publishing', () => {
  it('logs a line for each outcome', async () => {
    const topic = await topicOf('log', ['a', 'b'])
    const lines: [string, object, string][] = []
    const at = (level: string) => (fields: object, message: string) => void lines.push([level, fields, message])
    const logger: Logger = { error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
    const { app } = processorOf('log')
    app.use(logging({ logger, level: 'info' }))
    app.topic(topic, (message) => {
      if (message.text() === 'b') throw new Error('oh')
    })
    await expect(app.run()).rejects.toThrow('oh')
    expect(lines).toEqual([
      ['info', { topic, partition: 0, offset: 0, attempt: 1, duration: expect.any(Number) }, 'handled'],
      [
        'error',
        { topic, partition: 0, offset: 1, attempt: 1, duration: expect.any(Number), error: 'Error: oh' },
        'failed',
      ],
    ])
  })

  it('a publisher sends through its middleware, the first outermost', async () => {
    const topic = await topicOf('publish', [])
    const steps: string[] = []
    const publisher = new Publisher(producer)
      .use((next) => async (record, context) => {
        steps.push('outer')
        const report = await next(record, context)
        steps.push(`at ${report.offset}`)
        return report
      })
      .use(withHeaders((record) => ({ tenant: `of ${record.topic}` })))
    await publisher.send({ topic, value: 'a', headers: { own: '1' } })
    const [first] = await publisher.sendAll([{ topic, value: 'b' }])
    expect(first.status).toBe('fulfilled')
    expect(steps).toEqual(['outer', 'at 0', 'outer', 'at 1'])
    const [message] = await readAll(topic, 1)
    expect(message.headers.toJSON()).toEqual([
      ['own', '1'],
      ['tenant', 'of publish'],
    ])
  })
})
