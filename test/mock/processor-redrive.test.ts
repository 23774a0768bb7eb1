// Bringing letters back, killed in the middle.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Consumer } from 'odradek'
import { expect, it } from 'vitest'
import { numbers, openBench } from '../helpers/processors.js'
import { waitFor } from '../helpers/wait.js'

const { topicOf, committedOf, config, roundTrips } = openBench()

function worker(options: object) {
  const path = fileURLToPath(new URL('../helpers/redrive-worker.mjs', import.meta.url))
  const child = fork(path, [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const lines: string[] = []
  let rest = ''
  child.stdout?.on('data', (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop() as string
    lines.push(...parts)
  })
  const exit = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  return { child, lines, exit }
}

it('redrive() killed by SIGKILL leaves no letter behind, and brings back twice only what went together', async () => {
  const count = 3000
  const topic = await topicOf('rd-kill', [])
  const letters = numbers(count).map((value) => ({ value, headers: { 'dead-letter.topic': topic } }))
  const from = await topicOf('rd-kill.dlq', letters)
  const options = { config: config('rd-kill-tool'), from }
  // So that there is something on its way when it dies.
  roundTrips(30)
  let told = 0
  const kills = 3
  for (let kill = 0; kill < kills; kill++) {
    const { child, lines, exit } = worker(options)
    await waitFor('it has brought some back', () => lines.length > 600)
    child.kill('SIGKILL')
    await exit
    told += lines.length
    // Something is done for good each time.
    const [committed] = await committedOf('rd-kill-tool', from)
    expect(committed).toBeGreaterThan(0)
  }
  roundTrips(0)
  const last = worker(options)
  expect(await last.exit).toBe(0)
  const { redriven } = JSON.parse(last.lines.at(-1) as string)
  expect(await committedOf('rd-kill-tool', from)).toEqual([count])
  // Some come twice.
  await using reader = new Consumer(config('rd-kill-reader'))
  await reader.subscribe(topic)
  const back = new Set<number>()
  while (back.size < count) {
    const message = await reader.poll(10_000)
    if (!message) break
    back.add(Number(message.text()))
  }
  expect(back.size).toBe(count)
  // No more than one group of each that was killed comes twice.
  expect(told + redriven).toBeLessThanOrEqual(count + kills * 500)
})
