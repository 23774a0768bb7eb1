// Programs in processes of their own: for what only a process's end can show.
import { spawn } from 'node:child_process'

export interface ChildResult {
  code: number | null
  signal: NodeJS.Signals | null
  output: string
  /** Milliseconds from its last line of output that says "ready", or from its start. */
  took: number
}

const prelude = `import * as odradek from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
const { Producer, Consumer, MockCluster, KafkaError } = odradek
`

/** Runs an ES module; `odradek`'s classes are in its scope. Killed, and so failed, after `timeout` ms. */
export function runModule(
  source: string,
  { timeout = 20_000, args = [] as string[], env = {} as Record<string, string> } = {},
): Promise<ChildResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args, '--input-type=module', '-e', prelude + source], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    let output = ''
    let from = performance.now()
    const take = (chunk: Buffer) => {
      output += chunk
      if (chunk.includes('ready\n')) from = performance.now()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, output, took: performance.now() - from })
    })
  })
}
