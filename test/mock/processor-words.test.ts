// What handlers say of a message, and what they throw: said twice, late, never; thrown strings, nothing at all.
import { deadLetter, type ProcessorMessage, retry, timeout } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { numbers, openBench, runUntil, sleep, start } from '../helpers/processors.js'
import { rejection, waitFor } from '../helpers/wait.js'

const { observed, topicOf, readAll, committedOf } = openBench()

describe('message.ack', () => {
  it('the first word counts; what is said when the message is through is too late', async () => {
    const topic = await topicOf('word-twice', numbers(3))
    const { app } = observed('word-twice')
    const kept: ProcessorMessage[] = []
    app.topic(topic, (message) => {
      kept.push(message)
      if (message.text() === '0') {
        message.ack.skip()
        message.ack.fail(new Error('too late'))
      } else if (message.text() === '1') {
        kept[0].ack.fail(new Error('far too late'))
        message.ack.success()
        message.ack.skip()
      }
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 3)
    for (const message of kept) message.ack.fail(new Error('after the end'))
    expect(app.counts).toMatchObject({ handled: 2, skipped: 1, failed: 0 })
    expect(await committedOf('word-twice', topic)).toEqual([3])
  })

  it('a handler that throws has failed, whatever it said before', async () => {
    const topic = await topicOf('word-throws', ['success', 'skip', 'good'])
    await topicOf('word-throws.dlq', [])
    const { app } = observed('word-throws')
    app.use(deadLetter())
    app.topic(topic, (message) => {
      if (message.text() === 'good') return
      if (message.text() === 'success') message.ack.success()
      else message.ack.skip()
      throw new Error('after all')
    })
    await runUntil(app, () => app.counts.handled + app.counts.skipped === 3)
    expect((await readAll('word-throws.dlq', 2)).map((letter) => letter.text())).toEqual(['success', 'skip'])
  })

  it("with acknowledge: 'explicit' and no word the message is left to others when the processor stops", async () => {
    const topic = await topicOf('word-never', numbers(3))
    const { app } = observed('word-never', { acknowledge: 'explicit', drainTimeout: 50 })
    app.use(deadLetter())
    app.topic(topic, (message) => {
      if (message.text() === '0') message.ack.success()
    })
    await runUntil(app, () => app.counts.handled === 1 && app.health().running === 1, 'the second waits for a word')
    expect(app.counts).toMatchObject({ handled: 1, failed: 0, abandoned: 1 })
    expect(await committedOf('word-never', topic)).toEqual([1])
  })

  it("with acknowledge: 'explicit' a word that takes too long is a failure; a late one changes nothing", async () => {
    const topic = await topicOf('word-late', numbers(2))
    await topicOf('word-late.dlq', [])
    const { app } = observed('word-late', { acknowledge: 'explicit' })
    app.use(timeout({ ms: 50, grace: 10 })).use(deadLetter())
    const kept: ProcessorMessage[] = []
    app.topic(topic, (message) => {
      kept.push(message)
      if (message.text() === '1') {
        kept[0].ack.success()
        message.ack.success()
      }
    })
    await runUntil(app, () => app.counts.handled === 2)
    const [letter] = await readAll('word-late.dlq', 1)
    expect(letter.text()).toBe('0')
    expect(String(letter.headers.get('dead-letter.error'))).toMatch(/took longer than 50 ms/)
  })

  it('a call that was given up takes no word from the next', async () => {
    const topic = await topicOf('word-zombie', ['a'])
    await topicOf('word-zombie.dlq', [])
    const { app } = observed('word-zombie')
    app.use(timeout({ ms: 500, grace: 0 }))
    app.use(retry({ attempts: 2, backoff: { initial: 1, jitter: 0 }, retryIf: () => true }))
    app.use(deadLetter())
    let release: () => void = () => {}
    let saidSo: () => void = () => {}
    const said = new Promise<void>((resolve) => {
      saidSo = resolve
    })
    app.topic(topic, async (message, { attempt }) => {
      if (attempt === 1) {
        // Ignores its signal, and ends while the second call is under way.
        await said
        setImmediate(release)
        return
      }
      message.ack.fail(new Error('the second failed'))
      const ended = new Promise<void>((resolve) => {
        release = resolve
      })
      saidSo()
      await ended
    })
    await runUntil(app, () => app.counts.handled + app.counts.failed === 1)
    const [letter] = await readAll('word-zombie.dlq', 1)
    expect(String(letter.headers.get('dead-letter.error'))).toBe('Error: the second failed')
  })
})

describe('what handlers throw', () => {
  it('may be anything: the letter says what it was', async () => {
    const thrown: Record<string, unknown> = {
      nothing: undefined,
      null: null,
      text: 'out of stock',
      symbol: Symbol('odd'),
      object: { code: 7, why: 'seven' },
      bare: Object.create(null),
    }
    const topic = await topicOf('throws-any', Object.keys(thrown))
    await topicOf('throws-any.dlq', [])
    const { app } = observed('throws-any')
    app.use(retry({ attempts: 2, backoff: { initial: 1 } })).use(deadLetter())
    app.topic(topic, (message) => {
      throw thrown[String(message.text())]
    })
    await runUntil(app, () => app.counts.handled === 6)
    const letters = await readAll('throws-any.dlq', 6)
    const texts = letters.map(({ headers }) => String(headers.get('dead-letter.error')))
    expect(texts.slice(0, 4)).toEqual(['undefined', 'null', 'out of stock', 'Symbol(odd)'])
    expect(texts[4]).toBe("{ code: 7, why: 'seven' }")
    expect(letters.map(({ headers }) => String(headers.get('dead-letter.attempts')))).toEqual(numbers(6).map(() => '2'))
  })

  it.each([undefined, null, 'text', 0])('ends the run with just that: %s', async (what) => {
    const topic = await topicOf(`throws-${what}`, ['a'])
    const { app } = observed(`throws-${what}`)
    app.topic(topic, async () => {
      await sleep(1)
      throw what
    })
    expect(
      await app.run().then(
        () => 'resolved',
        (error) => [error],
      ),
    ).toEqual([what])
    expect(app.counts).toMatchObject({ handled: 0, failed: 1 })
  })

  it('a message of any length becomes a letter that is hardly larger than the message', async () => {
    const topic = await topicOf('throws-long', ['a'])
    await topicOf('throws-long.dlq', [])
    const { app } = observed('throws-long', { producer: { 'message.max.bytes': 5000 } })
    app.use(deadLetter())
    app.topic(topic, () => {
      throw new Error(`ü${'x'.repeat(50_000)}`)
    })
    await runUntil(app, () => app.counts.handled === 1)
    const [letter] = await readAll('throws-long.dlq', 1)
    const text = String(letter.headers.get('dead-letter.error'))
    expect(text).toMatch(/^Error: üx+…$/)
    expect(text.length).toBeLessThanOrEqual(1001)
  })
})

describe('dead letters', () => {
  it('are delivered before the offset moves; one that cannot be lets it stay', async () => {
    const topic = await topicOf('letter-first', ['bad', 'behind'])
    await topicOf('letter-first.dlq', [])
    const { app } = observed('letter-first')
    let release: (error?: Error) => void = () => {}
    app.use(deadLetter())
    // What stands farther out sees what the dead letters do.
    app.use((next) => (message, context) => {
      const send = async (record: Parameters<typeof context.send>[0]) => {
        await new Promise<void>((resolve, reject) => {
          release = (error) => (error ? reject(error) : resolve())
        })
        return await context.send(record)
      }
      return next(message, Object.create(context, { send: { value: send } }))
    })
    app.topic(topic, (message) => {
      if (message.text() === 'bad') throw new Error('no')
    })
    const { done, stop } = start(app)
    const began = performance.now()
    await waitFor('the letter is on its way', () => app.health().running === 1)
    // Longer than the processor takes to store what is handled.
    await waitFor('some time has passed', () => performance.now() - began > 600)
    await app.consumer?.commit()
    expect((await app.consumer?.committed([{ topic, partition: 0 }]))?.[0].offset).toBeLessThan(1)
    expect(app.counts.handled).toBe(0)
    release(new Error('the letter was refused'))
    expect((await rejection(done)).message).toBe('the letter was refused')
    expect((await committedOf('letter-first', topic))[0]).toBeLessThan(1)
    await expect(stop()).rejects.toThrow('refused')
  })
})
