// Members of a group that are killed in the middle of their work, and what all of them together have handled.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GrowingFile } from './growing-file.js'
import { waitFor } from './wait.js'

const program = fileURLToPath(new URL('group-member.mjs', import.meta.url))

export class GroupMembers {
  readonly #directory = mkdtempSync(join(tmpdir(), 'odradek-members-'))
  readonly #arguments: (member: number) => { config: object; topic: string; how: 'messages' | 'batches' }
  readonly #children: ChildProcess[] = []
  readonly #files: GrowingFile[] = []
  #stopping = false
  output = ''

  constructor(
    count: number,
    argumentsOf: (member: number) => { config: object; topic: string; how: 'messages' | 'batches' },
  ) {
    this.#arguments = argumentsOf
    for (let member = 0; member < count; member++) this.#spawn(member)
  }

  #file(member: number): string {
    return join(this.#directory, `handled-${member}`)
  }

  #spawn(member: number): void {
    const args = JSON.stringify({ ...this.#arguments(member), file: this.#file(member) })
    const child = spawn(process.execPath, [program, args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    const keep = (chunk: Buffer) => {
      this.output = (this.output + chunk).slice(-10_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL') this.output += `member ${member} ended: ${signal ?? code}\n`
      if (!this.#stopping) this.#spawn(member)
    })
    this.#children[member] = child
  }

  /** Kills a member when it has handled `more` messages more; it comes back by itself. */
  async kill(member: number, more: number): Promise<void> {
    const wanted = this.#count(member) + more
    await waitFor(`member ${member} works`, () => this.#count(member) >= wanted, 60_000)
    this.#children[member].kill('SIGKILL')
  }

  #lines(member: number): string[] {
    this.#files[member] ??= new GrowingFile(this.#file(member))
    this.#files[member].more()
    return this.#files[member].lines
  }

  #count(member: number): number {
    return this.#lines(member).length
  }

  /** How often each message was handled, by any of them. */
  handled(): Map<string, number> {
    const times = new Map<string, number>()
    this.#children.forEach((_, member) => {
      for (const line of this.#lines(member)) times.set(line, (times.get(line) ?? 0) + 1)
    })
    return times
  }

  /** How many partitions were handled by more than one of them. */
  moved(): number {
    const owners = new Map<string, Set<number>>()
    this.#children.forEach((_, member) => {
      for (const line of this.#lines(member)) {
        const partition = line.split(' ')[0]
        owners.set(partition, (owners.get(partition) ?? new Set()).add(member))
      }
    })
    return [...owners.values()].filter(({ size }) => size > 1).length
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(
      this.#children.map((child) => {
        if (child.exitCode !== null || child.signalCode !== null) return undefined
        const ended = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        return ended
      }),
    )
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
