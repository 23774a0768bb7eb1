// SIGTERM in the middle of a topic: what is committed is exactly what was handled, never more, however the application
// reads and however it ends.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Producer } from 'odradek'
import { beforeAll, describe, expect, it } from 'vitest'
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
  /** Of them those that were in hand at the end, which is not to count. */
  left: Record<string, number>
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

// 'close': with something in hand until the group is left. 'ask and close': it has asked for what comes next. 'break' leaves
// a loop at a message, which counts only if it is committed: an iterator cannot tell it from a throw.
describe.concurrent('what is committed is exactly what was handled', () => {
  it.each([
    ['abort', 'messages', 'classic'],
    ['abort', 'batches', 'KIP-848'],
    ['abort', 'poll', 'classic'],
    ['abort', 'streams', 'KIP-848'],
    ['abort', 'readable', 'classic'],
    ['close', 'messages', 'KIP-848'],
    ['close', 'batches', 'classic'],
    ['close', 'poll', 'KIP-848'],
    ['close', 'streams', 'classic'],
    ['close', 'readable', 'KIP-848'],
    ['ask and close', 'messages', 'classic'],
    ['ask and close', 'batches', 'KIP-848'],
    ['ask and close', 'poll', 'classic'],
    ['ask and close', 'readable', 'KIP-848'],
    ['break', 'messages', 'classic'],
    ['break', 'batches', 'KIP-848'],
    ['break', 'poll', 'classic'],
    ['break', 'streams', 'KIP-848'],
    ['break', 'readable', 'classic'],
    ['commit and break', 'messages', 'KIP-848'],
    ['commit and break', 'batches', 'classic'],
    ['commit and break', 'poll', 'KIP-848'],
  ] as const)('%s, %s, %s', { timeout: 120_000 }, async (end, how, protocol) => {
    const group = uniqueGroup()
    const { handled, left } = await stopInTheMiddle(how, end, {
      'bootstrap.servers': bootstrapServers(),
      'group.id': group,
      'auto.offset.reset': 'earliest',
      'auto.commit.interval.ms': 100,
      ...protocols[protocol],
    })
    const offsets = (await (await witness()).groupOffsets(group))[topic] ?? {}
    const committed = Object.fromEntries(Object.entries(offsets).map(([partition, { offset }]) => [partition, offset]))
    // Of a partition of which nothing was handled there may be no commit at all.
    const counted = Object.entries(handled).map(([partition, by]) => [partition, by - (left[partition] ?? 0)])
    expect(committed).toEqual(Object.fromEntries(counted.filter(([, by]) => by !== 0)))
    const inHand = sum(left)
    if (end === 'break' && (how === 'messages' || how === 'poll')) expect(inHand).toBe(1)
    else if (end.startsWith('a') || end.startsWith('commit') || how === 'streams') expect(inHand).toBe(0)
    expect(sum(handled)).toBeGreaterThanOrEqual(200)
    expect(sum(handled)).toBeLessThan(count)
  })
})

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
