// What fails for good, or for a while: dead letters, bringing them back, retry topics.
import type { Message } from 'odradek'
import { deadLetter, redrive, retry, retryTopics } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { numbers, openBench, runUntil } from '../helpers/processors.js'
import { rejection } from '../helpers/wait.js'

const { observed, topicOf, readAll, committedOf, config } = openBench()

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
    const { app, events } = observed('dl')
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
    const topic = await topicOf('dl-fails', ['small', 'a'.repeat(5000), 'behind'])
    const { app } = observed('dl-fails', { producer: { 'message.max.bytes': 1000 } })
    app.use(deadLetter({ topic: 'dl-fails', when: () => true }))
    app.topic(topic, (message) => {
      if (message.text() !== 'small') throw new Error('x')
    })
    const error = await rejection(app.run())
    expect(error).toMatchObject({ code: 'MSG_SIZE_TOO_LARGE' })
    expect(app.counts).toMatchObject({ handled: 1, failed: 1 })
    expect(await committedOf('dl-fails', topic)).toEqual([1])
  })

  it('of a batch only what failed goes: as the handler says, or as smaller batches show', async () => {
    const [said, unsaid] = [await topicOf('dl-said', numbers(20)), await topicOf('dl-unsaid', numbers(20))]
    await topicOf('dl-batch', [])
    const { app } = observed('dl-batch')
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
      const { app } = observed('rd')
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

describe('dead letters by choice', () => {
  it('`when` chooses: what it does not want goes on to the next, and in the end stops the run', async () => {
    const topic = await topicOf('dl-when', ['parse', 'range', 'good', 'other', 'behind'])
    for (const name of ['dl-when.syntax', 'dl-when.range']) await topicOf(name, [])
    const { app } = observed('dl-when')
    app.use(retry({ attempts: 1 }))
    app.use(deadLetter({ topic: 'dl-when.syntax', when: (error) => error instanceof SyntaxError }))
    app.use(deadLetter({ topic: 'dl-when.range', when: (_, message) => message.text() === 'range' }))
    app.topic(topic, (message) => {
      if (message.text() === 'parse') throw new SyntaxError('no JSON')
      if (message.text() === 'range') throw new RangeError('too much')
      if (message.text() === 'other') throw new Error('nobody wants it')
    })
    expect((await rejection(app.run())).message).toBe('nobody wants it')
    expect(app.counts).toMatchObject({ handled: 3, failed: 1 })
    expect((await readAll('dl-when.syntax', 1)).map((letter) => letter.text())).toEqual(['parse'])
    expect((await readAll('dl-when.range', 1)).map((letter) => letter.text())).toEqual(['range'])
    expect(await committedOf('dl-when', topic)).toEqual([3])
  })

  it('`when` chooses among the messages of a batch', async () => {
    const topic = await topicOf('dl-when-batch', numbers(6))
    await topicOf('dl-when-batch.dlq', [])
    const { app } = observed('dl-when-batch')
    const calls: string[] = []
    app.use(deadLetter({ when: (error) => error instanceof SyntaxError })).use(retry({ backoff: { initial: 1 } }))
    app.batchTopic(topic, { max: 6 }, (batch) => {
      calls.push(batch.map((message) => message.text()).join())
      for (const message of batch) {
        if (message.text() === '1') message.ack.fail(new SyntaxError('never'))
        if (message.text() === '4' && calls.length === 1) message.ack.fail(new Error('once'))
      }
    })
    await runUntil(app, () => app.counts.handled === 6)
    expect((await readAll('dl-when-batch.dlq', 1)).map((letter) => letter.text())).toEqual(['1'])
    // The letter is delivered; only the other is tried again.
    expect(calls).toEqual(['0,1,2,3,4,5', '4'])
  })
})

describe('redrive()', () => {
  const letters = (from: string, count: number) =>
    numbers(count).map((value) => ({
      value,
      key: 'k',
      headers: { 'dead-letter.topic': from, 'dead-letter.error': 'e' },
    }))

  it('keeps to the limit, and goes on behind it the next time; what is passed over does not count', async () => {
    const topic = await topicOf('rd-limit', [])
    const from = await topicOf('rd-limit.dlq', letters(topic, 12))
    const options = {
      config: config('rd-limit-tool'),
      from,
      limit: 4,
      filter: (letter: Message) => Number(letter.text()) % 3 !== 0,
    }
    const names: string[] = []
    const onLetter = (letter: Message, to: string | undefined) => void names.push(`${letter.text()} ${to ?? 'stays'}`)
    expect(await redrive({ ...options, onLetter })).toEqual({ redriven: 4, skipped: 2 })
    expect(names).toEqual(['0 stays', '1 rd-limit', '2 rd-limit', '3 stays', '4 rd-limit', '5 rd-limit'])
    expect(await redrive(options)).toEqual({ redriven: 4, skipped: 2 })
    expect(await redrive(options)).toEqual({ redriven: 0, skipped: 0 })
    expect((await readAll(topic, 8)).map((message) => message.text())).toEqual('1 2 4 5 7 8 10 11'.split(' '))
  })

  it('keeps to the rate from the first letter on, and stops between letters', async () => {
    const topic = await topicOf('rd-rate', [])
    const from = await topicOf('rd-rate.dlq', letters(topic, 30))
    const stop = new AbortController()
    const at: number[] = []
    const onLetter = () => {
      at.push(performance.now())
      if (at.length === 9) stop.abort()
    }
    const options = { config: config('rd-rate-tool'), from }
    expect(await redrive({ ...options, rate: 20, onLetter, signal: stop.signal })).toEqual({ redriven: 9, skipped: 0 })
    // Joining the group, which takes longer, is no credit: 50 ms from one to the next, but for the first's own delay.
    expect(at[8] - at[0]).toBeGreaterThanOrEqual(300)
    expect(await redrive(options)).toEqual({ redriven: 21, skipped: 0 })
    const messages = await readAll(topic, 30)
    expect(messages.map((message) => message.text())).toEqual(numbers(30))
  })

  it('rejects when a letter cannot be delivered, and leaves it where it was', async () => {
    const topic = await topicOf('rd-fails', [])
    const small = letters(topic, 1)[0]
    const from = await topicOf('rd-fails.dlq', [small, { ...small, value: 'x'.repeat(5000) }])
    const options = { config: config('rd-fails-tool'), from }
    const tooSmall = { ...options.config, 'message.max.bytes': 1000 }
    await expect(redrive({ ...options, config: tooSmall })).rejects.toMatchObject({ code: 'MSG_SIZE_TOO_LARGE' })
    // Nothing of what went together is committed: the first comes again.
    expect(await redrive(options)).toEqual({ redriven: 2, skipped: 0 })
    expect((await readAll(topic, 3)).map(({ value }) => value?.length)).toEqual([1, 1, 5000])
  })
})

describe('retry topics', () => {
  it('try again later, each time in the next topic, and then give up', async () => {
    const topic = await topicOf('rt', ['a', 'b', 'c'])
    for (const name of ['rt.retry.1', 'rt.retry.2', 'rt.dlq']) await topicOf(name, [])
    const { app, events } = observed('rt', { concurrency: 2 })
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

  it('keep their delay over a restart: it is not handled sooner', async () => {
    const topic = await topicOf('rt-restart', ['a'])
    for (const name of ['rt-restart.retry.1', 'rt-restart.dlq']) await topicOf(name, [])
    const delay = 6000
    const make = (fails: boolean) => {
      const { app, events } = observed('rt-restart')
      const seen: { from: string; at: number; attempt: number }[] = []
      app.use(retryTopics({ delays: [delay] })).use(deadLetter())
      app.topic(topic, ({ topic: from }, { attempt }) => {
        seen.push({ from, at: Date.now(), attempt })
        if (fails) throw new Error('later')
      })
      return { app, events, seen }
    }
    const first = make(true)
    const sleeps = () => first.app.health().sleeping === 1
    await runUntil(first.app, sleeps, 'it waits in the retry topic')
    expect(first.app.counts).toMatchObject({ handled: 1, abandoned: 1 })
    const second = make(false)
    await runUntil(second.app, () => second.app.counts.handled === 1)
    expect(second.seen).toMatchObject([{ from: 'rt-restart.retry.1', attempt: 1 }])
    const waited = second.seen[0].at - first.seen[0].at
    expect(waited).toBeGreaterThanOrEqual(delay)
    // When it is due stands in the message, as a time of day.
    const [message] = await readAll('rt-restart.retry.1', 1)
    expect(second.seen[0].at).toBeGreaterThanOrEqual(Number(message.headers.get('retry.due')?.toString()))
    expect(second.events.some(({ type }) => type === 'deadLetter')).toBe(false)
    expect(await committedOf('rt-restart', 'rt-restart.retry.1')).toEqual([1])
  })

  it('of a batch get what may succeed later, once; the dead letters get the rest, and nothing is handled again', async () => {
    const topic = await topicOf('rt-batch', numbers(6))
    for (const name of ['rt-batch.retry.1', 'rt-batch.dlq']) await topicOf(name, [])
    const { app, events } = observed('rt-batch')
    app.use(retryTopics({ delays: [50] })).use(deadLetter())
    const calls: string[] = []
    app.batchTopic(topic, { max: 6, timeout: 200 }, (batch) => {
      calls.push(`${batch[0].topic} ${batch.map((message) => message.text()).join()}`)
      for (const message of batch) {
        if (message.text() === '1') message.ack.fail(new SyntaxError('never'))
        if (message.text() === '4') message.ack.fail(new Error('always'))
      }
    })
    await runUntil(app, () => events.filter(({ type }) => type === 'deadLetter').length === 2)
    expect(calls).toEqual(['rt-batch 0,1,2,3,4,5', 'rt-batch.retry.1 4'])
    expect((await readAll('rt-batch.dlq', 2)).map((letter) => letter.text())).toEqual(['1', '4'])
    expect(events.filter(({ type }) => type === 'retryTopic')).toHaveLength(1)
  })
})
