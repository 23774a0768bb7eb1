// Applications that take their time: as long as they go on asking the group keeps them, past max.poll.interval.ms they
// are told, and nothing is lost either way.
import { Consumer, type ConsumerOptions, type KafkaError, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

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

const shortest = 1000
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function slowConsumer(
  group: string,
  options: ConsumerOptions = {},
  { partitions = 1, count = 100, interval = shortest, size = 1 } = {},
) {
  await cluster.createTopic(group, { partitions })
  const records = Array.from({ length: count }, (_, i) => ({
    value: String(i).padEnd(size),
    partition: i % partitions,
  }))
  await producer.sendBatch(group, records)
  const config = {
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': group,
    'group.protocol': 'consumer',
    'auto.offset.reset': 'earliest',
    'fetch.wait.max.ms': 50,
    'max.poll.interval.ms': interval,
  } as const
  const consumer = new Consumer(config, options)
  await consumer.subscribe(group)
  return { consumer, config }
}

describe('slow applications', () => {
  // All of it fits into one slab: without being told, the group would not hear of the application meanwhile.
  it('stay in the group while they go on asking: message by message, in batches, by poll', async () => {
    const offsets = Array.from({ length: 10 }, (_, i) => i)
    const handled = 300
    const longest = 2500 // less than all of them together
    await Promise.all(
      (['messages', 'batches', 'poll'] as const).map(async (how) => {
        const errors: KafkaError[] = []
        const lost: unknown[] = []
        const options = {
          onError: (error: KafkaError) => errors.push(error),
          onLost: (p: unknown) => void lost.push(p),
        }
        const { consumer } = await slowConsumer(`goes-on-${how}`, options, { interval: longest })
        const seen: (number | undefined)[] = []
        const handle = async (offset: number | undefined) => {
          await pause(handled)
          return seen.push(offset) === offsets.length
        }
        if (how === 'messages') {
          for await (const { offset } of consumer) if (await handle(offset)) break
        } else if (how === 'batches') {
          for await (const batch of consumer.batches({ max: 1 })) if (await handle(batch.at(0)?.offset)) break
        } else {
          while (!(await handle((await consumer.poll(20_000))?.offset)));
        }
        expect(seen).toEqual(offsets)
        expect({ errors, lost }).toEqual({ errors: [], lost: [] })
        await consumer.close()
      }),
    )
  })

  it('hear of a rebalance before they are through with what was fetched', async () => {
    const revoked: number[] = []
    const onRevoked = (partitions: { partition: number }[]) => void revoked.push(...partitions.map((p) => p.partition))
    const { consumer, config } = await slowConsumer(
      'hears',
      { onRevoked },
      { partitions: 2, count: 1000, interval: 60_000 },
    )
    const stop = new AbortController()
    let handled = 0
    const reading = (async () => {
      for await (const _ of consumer.messages({ signal: stop.signal })) {
        handled++
        await pause(20)
      }
    })().catch((error) => expect(error.name).toBe('AbortError'))
    await waitFor('some messages', () => handled > 5)
    const second = new Consumer(config)
    await second.subscribe('hears')
    const other = second.poll(30_000)
    await waitFor('one partition is given up', () => revoked.length === 1)
    // Through with a part of one slab only, of 1,000 messages.
    expect(handled).toBeLessThan(900)
    expect((await other)?.partition).toBe(revoked[0])
    stop.abort()
    await reading
    await Promise.all([consumer.close(), second.close()])
  })

  // Of large ones more waits behind the block in hand, so nothing is asked for meanwhile, nor is heard of the loss.
  it.each([
    ['small', 1],
    ['large', 100_000],
  ])('are told past max.poll.interval.ms, get nothing more of what they lost, and go on: %s', async (name, size) => {
    const events: string[] = []
    const errors: KafkaError[] = []
    const options: ConsumerOptions = {
      onAssigned: () => void events.push('assigned'),
      onRevoked: () => void events.push('revoked'),
      onLost: () => void events.push('lost'),
      onError: (error) => errors.push(error),
    }
    const { consumer } = await slowConsumer(`too-late-${name}`, options, { count: 30, size })
    const seen: number[] = []
    for await (const { offset } of consumer) {
      seen.push(offset)
      if (seen.length === 5) await pause(2.5 * shortest)
      if (seen.length === 20) break
    }
    // The group was told of 0 to 3; the fifth was lost while it was handled, so it comes again.
    expect(seen.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
    const [again] = seen.slice(5)
    expect(again).toBeLessThanOrEqual(4)
    expect(seen.slice(5)).toEqual(Array.from({ length: 15 }, (_, i) => again + i))
    expect(events).toEqual(['assigned', 'lost', 'assigned'])
    const told = errors.filter(({ code }) => code === '_MAX_POLL_EXCEEDED')
    expect(told.map(({ message }) => message)).toEqual([expect.stringMatching(/1000 ms.*max\.poll\.interval\.ms/)])
    await consumer.close()
  })

  it('may pause everything for longer than the interval while they wait', async () => {
    const errors: KafkaError[] = []
    const { consumer } = await slowConsumer('all-paused', { onError: (error) => errors.push(error) })
    expect((await consumer.poll(20_000))?.offset).toBe(0)
    await consumer.pause(consumer.assignment)
    expect(await consumer.poll(2.5 * shortest)).toBeNull()
    await consumer.resume(consumer.assignment)
    expect((await consumer.poll(20_000))?.offset).toBe(1)
    expect(errors).toEqual([])
    await consumer.close()
  })

  it.each(['onAssigned', 'onRevoked'] as const)('have an %s that never settles reported, and go on', async (name) => {
    const errors: KafkaError[] = []
    const revoked: unknown[] = []
    let calls = 0
    const hook = () => (++calls === 1 ? new Promise<void>(() => {}) : undefined)
    const topic = `never-${name}`
    const { consumer, config } = await slowConsumer(
      topic,
      { [name]: hook, onLost: (p) => void revoked.push(p), onError: (error) => errors.push(error) },
      { partitions: 2 },
    )
    const seen = new Set<string>()
    const stop = new AbortController()
    const reading = (async () => {
      for await (const { partition, offset } of consumer.messages({ signal: stop.signal })) {
        seen.add(`${partition}@${offset}`)
      }
    })().catch((error) => expect(error.name).toBe('AbortError'))
    const other = new Consumer(config)
    if (name === 'onRevoked') {
      await waitFor('messages before', () => seen.size === 100)
      await other.subscribe(topic)
      const joining = other.poll(60_000)
      await waitFor('the hook is reported', () => errors.some(({ code }) => code === '_APPLICATION'))
      await producer.sendBatch(
        topic,
        [0, 1].map((partition) => ({ value: 'later', partition })),
      )
      await waitFor('the other reads', async () => (await joining) !== null)
    }
    await waitFor('the hook is reported', () => errors.some(({ code }) => code === '_APPLICATION'))
    expect(errors.find(({ code }) => code === '_APPLICATION')?.message).toMatch(
      new RegExp(`the ${name} hook failed: it did not settle within ${shortest} ms \\(max\\.poll\\.interval\\.ms\\)`),
    )
    await waitFor('it reads on', () => seen.size >= 100)
    stop.abort()
    await Promise.all([other.close(), reading])
    await consumer.close()
  })
})
