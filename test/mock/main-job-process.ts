// The main job as a user runs it: a process of its own.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../helpers/wait.js'

const start = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url))

export const directory = mkdtempSync(join(tmpdir(), 'odradek-main-job-'))

/** Writes an input of the given name and returns its path. */
export function input(name: string, content: string | Buffer): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

export function readRejects(path: string): { line: number; problem: string; text: string }[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

export interface Ended {
  code: number | null
  out: string
  err: string
}

export interface RunningJob {
  ended: Promise<Ended>
  /** Waits until the standard output matches. */
  shows(pattern: RegExp): Promise<unknown>
  kill(signal: NodeJS.Signals): void
}

/** npm start -- ...args; `environment` is added to this process's own, which has no KAFKA_BROKERS for it. */
export function startJob(args: string[], environment: Record<string, string> = {}): RunningJob {
  const { KAFKA_BROKERS: _, ...own } = process.env
  const env = { ...own, ...environment }
  const child = spawn(process.execPath, [start, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    err += chunk
  })
  let gone = false
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => {
      gone = true
      resolve({ code, out, err })
    })
  })
  const shows = (pattern: RegExp) =>
    waitFor(`output that matches ${pattern}`, () => {
      if (pattern.test(out)) return true
      if (gone) throw new Error(`the job ended without output that matches ${pattern}:\n${out}${err}`)
      return false
    })
  return { ended, shows, kill: (signal) => child.kill(signal) }
}

export function runJob(args: string[], environment?: Record<string, string>): Promise<Ended> {
  return startJob(args, environment).ended
}
