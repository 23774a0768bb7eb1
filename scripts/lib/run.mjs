// What every script here shares: paths, running a program into a log, one clear message instead of a stack.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
export const CACHE = join(ROOT, '.cache')

/** An expected problem: its message is all that the user needs. */
export class UserError extends Error {
  name = 'UserError'
}

const NO_NETWORK =
  /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ENETUNREACH|Temporary failure resolving|Could not resolve|Network is unreachable/

/** The part of a log that says why: from the first failure on, else the end. */
function tail(file, lines = 40) {
  const command = /^\S*(cc|c\+\+|g\+\+|clang\S*|ld) -/
  const text = readFileSync(file, 'utf8').trimEnd()
  const all = text.split('\n').filter((line) => !command.test(line))
  const first = all.findIndex((line) => /^FAILED:|\berror\b[: ]|CMake Error|^E: /i.test(line))
  const from = first >= 0 ? Math.max(0, first - 1) : Math.max(0, all.length - lines)
  return all
    .slice(from, from + lines)
    .map((line) => `    ${line.slice(0, 400)}`)
    .join('\n')
}

/**
 * Hands a signal on to the whole of what runs (cmake alone would leave ninja behind, writing into a tree that the next run takes for
 * free). The function it returns ends this process too if there was one.
 */
function passSignals(child) {
  let caught
  const pass = (signal) => {
    caught = signal
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, signal)
    } catch {
      // It has just ended by itself.
    }
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, pass)
  return () => {
    for (const signal of signals) process.off(signal, pass)
    if (caught) process.exit(128 + constants.signals[caught])
  }
}

/**
 * Runs a program with its output in .cache/logs/<log>.log.
 * @param {string} command
 * @param {string[]} args
 * @param {{ log: string, what: string, cwd?: string, env?: NodeJS.ProcessEnv, append?: boolean }} options
 */
export async function run(command, args, { log, what, cwd = ROOT, env = process.env, append = false }) {
  const file = join(CACHE, 'logs', `${log}.log`)
  mkdirSync(dirname(file), { recursive: true })
  const out = openSync(file, append ? 'a' : 'w')
  // A process group of its own, so that a signal reaches all of it, and reaches it once.
  // The handlers come first: a signal in between would end this process and leave the child.
  const started = {}
  const passed = passSignals(started)
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', out, out], detached: process.platform !== 'win32' })
  started.pid = child.pid
  const { code, signal, error } = await new Promise((done) => {
    child.on('error', (error) => done({ error }))
    child.on('exit', (code, signal) => done({ code, signal }))
  })
  closeSync(out)
  passed()
  if (error) throw new UserError(`${what}: ${command} could not be started (${error.code ?? error.message}).`)
  if (code !== 0) {
    const end = tail(file)
    const hint = NO_NETWORK.test(end) ? ' It looks as if the network could not be reached.' : ''
    throw new UserError(
      `${what} failed (${command} ended with ${signal ?? code}).${hint}\n${end}\n    Log: ${relative(ROOT, file)}`,
    )
  }
}

/** What a short program prints, on both streams, or undefined when it is missing or fails. */
export function output(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT, ...options })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
    }
    child.on('error', () => done(undefined))
    child.on('close', (code) => done(code === 0 ? text : undefined))
  })
}

/** Runs a script's main function when the file is the program, and turns an expected problem into one message. */
export async function main(url, action) {
  if (!process.argv[1] || resolve(process.argv[1]) !== fileURLToPath(url)) return
  try {
    await action(process.argv.slice(2))
  } catch (error) {
    const expected = error instanceof UserError || error.code?.startsWith('ERR_PARSE_ARGS')
    console.error(expected ? `error: ${error.message}` : error)
    process.exitCode = 1
  }
}

export const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`
