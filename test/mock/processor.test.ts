// Processors on the embedded cluster: handling, acknowledgement, order, bounds, batches.
import { KafkaError } from 'odradek'
import type { HandlerContext, ProcessorMessage } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { openBench, sleep, start } from '../helpers/processors.js'
import { rejection, waitFor } from '../helpers/wait.js'

const { processorOf, numbered, send, committedOf } = openBench()
const number = (message: ProcessorMessage) => Number(message.text())

describe('handling', () => {
  it('hands each message to the handler of its topic, in order, and commits what was handled', async () => {
    const [a, b] = [await numbered('route-a', 300, { partitions: 2 }), await numbered('route-b', 50)]
    const seen: Record<string, number[]> = {}
    const app = processorOf('route')
    app.topic(a, (message) => {
      seen[message.partition] ??= []
      seen[message.partition].push(number(message))
    })
    const other: string[] = []
    app.topic(/^route-[^a]$/, async (message) => {
      await sleep(0)
      other.push(`${message.topic} ${message.text()}`)
    })
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 350)
    await stop()
    expect(seen[0]).toEqual(Array.from({ length: 150 }, (_, i) => 2 * i))
    expect(seen[1]).toEqual(Array.from({ length: 150 }, (_, i) => 2 * i + 1))
    expect(other).toEqual(Array.from({ length: 50 }, (_, i) => `${b} ${i}`))
    expect(await committedOf('route', a, 2)).toEqual([150, 150])
    expect(await committedOf('route', b)).toEqual([50])
    expect(app.counts).toMatchObject({ received: 350, handled: 350, failed: 0 })
  })

  it('rejects with what a handler throws; its offset and those behind it are not committed', async () => {
    const topic = await numbered('throws', 100)
    const app = processorOf('throws')
    const boom = new Error('boom')
    const seen: number[] = []
    app.topic(topic, (message) => {
      if (number(message) === 42) throw boom
      seen.push(number(message))
    })
    expect(await rejection(app.run())).toBe(boom)
    expect(seen).toEqual(Array.from({ length: 42 }, (_, i) => i))
    expect(await committedOf('throws', topic)).toEqual([42])
    expect(app.health()).toMatchObject({ ok: false, ready: false, state: 'stopped' })
    expect(await rejection(app.run())).toMatchObject({ code: '_INVALID_ARG' })
  })

  it('takes the word of message.ack: success, skip, fail', async () => {
    const topic = await numbered('acks', 10)
    const app = processorOf('acks')
    app.topic(topic, (message) => {
      const n = number(message)
      if (n < 3) message.ack.success()
      else if (n < 7) message.ack.skip()
      else if (n === 8) message.ack.fail(new Error('said so'))
    })
    expect((await rejection(app.run())).message).toBe('said so')
    expect(app.counts).toMatchObject({ handled: 4, skipped: 4, failed: 1 })
    expect(await committedOf('acks', topic)).toEqual([8])
  })

  it("with acknowledge: 'explicit' a message is handled when it is acknowledged, not when the handler returns", async () => {
    const topic = await numbered('explicit', 6)
    const kept: ProcessorMessage[] = []
    const app = processorOf('explicit', { acknowledge: 'explicit', concurrency: 6, orderBy: 'none' })
    app.topic(topic, (message) => {
      kept.push(message)
    })
    const { stop } = start(app)
    await waitFor('all have been handed over', () => kept.length === 6)
    expect(app.counts.handled).toBe(0)
    for (const message of kept.slice(0, 3)) message.ack.success()
    await waitFor('three are handled', () => app.counts.handled === 3)
    kept[5].ack.success()
    for (const message of kept.slice(3, 5)) message.ack.skip()
    await waitFor('all are through', () => app.counts.skipped === 2)
    await stop()
    expect(await committedOf('explicit', topic)).toEqual([6])
  })

  it('wraps handlers so that a failure meets middleware in the order of use()', async () => {
    const topic = await numbered('order-of-use', 1)
    const app = processorOf('order-of-use')
    const steps: string[] = []
    const named =
      (name: string) =>
      (next: (message: ProcessorMessage, context: HandlerContext) => unknown) =>
      async (message: ProcessorMessage, context: HandlerContext) => {
        steps.push(`in ${name}`)
        try {
          await next(message, context)
        } catch (error) {
          steps.push(`${name} saw ${(error as Error).message}`)
          throw error
        }
      }
    app.use(named('second')).use(named('third'))
    app.topic(topic, { use: [named('first')] }, () => {
      throw new Error('it')
    })
    await rejection(app.run())
    expect(steps).toEqual(['in third', 'in second', 'in first', 'first saw it', 'second saw it', 'third saw it'])
  })

  it('stops when onError throws, and goes on when it returns', async () => {
    const topic = await numbered('on-error', 1)
    const errors: KafkaError[] = []
    const app = processorOf(
      'on-error',
      {
        onError: (error) => {
          errors.push(error)
          if (errors.length === 2) throw new Error('enough')
        },
      },
      { 'bootstrap.servers': '127.0.0.1:1', 'reconnect.backoff.max.ms': 50, 'reconnect.backoff.ms': 10 },
    )
    app.topic(topic, () => {})
    expect((await rejection(app.run())).message).toBe('enough')
    expect(errors[0]).toBeInstanceOf(KafkaError)
    expect(app.health().lastError).toBe(errors.at(-1))
  })
})

describe('concurrency', () => {
  it('keeps to the limit, and handles one message of a partition at a time', async () => {
    const topic = await numbered('by-partition', 400, { partitions: 8 })
    const app = processorOf('by-partition', { concurrency: 4 })
    let running = 0
    let most = 0
    const busy = new Set<number>()
    const last = new Map<number, number>()
    app.topic(topic, async (message) => {
      expect(busy.has(message.partition)).toBe(false)
      expect(message.offset).toBe((last.get(message.partition) ?? -1) + 1)
      last.set(message.partition, message.offset)
      busy.add(message.partition)
      most = Math.max(most, ++running)
      await sleep(1)
      running--
      busy.delete(message.partition)
    })
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 400)
    await stop()
    expect(most).toBe(4)
  })

  it('by key: a key’s messages one after the other, others beside them; offsets never pass what is not handled', async () => {
    const topic = await numbered('by-key', 1000, { partitions: 2, keys: 50 })
    const app = processorOf('by-key', { concurrency: 20, orderBy: 'key' })
    const busy = new Set<string>()
    const last = new Map<string, number>()
    let release: () => void = () => {}
    const slow = new Promise<void>((resolve) => {
      release = resolve
    })
    app.topic(topic, async (message) => {
      const key = String(message.key)
      expect(busy.has(key)).toBe(false)
      expect(number(message)).toBe((last.get(key) ?? number(message) - 50) + 50)
      last.set(key, number(message))
      busy.add(key)
      await sleep(Math.random() * 2)
      if (number(message) === 0) await slow
      busy.delete(key)
    })
    const { stop } = start(app)
    // The slow one's key has 20 messages; all others get through.
    await waitFor('the others are handled', () => app.counts.handled === 980 && app.health().running === 1)
    expect(app.health().queued).toBe(19)
    await waitFor('the other partition is committed', async () => {
      const consumer = app.consumer
      const [first, second] = (await consumer?.committed([0, 1].map((partition) => ({ topic, partition })))) ?? []
      expect(first.offset).toBeLessThanOrEqual(0)
      if (second.offset < 500) await consumer?.commit()
      return second.offset === 500
    })
    release()
    await waitFor('all is handled', () => app.counts.handled === 1000)
    await stop()
    expect(await committedOf('by-key', topic, 2)).toEqual([500, 500])
  })

  it('bounds what waits, and how far a partition gets ahead of a slow key; goes on when that is through', async () => {
    const topic = await numbered('bounds', 5000, { keys: 100 })
    const app = processorOf('bounds', { concurrency: 10, orderBy: 'key', maxQueued: 200, maxAhead: 1500 })
    let release: () => void = () => {}
    const slow = new Promise<void>((resolve) => {
      release = resolve
    })
    app.topic(topic, async (message) => {
      if (number(message) === 0) await slow
    })
    const events: string[] = []
    app.observe(({ type }) => {
      if (type === 'paused' || type === 'resumed') events.push(type)
    })
    const { stop } = start(app)
    await waitFor('it is paused', () => events.includes('paused') && app.health().running === 1)
    const { received } = app.counts
    expect(received).toBeGreaterThanOrEqual(1500)
    // At most maxQueued more than the bound, and as many that were on their way.
    expect(received).toBeLessThan(1500 + 400)
    expect(app.health().paused).toEqual([{ topic, partition: 0 }])
    release()
    await waitFor('all is handled', () => app.counts.handled === 5000)
    await stop()
    expect(events).toContain('resumed')
    expect(await committedOf('bounds', topic)).toEqual([5000])
  })

  it('does not keep the event loop, whatever the handlers do', async () => {
    const topic = await numbered('loop', 2000)
    const app = processorOf('loop')
    let ticks = 0
    let least = Number.POSITIVE_INFINITY
    app.topic(topic, () => {
      const until = performance.now() + 0.5
      while (performance.now() < until);
      if (app.counts.handled === 1999) least = ticks
    })
    const timer = setInterval(() => ticks++, 1)
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 2000, 60_000)
    clearInterval(timer)
    await stop()
    // A second of work, in turns of some 16 ms.
    expect(least).toBeGreaterThan(20)
  })
})

describe('batches', () => {
  it('come by number, by bytes and by time', async () => {
    const [byCount, byBytes] = [await numbered('batch-count', 250), await numbered('batch-bytes', 0)]
    const hundredBytes = Array.from({ length: 10 }, () => ({ value: Buffer.alloc(100) }))
    await send(byBytes, hundredBytes)
    const sizes: Record<string, number[]> = { [byCount]: [], [byBytes]: [] }
    const app = processorOf('batch-sizes')
    const offsets: number[] = []
    app.batchTopic(byCount, { max: 100, timeout: 300 }, async (batch) => {
      sizes[byCount].push(batch.length)
      offsets.push(...batch.map(({ offset }) => offset))
    })
    app.batchTopic(byBytes, { maxBytes: 350, timeout: 300 }, (batch, { messages }) => {
      expect(messages).toEqual(batch)
      sizes[byBytes].push(batch.length)
    })
    const { stop } = start(app)
    await waitFor('all is handled', () => app.counts.handled === 260)
    await stop()
    expect(sizes[byCount]).toEqual([100, 100, 50])
    expect(sizes[byBytes]).toEqual([3, 3, 3, 1])
    expect(offsets).toEqual(Array.from({ length: 250 }, (_, i) => i))
    expect(await committedOf('batch-sizes', byCount)).toEqual([250])
  })

  it('fail as a whole when the handler throws, and only in part when it says which', async () => {
    const topic = await numbered('batch-fails', 20)
    const app = processorOf('batch-fails')
    app.batchTopic(topic, { max: 10 }, (batch) => {
      for (const message of batch) if (number(message) === 13) message.ack.fail(new Error('thirteen'))
    })
    const error = await rejection(app.run())
    expect(error).toMatchObject({ name: 'BatchFailure', cause: { message: 'thirteen' } })
    expect((error as never as { failures: { message: ProcessorMessage }[] }).failures).toHaveLength(1)
    expect(await committedOf('batch-fails', topic)).toEqual([13])
  })
})
