// Examples as their users run them: processes of their own, and READMEs followed to the letter.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { ensureSystemPackages } from '../../scripts/system-packages.mjs'
import { waitFor } from './wait.js'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A directory for what an example writes. */
export const scratch = (): string => mkdtempSync(join(tmpdir(), 'odradek-example-'))

/** What `npm run setup` makes: linked, for it takes minutes. */
const madeBySetup = ['node_modules', 'dist', 'build', 'prebuilds']
// Beside that: what git ignores, where git is not there to say so.
const ignored = new Set([...madeBySetup, '.git', '.cache', 'coverage'])

/**
 * A fresh checkout: what git knows of this tree, as it is now, in a directory of its own. Nothing that a program or a test
 * has left behind is in it, and nothing that somebody has forgotten to add.
 */
export function checkout(): string {
  const clone = mkdtempSync(join(tmpdir(), 'odradek-checkout-'))
  onTestFinished(() => rmSync(clone, { recursive: true, force: true }))
  for (const file of tracked()) cpSync(join(root, file), join(clone, file), { recursive: true })
  for (const name of madeBySetup) if (existsSync(join(root, name))) symlinkSync(join(root, name), join(clone, name))
  return clone
}

function tracked(): string[] {
  try {
    const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
    const listed = execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })
    return [...new Set(listed.toString().split('\0'))].filter((file) => file !== '' && existsSync(join(root, file)))
  } catch {
    // No git on this machine, or one that does not trust the directory's owner.
    return readdirSync(root).filter((name) => !ignored.has(name) && !/^build-|\.db(-\w+)?$/.test(name))
  }
}

const { KAFKA_BROKERS: _, ...inherited } = process.env

export class Example {
  readonly #child: ChildProcess
  output = ''
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  #gone = false

  /** Runs a file of examples/, or a whole command in the root of a checkout; ends with the test. */
  constructor(command: string | readonly string[], env: Record<string, string> = {}, cwd = root) {
    const [program, args] =
      typeof command === 'string' ? ['sh', ['-c', `exec ${command}`]] : [process.execPath, command]
    this.#child = spawn(program, args as string[], {
      cwd,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk) => {
        this.output += chunk
      })
    }
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#gone = true
        resolve({ code, signal })
      })
    })
    onTestFinished(async () => void (await this.stop()))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** What the output matches, `from` this far in. */
  async shows(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    return await waitFor(
      `output that matches ${pattern}, but it is:\n${this.output}`,
      () => {
        const found = pattern.exec(this.output.slice(from))
        if (!found && this.#gone) throw new Error(`it ended without output that matches ${pattern}:\n${this.output}`)
        return found
      },
      60_000,
    )
  }

  /** SIGTERM, and SIGKILL for what does not heed it; the exit code. */
  async stop(): Promise<number | null> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 45_000)
    if (!this.#gone) this.#child.kill('SIGTERM')
    const { code } = await this.ended
    clearTimeout(timer)
    return code
  }
}

export interface Command {
  command: string
  /** Lines that it shows; … stands for anything. */
  expected: string[]
}

/** The commands of a README's `sh` blocks, each with the comment lines after it. */
export function commandsOf(readme: string): Command[] {
  const commands: Command[] = []
  for (const [, block] of readFileSync(join(root, readme), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)) {
    for (const line of block.trimEnd().split('\n')) {
      if (/^#( |$)/.test(line)) commands.at(-1)?.expected.push(line.slice(2))
      else commands.push({ command: line, expected: [] })
    }
  }
  return commands
}

const patternOf = (lines: string[]): RegExp =>
  new RegExp(
    lines
      .map((line) =>
        line
          .split('…')
          .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          // Alone it stands for lines.
          .join(line === '…' ? '[^]*' : '.*'),
      )
      .join('\\n'),
  )

/**
 * Follows a README in a fresh checkout, to the letter: its first command is the program, which runs on while each of the
 * others is given until it shows what the README says.
 */
export async function follow(readme: string): Promise<{ program: Example; clone: string }> {
  await ensureSystemPackages(['curl'])
  const clone = checkout()
  const [first, ...others] = commandsOf(readme)
  const program = new Example(first.command, {}, clone)
  // Its services print in either order.
  for (const line of first.expected) await program.shows(patternOf([line]))
  for (const each of others) await gives(readme, each, clone, program)
  return { program, clone }
}

/** The same for a README of commands that end by themselves. */
export async function followCommands(readme: string, env: Record<string, string> = {}): Promise<void> {
  const clone = checkout()
  for (const each of commandsOf(readme)) await gives(readme, each, clone, undefined, env)
}

async function gives(
  readme: string,
  { command, expected }: Command,
  cwd: string,
  program?: Example,
  env: Record<string, string> = {},
): Promise<void> {
  const pattern = patternOf(expected)
  let shown = ''
  const matches = async () => {
    shown = await run(command, cwd, env)
    return pattern.test(shown.trimEnd())
  }
  // Beside a program that works in the background, its effects may need a moment.
  const found = program ? waitFor(`what ${readme} says of: ${command}`, matches, 20_000) : matches()
  const done = await found.catch(() => false)
  if (!done)
    throw new Error(
      `${readme}: ${command}\nexpected:\n${expected.join('\n')}\nshown:\n${shown}\n${program?.output ?? ''}`,
    )
}

function run(command: string, cwd: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd, env: { ...inherited, ...env } }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    )
  })
}
