// examples/tour on the embedded cluster: its README, and all that it can do without a Kafka.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Example, followCommands, root } from '../helpers/example.js'

it('does what its README says', { timeout: 120_000 }, async () => {
  await followCommands('examples/tour/README.md')
})

it('says which task there is not, and which needs what', { timeout: 60_000 }, async () => {
  const unknown = new Example([`${root}examples/tour/main.mjs`, 'lists-topics'])
  expect((await unknown.ended).code).toBe(1)
  expect(unknown.output).toMatch(/no task 'lists-topics'. There are: list-topics, /)
  const needy = new Example([`${root}examples/tour/main.mjs`, 'create-topic', 'read-time-range', 'tls-and-scram'])
  expect((await needy.ended).code).toBe(0)
  expect(needy.output.match(/needs a Kafka, set KAFKA_BROKERS/g)).toHaveLength(2)
  expect(needy.output).toMatch(/needs KAFKA_TLS_BROKERS/)
})

it('has a row in its README for each file', () => {
  const readme = readFileSync(`${root}examples/tour/README.md`, 'utf8')
  const files = readdirSync(`${root}examples/tour`).filter((name) => name.endsWith('.mjs') && name !== 'main.mjs')
  expect([...readme.matchAll(/\]\((\S+\.mjs)\)/g)].map(([, file]) => file).sort()).toEqual(files.sort())
})
