// examples/ingest on real Kafka: Kafka's own client reads what was accepted.
import { expect, it } from 'vitest'
import { Example, root } from '../helpers/example.js'
import { bootstrapServers, witness } from '../helpers/kafka.js'

it('has in Kafka, keyed and unchanged, what it says it has accepted', { timeout: 120_000 }, async () => {
  const service = new Example([`${root}examples/ingest/main.mjs`], {
    KAFKA_BROKERS: bootstrapServers(),
    INGEST_PORT: '0',
  })
  const [, url] = await service.shows(/(http:\S+)/)
  const kafka = await witness()
  const before = await kafka.endOffsets('events')
  const bodies = Array.from({ length: 5 }, (_, body) =>
    Array.from({ length: 2_000 }, (_, i) => JSON.stringify({ id: `${body}-${i % 50}`, i, text: 'ü'.repeat(i % 700) })),
  )
  const answers = await Promise.all(
    bodies.map((lines) => fetch(`${url}?key=id`, { method: 'POST', body: `${lines.join('\n')}\n` })),
  )
  expect(await Promise.all(answers.map(async (answer) => [answer.status, await answer.json()]))).toEqual(
    Array(5).fill([200, { accepted: 2_000, rejected: 0, failed: 0, reasons: [] }]),
  )
  const records = await kafka.consume({ topic: 'events', from: before })
  expect(records.map(({ value }) => String(value)).sort()).toEqual(bodies.flat().sort())
  // Each key's records in the order in which its client sent them.
  const last = new Map<string, number>()
  for (const { key, value } of records) {
    const { id, i } = JSON.parse(String(value))
    expect(String(key)).toBe(id)
    expect(i).toBeGreaterThan(last.get(id) ?? -1)
    last.set(id, i)
  }
  expect(await service.stop()).toBe(0)
})
