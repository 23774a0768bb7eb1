// Stretches of a topic, and consumers without a group.
import { Consumer, type KafkaError, MockCluster, Offset, Producer, type ReadOptions } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
let reader: Consumer
const errors: KafkaError[] = []

beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  const config = { 'bootstrap.servers': cluster.bootstrapServers }
  await cluster.createTopic('t', { partitions: 3 })
  await cluster.createTopic('empty', { partitions: 2 })
  await using producer = new Producer(config)
  await producer.sendBatch(
    't',
    Array.from({ length: 3000 }, (_, i) => ({ value: String(i), partition: i % 3 })),
  )
  reader = new Consumer({ ...config, 'fetch.wait.max.ms': 50 }, { onError: (error) => errors.push(error) })
})
afterAll(async () => {
  await reader.close()
  await cluster.close()
  expect(errors).toEqual([])
})

async function offsetsOf(options: ReadOptions) {
  const seen: number[][] = [[], [], []]
  for await (const { partition, offset } of reader.read(options)) seen[partition].push(offset)
  return seen
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe('read', () => {
  it.each<[string, Omit<ReadOptions, 'topic'>, [number, number][]]>([
    [
      'a whole topic',
      {},
      [
        [0, 1000],
        [0, 1000],
        [0, 1000],
      ],
    ],
    [
      'offsets of all partitions',
      { from: 10, to: 20 },
      [
        [10, 20],
        [10, 20],
        [10, 20],
      ],
    ],
    [
      'one partition',
      { partition: 1, from: 990 },
      [
        [0, 0],
        [990, 1000],
        [0, 0],
      ],
    ],
    [
      'the last of it',
      { partition: 2, from: Offset.tail(5), to: Offset.end },
      [
        [0, 0],
        [0, 0],
        [995, 1000],
      ],
    ],
    [
      'up to the last few',
      { from: 900, to: Offset.tail(90) },
      [
        [900, 910],
        [900, 910],
        [900, 910],
      ],
    ],
    [
      'more than there is',
      { from: 995, to: 5000 },
      [
        [995, 1000],
        [995, 1000],
        [995, 1000],
      ],
    ],
    [
      'nothing',
      { from: 20, to: 20 },
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    ],
    [
      'what is yet to come',
      { from: Offset.end },
      [
        [0, 0],
        [0, 0],
        [0, 0],
      ],
    ],
  ])('%s', async (_, options, expected) => {
    expect(await offsetsOf({ topic: 't', ...options })).toEqual(expected.map(([from, to]) => range(from, to)))
    expect(reader.assignment).toEqual([])
  })

  it('an empty topic', async () => {
    expect(await offsetsOf({ topic: 'empty' })).toEqual([[], [], []])
  })

  it('may be left with break, and the consumer used again', async () => {
    for await (const { offset } of reader.read({ topic: 't', partition: 0 })) if (offset === 5) break
    expect(reader.assignment).toEqual([])
    expect(await offsetsOf({ topic: 't', partition: 0, from: 3, to: 6 })).toEqual([[3, 4, 5], [], []])
  })

  it('ends with the reason of an aborted signal', async () => {
    const controller = new AbortController()
    const read = async () => {
      for await (const _ of reader.read({ topic: 't', signal: controller.signal }))
        controller.abort(new Error('enough'))
    }
    expect((await rejection(read())).message).toBe('enough')
    expect(reader.assignment).toEqual([])
  })

  it('refuses what it cannot read', async () => {
    expect(() => reader.read({ topic: '' })).toThrow(/read: topic is a name; got ''/)
    expect(() => reader.read({ topic: 't', partition: -1 })).toThrow(/partition is an integer from 0; got -1/)
    expect(() => reader.read({ topic: 't', from: Offset.stored })).toThrow(/from is an offset.*got -1000/)
    expect(() => reader.read({ topic: 't', to: new Date(Number.NaN) })).toThrow(/to is an offset.*got Invalid Date/)
    expect((await rejection(offsetsOf({ topic: 't', partition: 9, timeout: 500 }))).code).toMatch(
      /^_?UNKNOWN|^_TIMED_OUT/,
    )
    await reader.assign([{ topic: 't', partition: 0, offset: 0 }])
    expect((await rejection(offsetsOf({ topic: 't' }))).code).toBe('_STATE')
    await reader.assign(null)
    const member = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' })
    expect(() => member.read({ topic: 't' })).toThrow(/leave 'group.id' away, or set 'enable.partition.eof'/)
    await member.close()
  })
})

describe('without a group', () => {
  it('reads what it was assigned, from where it was told', async () => {
    await reader.assign([
      { topic: 't', partition: 0, offset: 998 },
      { topic: 't', partition: 2, offset: Offset.tail(1) },
    ])
    const seen: string[] = []
    for await (const { partition, offset } of reader) if (seen.push(`${partition}@${offset}`) === 3) break
    expect(seen.sort()).toEqual(['0@998', '0@999', '2@999'])
    await reader.assign(null)
  })

  it('refuses what only a group has', async () => {
    const calls = [reader.subscribe('t'), reader.commit(), reader.committed([{ topic: 't', partition: 0 }])]
    for (const call of calls) expect(await rejection(call)).toMatchObject({ code: '_UNKNOWN_GROUP' })
    expect(() => reader.storeOffsets([])).toThrow(/has no 'group.id'/)
  })
})
