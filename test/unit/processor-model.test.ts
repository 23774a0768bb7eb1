// A model of the scheduler: whatever ends when, order holds, the limit holds, and no offset passes what is not handled.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import type { Message } from 'odradek'
import type { OrderBy } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
// Not part of the package's surface: the parts behind it.
import { Scheduler } from '../../lib/processor/scheduler.js'
import { Partition, Task } from '../../lib/processor/task.js'

interface Handled {
  partition: number
  key: string | null
  offset: number
}

const messageOf = (partition: number, offset: number, key: string | null) =>
  ({
    topic: 't',
    partition,
    offset,
    leaderEpoch: 1,
    key: key === null ? null : Buffer.from(key),
    keyText: () => key,
  }) as unknown as Message

/** A message: its partition, its key, and how it ends: at once, after some turns, or after a wait without a place. */
const arrivals = fc.array(
  fc.record({
    partition: fc.integer({ min: 0, max: 2 }),
    key: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: null }),
    turns: fc.integer({ min: -1, max: 4 }),
    sleeps: fc.boolean(),
  }),
  { maxLength: 60 },
)

function model(
  orderBy: OrderBy,
  concurrency: number,
  list: Awaited<ReturnType<typeof arrivals.generate>>['value'],
  close: number | undefined,
) {
  const begun: Handled[] = []
  const ended = new Set<string>()
  const busy = new Set<string>()
  let most = 0
  let running = 0
  const fate = new Map(list.map((item, i) => [i, item]))
  const orderOf = (message: { partition: number; key: string | null }) => {
    if (orderBy === 'partition') return String(message.partition)
    return orderBy === 'key' && message.key !== null ? `${message.partition}/${message.key}` : undefined
  }
  const scheduler = new Scheduler(concurrency, orderBy, {
    handle: (task: Task) => {
      const message = task.message as Message
      const id = { partition: message.partition, key: message.key && String(message.key), offset: message.offset }
      const order = orderOf(id)
      if (order !== undefined) {
        expect(busy.has(order)).toBe(false)
        busy.add(order)
        const before = begun.findLast((other) => orderOf(other) === order)
        expect(before === undefined || before.offset < id.offset).toBe(true)
      }
      begun.push(id)
      most = Math.max(most, ++running)
      const { turns, sleeps } = fate.get(message.offset) as (typeof list)[number]
      const end = () => {
        running--
        if (order !== undefined) busy.delete(order)
        ended.add(`${id.partition}/${id.offset}`)
      }
      if (turns < 0) return end()
      return (async () => {
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
        if (sleeps) {
          running--
          // Rejects when the partition is gone: what unwinds then is no handling, and needs no place.
          await scheduler.sleep(0, [task])
          running++
        }
        end()
      })()
    },
    finished: (task: Task, outcome: string) => {
      if (outcome === 'abandoned') return
      expect(outcome).toBe('success')
      task.partition.finish(task)
    },
    failed: (error: unknown) => {
      throw error
    },
  })
  const partitions = [0, 1, 2].map((n) => new Partition('t', n, undefined as never, undefined as never))
  const received: Handled[] = []
  const check = () => {
    for (const { partition, passed, ahead } of partitions) {
      const mine = received.filter((message) => message.partition === partition)
      const first = mine.findIndex(({ offset }) => !ended.has(`${partition}/${offset}`))
      const through = first < 0 ? mine : mine.slice(0, first)
      // Never beyond what is handled; it may be behind by what ends in this very turn.
      if (passed) expect(through.some(({ offset }) => offset + 1 === passed.offset)).toBe(true)
      expect(ahead).toBeGreaterThanOrEqual(mine.length - through.length)
    }
    expect(most).toBeLessThanOrEqual(concurrency)
  }
  return { scheduler, partitions, received, check, begun, ended, close }
}

describe('the scheduler', () => {
  it.each<OrderBy>(['partition', 'key', 'none'])('keeps its promises, by %s', async (orderBy) => {
    await fc.assert(
      fc.asyncProperty(
        arrivals,
        fc.integer({ min: 1, max: 5 }),
        fc.option(fc.integer({ min: 0, max: 59 })),
        async (list, concurrency, closeAt) => {
          const m = model(orderBy, concurrency, list, closeAt ?? undefined)
          for (const [i, { partition, key }] of list.entries()) {
            m.received.push({ partition, key, offset: i })
            m.scheduler.add(new Task(messageOf(partition, i, key), m.partitions[partition]))
            if (i % 7 === 0) {
              m.scheduler.pump()
              await null
              m.check()
            }
            if (i === closeAt) m.scheduler.close(m.partitions[0])
            if (closeAt !== null && i > closeAt && partition === 0) break
          }
          m.scheduler.pump()
          const quiet = () =>
            m.scheduler.running === 0 &&
            m.partitions.every(({ busy, queued, closed }) => busy === 0 && (closed || queued === 0))
          expect(await m.scheduler.until(quiet, 5000)).toBe(true)
          m.check()
          for (const partition of m.partitions) {
            if (partition.closed) continue
            // All is handled, so all is passed, and no lane is kept.
            expect(partition.ahead).toBe(0)
            expect(partition.lanes.size).toBe(0)
          }
          expect(m.scheduler.running).toBe(0)
          expect(m.scheduler.sleeping).toBe(0)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('leaves no gap behind what has begun when a partition is curtailed, by key', async () => {
    const quick = arrivals.map((list) =>
      list.map((item) => ({ ...item, turns: Math.max(item.turns, 0), sleeps: false })),
    )
    await fc.assert(
      fc.asyncProperty(
        quick,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 6 }),
        async (list, most, after) => {
          const m = model('key', most, list, undefined)
          for (const [i, { partition, key }] of list.entries()) {
            m.received.push({ partition, key, offset: i })
            m.scheduler.add(new Task(messageOf(partition, i, key), m.partitions[partition]))
          }
          m.scheduler.pump()
          for (let turn = 0; turn < after; turn++) await new Promise((resolve) => setImmediate(resolve))
          const begun = m.begun.length
          for (const partition of m.partitions) m.scheduler.curtail(partition)
          const quiet = () => m.partitions.every(({ busy, queued }) => busy + queued === 0)
          expect(await m.scheduler.until(quiet, 5000)).toBe(true)
          m.check()
          expect(m.scheduler.queued).toBe(0)
          for (const { partition, passed } of m.partitions) {
            const ours = (some: Handled[]) => some.filter((message) => message.partition === partition)
            const end = Math.max(-1, ...ours(m.begun).map(({ offset }) => offset))
            // Everything that was handled may be committed, and nothing was begun beyond what had begun by then.
            expect(passed?.offset ?? 0).toBe(end + 1)
            expect(end).toBe(Math.max(-1, ...ours(m.begun.slice(0, begun)).map(({ offset }) => offset)))
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('when it stops, what is handled does not take along what was left waiting behind it', async () => {
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const outcomes: string[] = []
    const scheduler = new Scheduler(3, 'none', {
      handle: async (task: Task) => {
        if (task.message?.offset === 1) await scheduler.sleep(60_000, [task])
        else if (task.message?.offset === 0) await held
      },
      finished: (task: Task, outcome: string) => {
        outcomes.push(`${outcome} ${task.message?.offset}`)
        if (outcome === 'success') task.partition.finish(task)
      },
      failed: () => {},
    })
    const partition = new Partition('t', 0, undefined as never, undefined as never)
    for (const offset of [0, 1, 2]) scheduler.add(new Task(messageOf(0, offset, null), partition))
    scheduler.pump()
    expect(await scheduler.until(() => scheduler.sleeping === 1 && outcomes.length === 1, 5000)).toBe(true)
    scheduler.stop()
    expect(await scheduler.until(() => outcomes.length === 2, 5000)).toBe(true)
    release()
    expect(await scheduler.until(() => scheduler.running === 0, 5000)).toBe(true)
    expect(outcomes).toEqual(['success 2', 'abandoned 1', 'success 0'])
    expect(partition.passed?.offset).toBe(1)
  })

  it('gives topics their places in turn, however much one has waiting', async () => {
    const order: string[] = []
    const scheduler = new Scheduler(1, 'key', {
      handle: async (task: Task) => {
        order.push(task.partition.topic)
        await null
      },
      finished: (task: Task) => void task.partition.finish(task),
      failed: () => {},
    })
    const [slow, other] = ['slow', 'other'].map(
      (topic) => new Partition(topic, 0, undefined as never, undefined as never),
    )
    for (let i = 0; i < 2000; i++) scheduler.add(new Task(messageOf(0, i, `k${i}`), slow))
    for (let i = 0; i < 3; i++) scheduler.add(new Task(messageOf(0, i, `k${i}`), other))
    scheduler.pump()
    expect(await scheduler.until(() => scheduler.running === 0, 5000)).toBe(true)
    expect(order).toHaveLength(2003)
    expect(order.lastIndexOf('other')).toBeLessThan(10)
  })

  it.each<[OrderBy, number, boolean]>([
    ['key', 1, false],
    ['key', 50, true],
    ['none', 50, true],
    ['partition', 1, false],
  ])('lets the event loop turn: by %s, concurrency %i, async %s', async (orderBy, concurrency, isAsync) => {
    let [handled, turns] = [0, 0]
    const work = () => {
      const until = performance.now() + 0.2
      while (performance.now() < until);
      handled++
    }
    const scheduler = new Scheduler(concurrency, orderBy, {
      handle: isAsync ? async () => work() : work,
      finished: (task: Task) => void task.partition.finish(task),
      failed: () => {},
    })
    const partition = new Partition('t', 0, undefined as never, undefined as never)
    for (let i = 0; i < 1000; i++) scheduler.add(new Task(messageOf(0, i, `k${i}`), partition))
    const turn = () => {
      turns++
      if (handled < 1000) setImmediate(turn)
    }
    setImmediate(turn)
    scheduler.pump()
    expect(await scheduler.until(() => handled === 1000, 20_000)).toBe(true)
    // 200 ms of work, in turns of some 10 ms and at most 32 messages (6 ms) more.
    expect(turns).toBeGreaterThan(5)
  })

  it('hands the context of one that waits on to nobody', async () => {
    const storage = new AsyncLocalStorage<number>()
    const seen: [number, number | undefined][] = []
    const scheduler = new Scheduler(1, 'none', {
      handle: async (task: Task) => {
        const { offset } = task.message as Message
        // What a middleware finds, before it has one of its own.
        seen.push([offset, storage.getStore()])
        await storage.run(offset, async () => {
          if (offset === 0) await scheduler.sleep(20, [task])
          expect(storage.getStore()).toBe(offset)
        })
      },
      finished: (task: Task) => void task.partition.finish(task),
      failed: (error) => {
        throw error
      },
    })
    const partition = new Partition('t', 0, undefined as never, undefined as never)
    for (let offset = 0; offset < 50; offset++) scheduler.add(new Task(messageOf(0, offset, null), partition))
    scheduler.pump()
    expect(await scheduler.until(() => scheduler.running === 0 && partition.ahead === 0, 5000)).toBe(true)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, offset) => [offset, undefined]))
  })

  it('takes promises of every kind at their word, once', async () => {
    const outcomes: string[] = []
    class Own<T> extends Promise<T> {}
    const results: (() => unknown)[] = [
      () => undefined,
      () => 7,
      () => Promise.resolve(),
      () => Own.resolve(),
      () => Own.reject(new Error('own')),
      // Calls back at once, twice, and throws.
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: that is what it is about
        then: (done: () => void) => {
          done()
          done()
          throw new Error('too late')
        },
      }),
      () => null,
    ]
    let thrown: unknown
    const open = () => {
      const scheduler = new Scheduler(1, 'partition', {
        handle: (task: Task) => results[(task.message as Message).offset](),
        finished: (task: Task, outcome: string) => {
          outcomes.push(`${(task.message as Message).offset} ${outcome}`)
          if (outcome === 'success') task.partition.finish(task)
        },
        failed: (error) => {
          thrown = error
        },
      })
      return scheduler
    }
    for (const offsets of [[0, 1, 2, 3, 5, 6], [4]]) {
      const scheduler = open()
      const partition = new Partition('t', 0, undefined as never, undefined as never)
      for (const offset of offsets) scheduler.add(new Task(messageOf(0, offset, null), partition))
      scheduler.pump()
      expect(await scheduler.until(() => scheduler.running === 0, 5000)).toBe(true)
    }
    expect(outcomes).toEqual([
      '0 success',
      '1 success',
      '2 success',
      '3 success',
      '5 success',
      '6 success',
      '4 failure',
    ])
    expect(thrown).toMatchObject({ message: 'own' })
  })

  it('keeps nothing of the keys and messages that it has seen', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    let handled = 0
    const scheduler = new Scheduler(10, 'key', {
      handle: () => {
        handled++
      },
      finished: (task: Task) => void task.partition.finish(task),
      failed: () => {},
    })
    const partition = new Partition('t', 0, undefined as never, undefined as never)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 100_000; i++) {
      scheduler.add(new Task(messageOf(0, i, `k${i}`), partition))
      if (i % 500 === 0) {
        scheduler.pump()
        await null
      }
    }
    scheduler.pump()
    expect(await scheduler.until(() => handled === 100_000 && scheduler.running === 0, 10_000)).toBe(true)
    expect(partition.lanes.size).toBe(0)
    collect()
    // 100,000 tasks are 20 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4e6)
    expect(partition.passed?.offset).toBe(100_000)
  })
})
