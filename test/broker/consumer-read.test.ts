// Stretches by time, and ends that no message tells of: what only a real Kafka has.
import { Consumer, Offset, type ReadOptions } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bootstrapServers, createTopic, witness } from '../helpers/kafka.js'

let reader: Consumer
beforeAll(() => {
  reader = new Consumer({ 'bootstrap.servers': bootstrapServers() })
})
afterAll(() => reader.close())

const start = Date.parse('2026-11-01T00:00:00Z')
const hour = 3_600_000

async function read(options: ReadOptions) {
  const values: string[] = []
  for await (const message of reader.read(options)) values.push(`${message.partition}:${message.text()}`)
  return values.sort()
}

it('reads from a time up to a time', async () => {
  const topic = await createTopic('times', { partitions: 2 })
  const records = Array.from({ length: 20 }, (_, i) => ({
    value: String(i),
    partition: i % 2,
    timestamp: start + Math.floor(i / 2) * hour,
  }))
  await (await witness()).produce(topic, records)
  const at = (hours: number) => new Date(start + hours * hour)
  expect(await read({ topic, from: at(3), to: at(5) })).toEqual(['0:6', '0:8', '1:7', '1:9'])
  expect(await read({ topic, partition: 1, from: at(8.5) })).toEqual(['1:19'])
  expect(await read({ topic, to: at(1) })).toEqual(['0:0', '1:1'])
  expect(await read({ topic, from: at(100) })).toEqual([])
})

it('ends where only markers and aborted messages follow, and before what is not decided', async () => {
  const topic = await createTopic('markers', { partitions: 1 })
  const kafka = await witness()
  const some = (value: string) => [{ value, partition: 0 }]
  await kafka.produce(topic, some('committed'), { transaction: { id: `${topic}-1`, end: 'commit' } })
  await kafka.produce(topic, some('aborted'), { transaction: { id: `${topic}-2`, end: 'abort' } })
  expect(await read({ topic })).toEqual(['0:committed'])
  await kafka.produce(topic, some('open'), { transaction: { id: `${topic}-3`, end: 'leave' } })
  expect(await read({ topic })).toEqual(['0:committed'])
})

it('assigns by hand from a time', async () => {
  const topic = await createTopic('assign-times', { partitions: 2 })
  const records = Array.from({ length: 10 }, (_, i) => ({
    value: String(i),
    partition: 0,
    timestamp: start + i * hour,
  }))
  await (await witness()).produce(topic, records)
  const consumer = new Consumer({ 'bootstrap.servers': bootstrapServers() })
  await consumer.assign([
    { topic, partition: 0, offset: new Date(start + 7 * hour) },
    { topic, partition: 1, offset: Offset.beginning },
  ])
  const seen: (string | null)[] = []
  for await (const message of consumer) if (seen.push(message.text()) === 3) break
  expect(seen).toEqual(['7', '8', '9'])
  await consumer.close()
})
