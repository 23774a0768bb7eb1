// The built-in middleware, on the embedded cluster; for dead letters and retry topics see processor-dead-letters.
import { KafkaError, type Logger } from 'odradek'
import {
  circuitBreaker,
  deadLetter,
  deduplicate,
  isTransient,
  logging,
  type ProcessorMessage,
  Publisher,
  rateLimit,
  retry,
  timeout,
  withHeaders,
} from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { numbers, openBench, runUntil, start } from '../helpers/processors.js'
import { waitFor } from '../helpers/wait.js'

const { observed, topicOf, send, readAll, producer } = openBench()

describe('retry', () => {
  it('calls again with growing delays, and gives up after the attempts', async () => {
    const topic = await topicOf('retry', ['a', 'b'])
    const { app, events } = observed('retry')
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
    const { app } = observed('retry-permanent')
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
    await producer().sendBatch(topic, [
      { value: 'fails', partition: 0 },
      { value: 'behind', partition: 0 },
      ...numbers(50).map((value) => ({ value, partition: 1 })),
    ])
    const { app } = observed('retry-place')
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

  it('may wait for longer than max.poll.interval.ms: the partition is paused, the others go on', async () => {
    const topic = await topicOf(
      'retry-poll',
      [
        ...numbers(200).map((value) => ({ value, partition: 0 })),
        ...numbers(300).map((value) => ({ value, partition: 1 })),
      ],
      2,
    )
    const errors: string[] = []
    const { app, events } = observed(
      'retry-poll',
      { maxQueued: 80, onError: ({ code }) => void errors.push(code) },
      {
        'max.poll.interval.ms': 2000,
      },
    )
    app.use(retry({ attempts: 2, backoff: { initial: 4500, max: 4500, jitter: 0 } }))
    const order: string[] = []
    app.topic(topic, (message, { attempt }) => {
      if (message.partition === 0 && message.offset === 0 && attempt === 1) throw new Error('once')
      order.push(`${message.partition}/${message.offset}`)
    })
    await runUntil(app, () => order.length === 500)
    expect(errors).toEqual([])
    expect(events).toContainEqual({ type: 'paused', partitions: [{ topic, partition: 0 }] })
    expect(order.indexOf('0/0')).toBe(300)
    expect(order.slice(300)).toEqual(numbers(200).map((n) => `0/${n}`))
  })

  it('stopping does not wait for the next attempt; the message is left to others', async () => {
    const topic = await topicOf('retry-stop', ['a'])
    const { app, events } = observed('retry-stop')
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

describe('timeout', () => {
  it('aborts the signal, and fails though the handler returns or never does', async () => {
    const topic = await topicOf('timeout', ['heeds', 'ignores', 'quick'])
    await topicOf('timeout.dlq', [])
    const { app } = observed('timeout')
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
    const { app, events } = observed('circuit')
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
    const { app } = observed('circuit-fail')
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
    const { app } = observed('rate', { concurrency: 10, orderBy: 'none' })
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
    const { app } = observed('dedupe', { concurrency: 8, orderBy: 'none' })
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
    const { app } = observed('dedupe-place', { concurrency: 1, orderBy: 'none' })
    app.use(retry({ attempts: 2, backoff: { initial: 100 } }))
    app.use(deduplicate({ id: (message) => String(message.text()) }))
    let calls = 0
    app.topic(topic, () => {
      if (++calls === 1) throw new Error('once')
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 2)
    expect(app.counts).toMatchObject({ handled: 1, skipped: 1 })
  })

  it('forgets an id when its window has passed, and the oldest when there are too many', async () => {
    const topic = await topicOf('dedupe-window', ['a', 'b', 'a', 'c', 'a', 'c'])
    const { app } = observed('dedupe-window')
    const window = 500
    app.use(deduplicate({ id: (message) => String(message.text()), max: 2, window }))
    const handled: (string | null)[] = []
    app.topic(topic, (message) => {
      handled.push(message.text())
    })
    const { stop } = start(app)
    await waitFor('all are through', () => app.counts.handled + app.counts.skipped === 6)
    const last = performance.now()
    // The third is known; the fifth is not any more, because c was the third id.
    expect(handled).toEqual(['a', 'b', 'c', 'a'])
    await waitFor('the window has passed', () => performance.now() - last > window)
    await send(topic, [{ value: 'c' }])
    await waitFor('it is handled again', () => handled.length === 5)
    await stop()
  })

  it('in batches, and with a store of one’s own', async () => {
    const topic = await topicOf('dedupe-batch', ['a', 'a', 'b', 'seen', 'c'])
    const { app } = observed('dedupe-batch')
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
    const { app } = observed('log')
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
    const publisher = new Publisher(producer())
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
