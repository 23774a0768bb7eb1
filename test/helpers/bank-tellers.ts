// The processes of the bank: each is started again when it ends, until the bank closes.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const bankTopics = { transfers: 'transfers', ledger: 'ledger' } as const
export const bankGroup = 'bank'

const tellerFile = fileURLToPath(new URL('bank-teller.mjs', import.meta.url))
const answerLimit = 2000

export class Teller {
  readonly #index: number
  readonly #bootstrap: string
  readonly #session: number
  #child: ChildProcess
  #started = 0
  readonly #zombies = new Set<ChildProcess>()
  #stopping = false
  /** How its processes ended, but for those that the test killed. */
  readonly ends: string[] = []
  output = ''

  constructor(index: number, bootstrap: string, session: number) {
    this.#index = index
    this.#bootstrap = bootstrap
    this.#session = session
    this.#child = this.#spawn()
  }

  /** What the process that was started last is called in the group. */
  get clientId(): string {
    return `${this.name}/${this.#started}`
  }

  get name(): string {
    return `teller-${this.#index}`
  }

  /** Half of them have an id that stays, which fences their own zombies; half have one for each run. */
  get transactionalId(): string | undefined {
    return this.#index % 2 === 0 ? this.name : undefined
  }

  #spawn(): ChildProcess {
    this.#started++
    const { name, clientId, transactionalId } = this
    const config = { 'bootstrap.servers': this.#bootstrap }
    const directory = process.env.ODRADEK_BANK_LOGS
    const file = directory && join(directory, `${name}-${Date.now()}.log`)
    const debug = file ? { contexts: process.env.ODRADEK_BANK_DEBUG ?? 'cgrp,eos', file } : undefined
    const session = this.#session
    const parameters = { name, clientId, config, group: bankGroup, ...bankTopics, transactionalId, session, debug }
    const child = spawn(process.execPath, [tellerFile, JSON.stringify(parameters)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const keep = (chunk: Buffer) => {
      this.output = (this.output + chunk).slice(-40_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('error', (error) => keep(Buffer.from(`${error}\n`)))
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL') this.ends.push(`${name}: ${signal ?? code}`)
      this.#zombies.delete(child)
      if (!this.#stopping && child === this.#child) this.#child = this.#spawn()
    })
    return child
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Stops it in its tracks; the returned function wakes it. */
  pause(): () => void {
    const child = this.#child
    child.kill('SIGSTOP')
    return () => child.kill('SIGCONT')
  }

  /** The same, and another process with its name and id takes its place: the one that wakes is one too many. */
  replace(): () => void {
    const resume = this.pause()
    this.#zombies.add(this.#child)
    this.#child = this.#spawn()
    return resume
  }

  /** Those that were replaced and have woken go home, however they have taken it. */
  dismiss(): void {
    for (const child of this.#zombies) child.kill('SIGTERM')
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([this.#child, ...this.#zombies].map(end))
  }

  /** However it is. */
  abandon(): void {
    this.#stopping = true
    for (const child of [this.#child, ...this.#zombies]) child.kill('SIGKILL')
  }

  /** For the report of a failure. */
  async describe(): Promise<string> {
    const { pid, exitCode, signalCode } = this.#child
    const answer = await ask(this.#child)
    const ends = this.ends.join(', ') || 'none'
    const head = `${this.name}: pid ${pid}, exit ${exitCode ?? signalCode}, earlier ends ${ends}, zombies ${this.#zombies.size}`
    return `${head}\n  ${answer}\n${this.output.slice(-4000).replace(/^/gm, '    ')}`
  }
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.on('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

function ask(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(`does not answer within ${answerLimit} ms`), answerLimit)
    const done = (text: string) => {
      clearTimeout(timer)
      resolve(text)
    }
    child.once('message', (state) => done(JSON.stringify(state)))
    child.send?.('how are you?', (error) => error && done(String(error)))
  })
}
