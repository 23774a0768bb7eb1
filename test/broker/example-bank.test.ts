// examples/exactly-once as its README runs it, and its verifier where there is something to find.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { followCommands } from '../helpers/example.js'
import { bootstrapServers, uniqueTopic, witness } from '../helpers/kafka.js'

const main = fileURLToPath(new URL('../../examples/exactly-once/main.mjs', import.meta.url))

function run(args: string[]): Promise<{ code: number | null; out: string }> {
  const env = { ...process.env, KAFKA_BROKERS: bootstrapServers(), BANK: uniqueTopic('bank') }
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      out += text
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out })))
}

it('does what its README says: each transfer is entered once, though a teller is killed', {
  timeout: 240_000,
}, async () => {
  await followCommands('examples/exactly-once/README.md', {
    KAFKA_BROKERS: bootstrapServers(),
    BANK: uniqueTopic('bank'),
  })
})

it('says what is wrong with its argument', async () => {
  const { code, out } = await run(['many'])
  expect(out).toMatch(/^error: 'many' is no number of transfers/)
  expect(code).toBe(1)
})

it('has a verifier that finds what is lost, half and twice', async () => {
  process.env.BANK = uniqueTopic('bank')
  const { topics } = await import('../../examples/exactly-once/topics.mjs')
  const { verify } = await import('../../examples/exactly-once/verify.mjs')
  await (await witness()).createTopic(topics.ledger)
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const entry = (transfer: number, amount: number) => ({ key: 'a', value: JSON.stringify({ transfer, amount }) })
  const entries = [entry(0, 5), entry(0, -5), entry(1, 7), entry(2, 3), entry(2, -3), entry(2, 3), entry(2, -3)]
  expect((await producer.sendBatch(topics.ledger, entries)).failures).toEqual([])
  const { problems } = await verify(bootstrapServers(), 4)
  expect(problems).toEqual([
    'transfer 1 is not, or only half, in the ledger',
    'transfer 2 is in the ledger more than once',
    'transfer 3 is not, or only half, in the ledger',
    'the accounts sum up to 7, not to 0',
  ])
})
