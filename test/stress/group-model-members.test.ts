// Random members against a model (test/helpers/group-model.ts), for each kind of group. Longer, with another seed:
// ODRADEK_GROUP_EVENTS=… ODRADEK_GROUP_SEED=…
import { describe, expect, it } from 'vitest'
import { GroupModel } from '../helpers/group-model.js'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'

const seed = Number(process.env.ODRADEK_GROUP_SEED ?? 20261121)
const events = Number(process.env.ODRADEK_GROUP_EVENTS ?? 30)
const partitions = 6

const protocols = {
  eager: { 'partition.assignment.strategy': 'range', 'heartbeat.interval.ms': 200 },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', 'heartbeat.interval.ms': 200 },
  'KIP-848': { 'group.protocol': 'consumer' },
} as const

describe.each(Object.keys(protocols) as (keyof typeof protocols)[])('%s', (protocol) => {
  it(`shows every message, in order, over ${events} events`, { timeout: 180_000 + events * 2000 }, async () => {
    const topic = await createTopic('group-model', { partitions })
    const group = uniqueGroup()
    const config = {
      'bootstrap.servers': bootstrapServers(),
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'auto.commit.interval.ms': 500,
      ...protocols[protocol],
    } as const
    await using model = new GroupModel(topic, partitions, config, seed)
    await model.open()
    for (let i = 0; i < events && model.wrong.length === 0; i++) await model.event()
    await model.settle()
    const { wrong, notes, produced, repeats } = model
    expect(wrong.slice(0, 10), [...new Set(notes)].slice(-20).join('\n')).toEqual([])
    const committed = (await (await witness()).groupOffsets(group))[topic] ?? {}
    expect(produced.map((_, partition) => committed[partition]?.offset ?? 0)).toEqual(produced)
    console.log(`${protocol}: ${produced.reduce((a, b) => a + b)} messages, ${repeats} seen again with a reason`)
  })
})
