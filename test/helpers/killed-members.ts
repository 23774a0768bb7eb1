// A group whose members are killed (kill -9) in the middle of their work, again and again: what they handled, all together,
// has no hole.
import { type ConsumerConfig, Producer } from 'odradek'
import { expect } from 'vitest'
import { GroupMembers } from './group-members.js'
import { waitFor } from './wait.js'
import type { Witness } from './witness.js'

interface Options {
  kafka: Witness
  servers: string
  topic: string
  partitions: number
  group: string
  members: number
  kills: number
  config(member: number): ConsumerConfig
}

export async function killMembers(options: Options): Promise<void> {
  const { kafka, servers, topic, partitions, group, kills } = options
  await using producer = new Producer({ 'bootstrap.servers': servers, 'linger.ms': 5 })
  let produced = 0
  const feed = setInterval(() => {
    for (let i = 0; i < 20; i++, produced++) producer.produce({ topic, value: 'x', partition: produced % partitions })
  }, 20)
  const members = new GroupMembers(options.members, (member) => ({
    topic,
    how: member % 2 === 0 ? 'messages' : 'batches',
    config: {
      'bootstrap.servers': servers,
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'auto.commit.interval.ms': 20,
      ...options.config(member),
    },
  }))
  const missing = () => {
    const handled = members.handled()
    const all = Array.from({ length: produced }, (_, i) => `${i % partitions} ${Math.floor(i / partitions)}`)
    return all.filter((message) => !handled.has(message))
  }
  try {
    for (let i = 0; i < kills; i++) await members.kill(i % options.members, 50 + ((i * 37) % 150))
    clearInterval(feed)
    await producer.flush({ timeout: 30_000 })
    await waitFor('everything is handled', () => missing().length === 0, 120_000).catch(() => {})
    expect(missing().slice(0, 10), members.output).toEqual([])
    const committed = (await kafka.groupOffsets(group))[topic] ?? {}
    for (const { offset } of Object.values(committed))
      expect(offset).toBeLessThanOrEqual(Math.ceil(produced / partitions))
    const again = [...members.handled().values()].reduce((sum, times) => sum + times - 1, 0)
    const moved = members.moved()
    console.log(`${kills} kills, ${produced} messages, ${again} handled again, ${moved} partitions that moved`)
    if (!('group.instance.id' in options.config(0)) && kills > 0) expect(moved).toBeGreaterThan(0)
  } finally {
    clearInterval(feed)
    await members.stop()
  }
}
