// Static members (group.instance.id) on real Kafka: who comes with an id that is in use, and who comes back with his own.
import { Consumer, type ConsumerOptions, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

let producer: Producer
beforeAll(() => {
  producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
})
afterAll(() => producer.close())

const protocols = {
  eager: { 'partition.assignment.strategy': 'range', 'heartbeat.interval.ms': 200 },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', 'heartbeat.interval.ms': 200 },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const
type Protocol = keyof typeof protocols

const nothing = () => {}
const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing }

function memberOf(group: string, instance: string, protocol: Protocol, options: ConsumerOptions = {}) {
  const config = {
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'group.instance.id': instance,
    'auto.offset.reset': 'earliest',
    'auto.commit.interval.ms': 600_000,
  } as const
  return new Consumer({ ...config, ...protocols[protocol] }, { logger: silent, ...options })
}

/** Reads until told to stop; what came is in `seen`, as partition/offset. */
function readerOf(consumer: Consumer) {
  const seen: string[] = []
  const stop = new AbortController()
  const read = async () => {
    for await (const { partition, offset } of consumer.messages({ signal: stop.signal })) {
      seen.push(`${partition}/${offset}`)
    }
  }
  const reading = read()
  // Looked at later.
  reading.catch(() => {})
  const end = async () => {
    stop.abort()
    expect((await rejection(reading)).name).toBe('AbortError')
    await consumer.close()
  }
  return { seen, reading, end }
}

/** Three messages more in each of two partitions, as their readers will name them. */
async function feed(topic: string, from: number): Promise<string[]> {
  const records = Array.from({ length: 6 }, (_, i) => ({ value: 'v', partition: i % 2 }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  return [0, 1].flatMap((partition) => [0, 1, 2].map((i) => `${partition}/${from + i}`))
}

async function committedOf(group: string, topic: string) {
  const offsets = (await (await witness()).groupOffsets(group))[topic] ?? {}
  return Object.values(offsets).map(({ offset }) => offset)
}

describe.each(['eager', 'cooperative'] as const)('%s', (protocol) => {
  it('a second member with the same id fences the first, and goes on where that one has committed', async () => {
    const [topic, group] = [await createTopic('fenced', { partitions: 2 }), uniqueGroup()]
    const before = await feed(topic, 0)
    const first = memberOf(group, 'a', protocol)
    await first.subscribe(topic)
    const old = readerOf(first)
    await waitFor('the first reads', () => old.seen.length === before.length, 60_000)
    const kept = [0, 1].map((partition) => ({ topic, partition, offset: 2 }))
    for (const { error } of await first.commit(kept)) expect(error).toBeUndefined()

    const second = memberOf(group, 'a', protocol)
    await second.subscribe(topic)
    const anew = readerOf(second)
    expect(await rejection(old.reading)).toMatchObject({ code: 'FENCED_INSTANCE_ID', fatal: true })
    await waitFor('the second has its partitions', () => second.assignment.length === 2, 60_000)
    expect(first.health()).toMatchObject({ ok: false, fatalError: { code: 'FENCED_INSTANCE_ID' } })
    expect(await rejection(first.poll(1000))).toMatchObject({ code: 'FENCED_INSTANCE_ID', fatal: true })
    await first.close()
    // What it had handled since is not committed over the second's head.
    expect(await committedOf(group, topic)).toEqual([2, 2])

    const after = await feed(topic, 3)
    await waitFor('the second reads on', () => anew.seen.length >= 8, 60_000)
    expect(anew.seen.sort()).toEqual(['0/2', '1/2', ...after].sort())
    await anew.end()
    expect(await committedOf(group, topic)).toEqual([6, 6])
  })
})

describe('KIP-848', () => {
  it('an id that is in use is refused to a second member; once released, it goes on without loss', async () => {
    const [topic, group] = [await createTopic('unreleased', { partitions: 2 }), uniqueGroup()]
    const before = await feed(topic, 0)
    const first = memberOf(group, 'a', 'KIP-848')
    await first.subscribe(topic)
    const old = readerOf(first)
    await waitFor('the first reads', () => old.seen.length === before.length, 60_000)

    const second = memberOf(group, 'a', 'KIP-848')
    await second.subscribe(topic)
    expect(await rejection(readerOf(second).reading)).toMatchObject({ code: 'UNRELEASED_INSTANCE_ID', fatal: true })
    await second.close()

    const after = await feed(topic, 3)
    await waitFor('the first reads on', () => old.seen.length >= 12, 60_000)
    expect(old.seen.sort()).toEqual([...before, ...after].sort())
    await old.end()
    expect(await committedOf(group, topic)).toEqual([6, 6])

    const third = memberOf(group, 'a', 'KIP-848')
    await third.subscribe(topic)
    const anew = readerOf(third)
    const last = await feed(topic, 6)
    await waitFor('the next reads on', () => anew.seen.length >= last.length, 60_000)
    expect(anew.seen.sort()).toEqual(last)
    await anew.end()
  })
})

describe.each(Object.keys(protocols) as Protocol[])('%s', (protocol) => {
  it('a member that comes back in time gets its partitions again, and the other hears nothing of it', async () => {
    const [topic, group] = [await createTopic('static', { partitions: 2 }), uniqueGroup()]
    const rebalances: string[] = []
    const stays = memberOf(group, 'stays', protocol, {
      onAssigned: (partitions) => void (partitions.length > 0 && rebalances.push('assigned')),
      onRevoked: () => void rebalances.push('revoked'),
    })
    let goes = memberOf(group, 'goes', protocol)
    await Promise.all([stays.subscribe(topic), goes.subscribe(topic)])
    const staying = readerOf(stays)
    let going = readerOf(goes)
    await waitFor('each has one', () => stays.assignment.length === 1 && goes.assignment.length === 1, 60_000)
    const generation = async (consumer: Consumer) => (await consumer.groupMetadata()).generationId
    await waitFor('the group is stable', async () => (await generation(stays)) === (await generation(goes)), 60_000)
    await feed(topic, 0)
    await waitFor('both read', () => staying.seen.length === 3 && going.seen.length === 3, 60_000)
    const before = { rebalances: [...rebalances], ...(await stays.groupMetadata()), opaque: undefined }
    const mine = goes.assignment

    await going.end()
    const meanwhile = await feed(topic, 3)
    await waitFor('who stays reads on', () => staying.seen.length === 6, 60_000)
    goes = memberOf(group, 'goes', protocol)
    await goes.subscribe(topic)
    going = readerOf(goes)
    await waitFor('who came back reads on', () => going.seen.length >= 3, 60_000)
    expect(goes.assignment).toEqual(mine)
    expect(going.seen).toEqual(meanwhile.filter((name) => name.startsWith(`${mine[0].partition}/`)))

    await feed(topic, 6)
    await waitFor('both read on', () => staying.seen.length === 9 && going.seen.length === 6, 60_000)
    expect({ rebalances, ...(await stays.groupMetadata()), opaque: undefined }).toEqual(before)
    await going.end()
    await staying.end()
  })
})
