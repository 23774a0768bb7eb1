import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../helpers/wait.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { dependenciesReady } = await script('lib/dependencies.mjs')
const { withLock } = await script('lib/lock.mjs')
const { run, CACHE } = await script('lib/run.mjs')

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-setup-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function node(args: string[], env: NodeJS.ProcessEnv = {}) {
  const from = performance.now()
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 50_000,
  })
  return { ...result, all: result.stdout + result.stderr, seconds: (performance.now() - from) / 1000 }
}

/** A directory for PATH with programs that do what the text says. */
function programs(texts: Record<string, string>) {
  for (const [name, text] of Object.entries(texts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(directory, name), 0o755)
  }
  return directory
}

test('the second setup run finds everything ready and does nothing', () => {
  const first = node(['scripts/setup.mjs'])
  expect(first.status, first.all).toBe(0)
  const second = node(['scripts/setup.mjs'])
  expect(second.all).toMatch(/^Ready \(\d+\.\d s\)\n$/)
  // Well under a second on an idle machine; the limit only tells it from real work.
  expect(second.seconds).toBeLessThan(5)
})

test('a second native build does nothing', () => {
  const first = node(['scripts/build-native.mjs'])
  expect(first.status, first.all).toBe(0)
  expect(node(['scripts/build-native.mjs']).all).toContain('odradek.node: up to date')
})

test('a missing compiler is one clear message, and nothing is installed when that is forbidden', () => {
  const calls = join(directory, 'calls')
  const path = programs({ 'apt-get': `[ "$1" = --version ] || echo "$@" >>${calls}`, tar: 'echo 1' })
  const result = node(['scripts/system-packages.mjs', 'build'], { PATH: path, ODRADEK_NO_INSTALL: '1' })
  expect(result.status).toBe(1)
  expect(result.stderr).toMatch(/^error: Missing on this machine: a C\+\+ compiler, cmake, ninja or make, OpenSSL/)
  expect(result.stderr).toContain('sudo apt-get install -y --no-install-recommends g++ cmake ninja-build libssl-dev')
  expect(result.stderr).not.toMatch(/^\s+at /m)
  expect(existsSync(calls)).toBe(false)
})

test('each package manager gets its own names, and none gets the bare list', () => {
  const env = { ODRADEK_NO_INSTALL: '1' }
  const apk = node(['scripts/system-packages.mjs', 'kafka'], { ...env, PATH: programs({ apk: 'exit 0' }) })
  expect(apk.stderr).toContain('sudo apk add openjdk17-jdk maven')
  rmSync(join(directory, 'apk'))
  const none = node(['scripts/system-packages.mjs', 'kafka'], { ...env, PATH: directory })
  expect(none.stderr).toBe(
    'error: Missing on this machine: a JDK, 17 or newer, Maven. Install them and run this again.\n',
  )
})

test('a librdkafka of the system is found by what pkg-config answers, which is no text', () => {
  const run = (pkgConfig: string) => {
    const tools = { 'c++': 'echo 1', cmake: 'echo 1', ninja: 'echo 1', 'pkg-config': pkgConfig }
    return node(['scripts/system-packages.mjs', 'system'], { PATH: programs(tools), ODRADEK_NO_INSTALL: '1' })
  }
  expect(run('exit 0').stdout).toContain('Nothing is missing for: system')
  expect(run('exit 1').stderr).toMatch(/^error: Missing on this machine: librdkafka 2\.15\.1 or newer/)
})

test('an installation that fails shows why and how to do it by hand', () => {
  const path = programs({
    'apt-get':
      'case "$*" in *--version*|*update*) exit 0;; esac; echo "E: Temporary failure resolving mirror"; exit 100',
    sudo: 'shift; [ "$1" = true ] && exit 0; shift; exec "$@"',
    dpkg: 'exit 0',
  })
  const result = node(['scripts/system-packages.mjs', 'kafka'], { PATH: path, ODRADEK_NO_INSTALL: '' })
  expect(result.status).toBe(1)
  expect(result.stderr).toContain('It looks as if the network could not be reached.')
  expect(result.stderr).toContain('E: Temporary failure resolving mirror')
  expect(result.stderr).toContain('sudo apt-get install')
  expect(result.stderr).not.toMatch(/^\s+at /m)
})

test('what is not there to choose is named with what is', () => {
  expect(node(['scripts/build-native.mjs', '--variant', 'fast']).stderr).toBe(
    "error: There is no variant 'fast'. Variants: release, debug, asan, ubsan, tsan, coverage, gssapi.\n",
  )
  expect(node(['scripts/system-packages.mjs', 'games']).stderr).toContain('Groups: compile, build, system, kafka')
  expect(node(['scripts/fetch-source.mjs', 'nothing']).stderr).toMatch(
    /There is no pin for nothing\. Pinned: .*librdkafka/,
  )
  expect(node(['scripts/setup.mjs', '--all']).stderr).toContain('Usage: node scripts/setup.mjs [--kafka]')
  expect(node(['scripts/build-native.mjs', '--fast']).all).not.toMatch(/^\s+at /m)
})

test('npm dependencies are ready when the installed versions are the locked ones', () => {
  const write = (file: string, packages: object) => {
    mkdirSync(join(directory, file, '..'), { recursive: true })
    writeFileSync(join(directory, file), JSON.stringify({ packages }))
  }
  write('package-lock.json', {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '1.0.0', optional: true },
  })
  expect(dependenciesReady(directory)).toBe(false)
  write('node_modules/.package-lock.json', { 'node_modules/a': { version: '1.0.0' } })
  expect(dependenciesReady(directory)).toBe(true)
  write('node_modules/.package-lock.json', { 'node_modules/a': { version: '0.9.0' } })
  expect(dependenciesReady(directory)).toBe(false)
})

test('a lock is held by one at a time, and taken over from a process that died', async () => {
  const name = `test-${process.pid}`
  const file = join(CACHE, 'locks', `${name}.lock`)
  const ended = spawn(process.execPath, ['-e', ''])
  await new Promise((done) => ended.on('exit', done))
  mkdirSync(join(CACHE, 'locks'), { recursive: true })
  writeFileSync(file, String(ended.pid))
  let inside = 0
  let most = 0
  const turn = () =>
    withLock(name, async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((done) => setImmediate(done))
      inside -= 1
    })
  await Promise.all([turn(), turn(), turn()])
  expect(most).toBe(1)
  expect(existsSync(file)).toBe(false)
})

test('a failing program is told with the end of its log', async () => {
  const log = `test-${process.pid}`
  const failure = run('sh', ['-c', 'echo fine; echo "error: no such thing"; exit 3'], { log, what: 'Trying' })
  await expect(failure).rejects.toThrow(
    /^Trying failed \(sh ended with 3\)\.\n[\s\S]*error: no such thing\n\s+Log: \.cache/,
  )
  await expect(run('no-such-program', [], { log, what: 'Trying' })).rejects.toThrow('could not be started (ENOENT)')
  expect(readFileSync(join(CACHE, 'logs', `${log}.log`), 'utf8')).toBe('')
  rmSync(join(CACHE, 'logs', `${log}.log`))
})

/** A zombie that nobody has waited for yet still has its id, but runs no more. */
function runs(pid: number) {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'))
}

test('an interrupted command takes what it started with it, and ends as the signal says', async () => {
  const log = `test-interrupt-${process.pid}`
  const file = join(directory, 'pid')
  const code = `import { run } from './scripts/lib/run.mjs'
    await run('sh', ['-c', 'sleep 1000 & echo $! > ${file}; wait'], { log: '${log}', what: 'Waiting' })`
  const started = spawn(process.execPath, ['--input-type=module', '-e', code], { cwd: root })
  const ended = new Promise((done) => started.on('exit', done))
  const pid = await waitFor('the sleep to run', () => existsSync(file) && Number(readFileSync(file, 'utf8')))
  started.kill('SIGTERM')
  expect(await ended).toBe(143)
  await waitFor('the sleep to end', () => !runs(pid))
  rmSync(join(CACHE, 'logs', `${log}.log`))
})
