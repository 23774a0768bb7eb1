// A service that is asked to end: it drains; asked twice, it ends at once.
import { type ChildProcess, spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

const url = (file: string) => JSON.stringify(new URL(`../../dist/${file}`, import.meta.url).href)
const service = (handler: string) => `
import { MockCluster, Producer } from ${url('index.js')}
import { Processor, shutdownSignal } from ${url('processor.js')}
const cluster = new MockCluster()
await cluster.createTopic('t', { partitions: 1 })
const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
await producer.sendBatch('t', [{ value: 'a' }, { value: 'b' }])
await producer.close()
const app = new Processor({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' }, { onError() {} })
app.topic('t', async () => {
  console.log('begun')
  ${handler}
  console.log('ended')
})
const signal = shutdownSignal()
signal.addEventListener('abort', () => console.log('asked'))
await app.run({ signal })
console.log('stopped', JSON.stringify(app.counts.handled))
await cluster.close()
`

function start(source: string): { child: ChildProcess; output: () => string; end: Promise<number | null> } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return { child, output: () => output, end: new Promise((resolve) => child.on('close', (code) => resolve(code))) }
}

describe('shutdownSignal', () => {
  it('lets what is at work end, and the process end by itself', async () => {
    const { child, output, end } = start(service('await new Promise((resolve) => setTimeout(resolve, 500))'))
    await waitFor('it is at work', () => output().includes('begun'))
    child.kill('SIGTERM')
    expect(await end).toBe(0)
    expect(output()).toBe('begun\nasked\nended\nstopped 1\n')
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('a second %s ends the process with %i', async (signal, code) => {
    const { child, output, end } = start(service('await new Promise((resolve) => setTimeout(resolve, 60_000))'))
    await waitFor('it is at work', () => output().includes('begun'))
    child.kill(signal)
    await waitFor('the first was seen', () => output().includes('asked'))
    child.kill(signal)
    expect(await end).toBe(code)
    expect(output()).toBe('begun\nasked\n')
  })
})
