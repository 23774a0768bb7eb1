// A member of the modelled group (group-model.ts) in a process of its own, made to be killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ConsumerConfig } from 'odradek'
import { GrowingFile } from './growing-file.js'

/** What is written at an offset: read elsewhere, or changed on its way, it shows. */
export function valueAt(partition: number, offset: number): string {
  return `${partition}:${offset}:`.padEnd(8 + ((offset * 7919) % 200), String.fromCharCode(97 + (offset % 26)))
}

/** It notes what it handles before it asks for more. */
export class KilledMember {
  readonly #child: ChildProcess
  readonly #directory = mkdtempSync(join(tmpdir(), 'odradek-killed-'))
  readonly #file = new GrowingFile(join(this.#directory, 'handled'))
  readonly #exited: Promise<unknown>

  constructor(topic: string, config: ConsumerConfig) {
    const program = fileURLToPath(new URL('group-member.mjs', import.meta.url))
    const args = { config, topic, file: join(this.#directory, 'handled'), how: 'messages', trouble: true }
    this.#child = spawn(process.execPath, [program, JSON.stringify(args)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve))
  }

  lines(): string[] {
    return this.#file.more()
  }

  get handled(): number {
    return this.#file.lines.length
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  forget(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
