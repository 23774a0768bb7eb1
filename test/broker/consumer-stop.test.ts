// SIGTERM in the middle of a topic: what is committed is exactly what was handled, never more, however the application
// reads and however it ends.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Producer } from 'odradek'
import { beforeAll, expect, it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const program = fileURLToPath(new URL('../helpers/stopping-member.mjs', import.meta.url))
const partitions = 4
const count = 40_000 // more than a member handles in half a minute
let topic: string

beforeAll(async () => {
  topic = await createTopic('stop', { partitions })
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
  const records = Array.from({ length: count }, (_, i) => ({ value: String(i), partition: i % partitions }))
  expect((await producer.sendBatch(topic, records)).failures).toEqual([])
})

interface Counts {
  handled: Record<string, number>
  atClose?: Record<string, number>
}

async function stopInTheMiddle(how: string, end: string, config: object): Promise<Counts> {
  const child = spawn(process.execPath, [program, JSON.stringify({ config, topic, how, end })], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code))
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  try {
    await waitFor('it is in the middle', () => output.includes('begun') || child.exitCode !== null, 60_000)
    child.kill('SIGTERM')
    expect(await ended, output).toBe(0)
    return JSON.parse(output.trimEnd().split('\n').at(-1) as string)
  } finally {
    child.kill('SIGKILL')
  }
}

const protocols = { classic: { 'heartbeat.interval.ms': 500 }, 'KIP-848': { 'group.protocol': 'consumer' } } as const

it.each([
  ['abort', 'messages', 'classic'],
  ['abort', 'batches', 'KIP-848'],
  ['abort', 'poll', 'classic'],
  ['abort', 'streams', 'KIP-848'],
  ['close', 'messages', 'KIP-848'],
  ['close', 'batches', 'classic'],
  ['close', 'poll', 'KIP-848'],
  ['close', 'streams', 'classic'],
  ['break', 'messages', 'classic'],
  ['break', 'batches', 'KIP-848'],
  ['break', 'poll', 'classic'],
] as const)('%s, %s, %s', { timeout: 120_000 }, async (end, how, protocol) => {
  const group = uniqueGroup()
  const { handled, atClose } = await stopInTheMiddle(how, end, {
    'bootstrap.servers': bootstrapServers(),
    'group.id': group,
    'auto.offset.reset': 'earliest',
    'auto.commit.interval.ms': 100,
    ...protocols[protocol],
  })
  const offsets = (await (await witness()).groupOffsets(group))[topic] ?? {}
  const committed = Object.fromEntries(Object.entries(offsets).map(([partition, { offset }]) => [partition, offset]))
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
  if (end !== 'close' || how === 'streams') expect(committed).toEqual(handled) // closing waits for streams
  // What is in hand when it closes counts if the application asks for more before the group is left.
  for (const [partition, by] of Object.entries(atClose ?? {})) {
    expect(committed[partition]).toBeGreaterThanOrEqual(by)
    expect(committed[partition]).toBeLessThanOrEqual(handled[partition])
  }
  expect(sum(handled)).toBeGreaterThanOrEqual(200)
  expect(sum(handled)).toBeLessThan(count)
})
