// Processors on real Kafka: what each guarantee means when processes are killed, and when partitions change hands.
import { type ConsumerConfig, Producer } from 'odradek'
import { Processor, type ProcessorOptions } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { idOf, ProcessorModel, times } from '../helpers/processor-model.js'
import { waitFor } from '../helpers/wait.js'

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Kills the worker again and again, each time after it has done something; then lets one finish. */
async function killAndFinish(model: ProcessorModel, kills: number, progress: number): Promise<void> {
  for (let i = 0; i < kills; i++) {
    const worker = model.start()
    const mine = () => model.told.filter(({ by, type }) => by === worker.name && type === 'begin').length
    await waitFor(`${worker.name} is at work`, () => mine() > progress, 60_000)
    await model.kill(worker)
    if (i === 0) continue
    // The next need not wait until the group notices.
  }
  model.start()
}

describe('after kill -9', { timeout: 240_000 }, () => {
  it.each<[string, Partial<ProcessorOptions>]>([
    ['by partition', { concurrency: 4, orderBy: 'partition' }],
    ['by key', { concurrency: 16, orderBy: 'key' }],
    ['in no order', { concurrency: 16, orderBy: 'none' }],
  ])('at least once, %s: nothing is missing, nothing unhandled is committed, order is kept', async (_, options) => {
    const model = await ProcessorModel.open({ partitions: 4, keys: 40, count: 2000, options, failures: 0.02, delay: 1 })
    for (let i = 0; i < 3; i++) {
      const worker = model.start()
      const ends = () => model.told.filter(({ by, type }) => by === worker.name && type === 'end').length
      await waitFor(`${worker.name} is at work`, () => ends() > 100 + 150 * i, 60_000)
      await model.kill(worker)
      expect(await model.passedUnhandled()).toEqual([])
    }
    model.start()
    await model.untilCommitted()
    await model.stopAll()
    const letters = await model.deadLetters()
    const through = new Set([...model.of('end').map(idOf), ...letters])
    expect(model.all.filter((id) => !through.has(id))).toEqual([])
    expect(letters.length).toBeGreaterThan(15)
    if (options.orderBy !== 'none') expect(model.disorder(options.orderBy as 'key')).toEqual([])
    expect(model.of('died')).toEqual([])
  })

  it('at most once: nothing is begun twice', async () => {
    const options = { guarantee: 'at-most-once', concurrency: 4 } as const
    const model = await ProcessorModel.open({ partitions: 4, keys: 40, count: 4000, options, delay: 0.5 })
    await killAndFinish(model, 3, 100)
    await model.untilCommitted()
    await model.stopAll()
    expect([...times(model.of('begin').map(idOf)).values()].filter((n) => n > 1)).toEqual([])
    // What was committed and not yet handled when the process was killed is gone: that is the price.
    expect(model.of('end').length).toBeLessThanOrEqual(4000)
    expect(model.of('end').length).toBeGreaterThan(300)
  })

  it('exactly once: what is read as committed is each message once', async () => {
    const options: Partial<ProcessorOptions> = {
      guarantee: 'exactly-once',
      concurrency: 8,
      orderBy: 'key',
      exactlyOnce: { maxBatch: 100, attempts: 100 },
      producer: { 'transaction.timeout.ms': 5000 },
    }
    const model = await ProcessorModel.open({
      partitions: 4,
      keys: 40,
      count: 2000,
      options,
      failures: 0.005,
      delay: 1,
      output: true,
    })
    await killAndFinish(model, 3, 150)
    await model.untilCommitted()
    await model.stopAll()
    const read = async (topic: string) => await (await witness()).consume({ topic, isolation: 'read_committed' })
    let [records, letters] = [await read(model.output as string), await read(`${model.topic}.dlq`)]
    // What killed ones left open hides what follows it, until it has timed out.
    await waitFor('the open transactions have timed out', async () => {
      records = await read(model.output as string)
      letters = await read(`${model.topic}.dlq`)
      return records.length + letters.length >= 2000
    })
    const values = [...records, ...letters].map(({ value }) => Number(value)).sort((a, b) => a - b)
    expect(values).toEqual(Array.from({ length: 2000 }, (_, i) => i))
    expect(letters.length).toBeGreaterThan(15)
    // More was begun than came out: the killed ones' work does not show.
    expect(model.of('begin').length).toBeGreaterThan(2000)
  })
})

const protocols: Record<string, ConsumerConfig> = {
  eager: { 'partition.assignment.strategy': 'range', 'heartbeat.interval.ms': 100 },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', 'heartbeat.interval.ms': 100 },
  'KIP-848': { 'group.protocol': 'consumer' },
}

describe('when partitions change hands', { timeout: 120_000 }, () => {
  it.each(Object.keys(protocols))(
    'what is at work is finished and committed first: none is handled twice (%s)',
    async (protocol) => {
      const topic = await createTopic('hands', { partitions: 6 })
      const group = uniqueGroup()
      await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
      let count = 0
      const fill = async () => {
        const records = Array.from({ length: 300 }, (_, i) => ({ key: `k${i % 60}`, value: 'v', partition: i % 6 }))
        await producer.sendBatch(topic, records)
        count += 300
      }
      // Messages keep coming, so that whoever joins has something to do.
      const works = (what: string, app: Processor) =>
        waitFor(
          what,
          async () => {
            if (app.counts.handled > 100) return true
            if (handled.length > count - 300) await fill()
            return false
          },
          60_000,
        )
      const handled: string[] = []
      const revoked: number[] = []
      const make = (options: Partial<ProcessorOptions>) => {
        const stop = new AbortController()
        const app = new Processor(
          { 'bootstrap.servers': bootstrapServers(), 'group.id': group, ...protocols[protocol] },
          { onError: () => {}, concurrency: 10, onRevoked: (list) => void revoked.push(list.length), ...options },
        )
        app.topic(topic, async (message) => {
          await sleep(5)
          handled.push(idOf(message))
        })
        return { app, stop, done: app.run({ signal: stop.signal }) }
      }
      const first = make({ orderBy: 'key' })
      await works('the first is at work', first.app)
      const second = make({ orderBy: 'none' })
      await works('the second is at work', second.app)
      first.stop.abort()
      await first.done
      const third = make({ orderBy: 'partition' })
      await works('the third is at work', third.app)
      await waitFor('all is handled', () => new Set(handled).size === count, 60_000)
      second.stop.abort()
      third.stop.abort()
      await Promise.all([second.done, third.done])
      expect([...times(handled).entries()].filter(([, n]) => n > 1)).toEqual([])
      expect(revoked.length).toBeGreaterThan(0)
      const offsets = (await (await witness()).groupOffsets(group))[topic]
      expect(Object.values(offsets).map(({ offset }) => offset)).toEqual(Array(6).fill(count / 6))
    },
  )

  it('a partition that is lost aborts its handlers, and nothing of it is committed', async () => {
    const topic = await createTopic('lost', { partitions: 1 })
    const group = uniqueGroup()
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
    await producer.sendBatch(topic, [{ value: 'a' }, { value: 'b' }])
    const stop = new AbortController()
    let reason: unknown
    const kinds: string[] = []
    const config = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 1000, 'max.poll.interval.ms': 6000 }
    const app = new Processor(
      { 'bootstrap.servers': bootstrapServers(), 'group.id': group, ...config },
      { onError: () => {} },
    )
    app.observe((event) => void (event.type === 'rebalance' && kinds.push(event.kind)))
    let blocked = false
    app.topic(topic, async (_, { signal }) => {
      if (blocked) return
      blocked = true
      // The process is stuck for longer than the group waits.
      const until = performance.now() + 9000
      while (performance.now() < until);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          resolve()
        })
      })
    })
    const done = app.run({ signal: stop.signal })
    await waitFor('both are handled after all', () => app.counts.handled === 2, 60_000)
    stop.abort()
    await done
    expect(kinds.slice(0, 3)).toEqual(['assigned', 'lost', 'assigned'])
    expect(reason).toMatchObject({ code: '_ASSIGNMENT_LOST' })
    expect(app.counts).toMatchObject({ handled: 2, abandoned: 1, failed: 0 })
  })
})
