// kill -9 of members in the middle of their work: what they handled, all together, has no hole. The long run is in
// test/stress.
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { GroupMembers } from '../helpers/group-members.js'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const kills = Number(process.env.ODRADEK_KILLS ?? 6)
const partitions = 4

it(`handles every message though its members are killed ${kills} times`, {
  timeout: 120_000 + kills * 5000,
}, async () => {
  const topic = await createTopic('kill', { partitions })
  const group = uniqueGroup()
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 5 })
  let produced = 0
  const feed = setInterval(() => {
    for (let i = 0; i < 20; i++, produced++) producer.produce({ topic, value: 'x', partition: produced % partitions })
  }, 20)
  const members = new GroupMembers(2, (member) => ({
    topic,
    how: member === 0 ? 'messages' : 'batches',
    config: {
      'bootstrap.servers': bootstrapServers(),
      'group.id': group,
      // Static: who was killed gets its partitions back at once.
      'group.instance.id': `member-${member}`,
      'auto.offset.reset': 'earliest',
      'auto.commit.interval.ms': 20,
    },
  }))
  const missing = () => {
    const handled = members.handled()
    const all = Array.from({ length: produced }, (_, i) => `${i % partitions} ${Math.floor(i / partitions)}`)
    return all.filter((message) => !handled.has(message))
  }
  try {
    for (let i = 0; i < kills; i++) await members.kill(i % 2, 50 + ((i * 37) % 150))
    clearInterval(feed)
    await producer.flush({ timeout: 30_000 })
    await waitFor('everything is handled', () => missing().length === 0, 60_000).catch(() => {})
    expect(missing().slice(0, 10), members.output).toEqual([])
    const committed = (await (await witness()).groupOffsets(group))[topic] ?? {}
    for (const { offset } of Object.values(committed)) expect(offset).toBeLessThanOrEqual(produced / partitions)
    const again = [...members.handled().values()].reduce((sum, times) => sum + times - 1, 0)
    console.log(`${kills} kills, ${produced} messages, ${again} handled again`)
  } finally {
    clearInterval(feed)
    await members.stop()
  }
})
