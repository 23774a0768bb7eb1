// Processors on the embedded cluster: what becomes of work in hand when they stop, or take long; what is sent.
import type { ProducerRecord } from 'odradek'
import { type HandlerContext, type ProcessorMessage, retry } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { openBench, sleep, start } from '../helpers/processors.js'
import { rejection, waitFor } from '../helpers/wait.js'

const { processorOf, topicOf, numbered, committedOf, roundTrips } = openBench()
const number = (message: ProcessorMessage) => Number(message.text())

describe('rebalances and ends', () => {
  it('finishes what is at work, commits, and leaves; what waited is left to others', async () => {
    const topic = await numbered('drain', 100)
    const app = processorOf('drain', { concurrency: 3, orderBy: 'none' })
    let finished = 0
    app.topic(topic, async () => {
      await sleep(200)
      finished++
    })
    const { stop } = start(app)
    await waitFor('three are at work', () => app.health().running === 3)
    expect(app.health()).toMatchObject({ ok: true, ready: true, state: 'running', assigned: [{ topic, partition: 0 }] })
    await stop()
    expect(finished).toBe(3)
    expect(app.health()).toMatchObject({ ok: true, ready: false, state: 'stopped' })
    expect(await committedOf('drain', topic)).toEqual([3])
  })

  it('by key: handles what stands before what it has handled, so that nothing is handled again', async () => {
    await topicOf(
      'gaps',
      ['a', 'b', 'a', 'a', 'c', 'b'].map((key) => ({ key, value: key })),
    )
    const app = processorOf('gaps', { orderBy: 'key', concurrency: 1 })
    const begun: number[] = []
    let release: () => void = () => {}
    app.topic('gaps', async ({ offset }) => {
      begun.push(offset)
      // They may come in several fetches; the next of its key is to be there when this one is through.
      if (offset === 0) await waitFor('all are received', () => app.counts.received === 6)
      if (offset !== 2) return
      await new Promise<void>((resolve) => {
        release = resolve
      })
    })
    const { stop } = start(app)
    await waitFor('it is at the second of its key', () => begun.length === 2)
    const stopped = stop()
    release()
    await stopped
    // 1 was not begun when it was told to stop; 3 stands behind everything, and is left to others.
    expect(begun).toEqual([0, 2, 1])
    expect(await committedOf('gaps', 'gaps')).toEqual([3])
  })

  it('by key: does not wait for what waits for its next attempt', async () => {
    await topicOf(
      'gaps-retry',
      ['a', 'b', 'a', 'c'].map((key) => ({ key, value: key })),
    )
    const app = processorOf('gaps-retry', { orderBy: 'key', concurrency: 1 })
    app.use(retry({ backoff: { initial: 60_000 } }))
    app.topic('gaps-retry', ({ offset }) => {
      if (offset === 1) throw new Error('later')
    })
    const { stop } = start(app)
    await waitFor('the others are handled', () => app.counts.handled === 3 && app.health().sleeping === 1)
    await stop()
    expect(app.counts).toMatchObject({ handled: 3, abandoned: 1, failed: 0 })
    expect(await committedOf('gaps-retry', 'gaps-retry')).toEqual([1])
  })

  it('aborts the signals of handlers that take too long, and does not commit them', async () => {
    const topic = await numbered('too-long', 3)
    const app = processorOf('too-long', { drainTimeout: 50 })
    let reason: unknown
    app.topic(topic, async (message, { signal }) => {
      if (number(message) < 1) return
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(signal.reason)
        })
      })
    })
    const { stop } = start(app)
    await waitFor('the second is at work', () => app.counts.handled === 1 && app.health().running === 1)
    await stop()
    expect(reason).toMatchObject({ code: '_TIMED_OUT' })
    expect(app.counts).toMatchObject({ handled: 1, failed: 0, abandoned: 1 })
    expect(await committedOf('too-long', topic)).toEqual([1])
  })

  it('a handler may take longer than max.poll.interval.ms, alone or with a full queue', async () => {
    const topic = await numbered('long', 300)
    const errors: string[] = []
    const app = processorOf(
      'long',
      { maxQueued: 50, onError: ({ code }) => void errors.push(code) },
      { 'max.poll.interval.ms': 2000, 'session.timeout.ms': 2000, 'heartbeat.interval.ms': 200 },
    )
    app.topic(topic, async (message) => {
      if (number(message) === 0) await sleep(4500)
    })
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 300, 30_000)
    await stop()
    expect(errors).toEqual([])
    expect(app.counts.received).toBeLessThanOrEqual(300)
  })

  it('with at-most-once a message is committed before it is handled, and a failure is not repeated', async () => {
    const topic = await numbered('at-most', 100)
    const app = processorOf('at-most', { guarantee: 'at-most-once' })
    let committed = -1
    app.topic(topic, async (message) => {
      if (number(message) === 0) committed = (await committedOf('at-most', topic))[0]
      if (number(message) === 5) throw new Error('five')
    })
    expect((await rejection(app.run())).message).toBe('five')
    expect(committed).toBeGreaterThan(0)
    const [after] = await committedOf('at-most', topic)
    expect(after).toBe(committed)
  })

  it('with at-most-once what was committed is handled before the processor stops', async () => {
    const topic = await numbered('at-most-stop', 100, { partitions: 2 })
    const app = processorOf('at-most-stop', { guarantee: 'at-most-once' })
    const seen: string[] = []
    app.topic(topic, async (message) => {
      await sleep(1)
      seen.push(`${message.partition}/${message.offset}`)
    })
    const { stop } = start(app)
    await waitFor('it is at work', () => app.counts.handled > 0)
    await stop()
    const committed = await committedOf('at-most-stop', topic, 2)
    expect(seen.length).toBe(committed.reduce((sum, offset) => sum + Math.max(offset, 0), 0))
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('with at-most-once what is being committed when it is asked to stop is handled, too', async () => {
    const topic = await numbered('at-most-late', 100, { partitions: 2 })
    const app = processorOf('at-most-late', { guarantee: 'at-most-once' })
    let seen = 0
    app.topic(topic, async () => {
      // The next batch is fetched by now, and its commit takes this long.
      if (seen++ === 0) roundTrips(400)
    })
    const { stop } = start(app)
    await waitFor('it is at work', () => seen > 0)
    await stop()
    roundTrips(0)
    const committed = await committedOf('at-most-late', topic, 2)
    expect(seen).toBe(committed.reduce((sum, offset) => sum + Math.max(offset, 0), 0))
  })

  it('sends through context.send, and says no when it has stopped', async () => {
    const [topic, to] = [await numbered('send-in', 5), await numbered('send-out', 0)]
    const app = processorOf('send')
    let kept: HandlerContext | undefined
    const offsets: number[] = []
    app.topic(topic, async (message, context) => {
      kept = context
      const record: ProducerRecord = { topic: to, value: message.value }
      offsets.push((await context.send(record)).offset)
    })
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 5)
    await stop()
    expect(offsets).toEqual([0, 1, 2, 3, 4])
    await expect(async () => await kept?.send({ topic: to, value: 'late' })).rejects.toMatchObject({ code: '_STATE' })
  })

  it('commits at once where the program says so, beside what it commits by itself', async () => {
    const topic = await numbered('commit-at-once', 30)
    // None of its own within this test.
    const app = processorOf('commit-at-once', {}, { 'auto.commit.interval.ms': 3_600_000 })
    const after: number[] = []
    app.useBatch((next) => async (batch, context) => {
      await next(batch, context)
      await app.consumer?.commit(batch, { signal: context.signal })
      after.push((await committedOf('commit-at-once', topic))[0])
    })
    app.batchTopic(topic, { max: 10 }, () => {})
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 30)
    expect(after).toEqual([10, 20, 30])
    await stop()
  })
})
