// The packed tarball in an empty project, what of it is quick: by import and by require, in a worker, types, the message of a load that
// fails, and an addon of the other libc beside it. Everything else: npm run test:package.
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type EmptyProject,
  emptyProject,
  HERE,
  type Packed,
  pack,
  ROOT,
  runIn,
  SMOKE_CJS,
  SMOKE_ESM,
  SMOKED,
} from '../helpers/package.js'

let packed: Packed
let project: EmptyProject
beforeAll(() => {
  packed = pack()
  project = emptyProject(packed)
})
afterAll(() => {
  project?.remove()
  packed?.remove()
})

const node = (file: string, env: NodeJS.ProcessEnv = {}) => runIn(project.directory, process.execPath, [file], env)

test('contains what it needs and nothing of the tests, the benchmarks or this machine', () => {
  for (const file of [
    'dist/index.js',
    'dist/index.cjs',
    'dist/index.d.cts',
    'CMakeLists.txt',
    'binding.gyp',
    'LICENSE',
  ]) {
    expect(packed.files).toContain(file)
  }
  for (const file of [
    'NOTICE',
    'SECURITY.md',
    'sbom.cdx.json',
    'licenses/librdkafka.txt',
    'licenses/node-addon-api.txt',
  ]) {
    expect(packed.files).toContain(file)
  }
  expect(packed.prebuilds).toContain(HERE)
  expect(packed.files.filter((file) => /^(test|bench|examples|\.cache|build|node_modules)\//.test(file))).toEqual([])
})

test('every file that package.json exports is there', () => {
  const { exports } = createRequire(join(project.directory, 'x.js'))('odradek/package.json')
  const named = JSON.stringify(exports).match(/\.\/dist\/[^"]+/g)!
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((file) => !packed.files.includes(file.slice(2)))).toEqual([])
})

test('is a few files, for a file costs an import half a millisecond, whose source maps lead to the sources in the package', async () => {
  const scripts = packed.files.filter((file) => /^dist\/.*\.js$/.test(file))
  expect(scripts.length).toBeLessThan(20)
  const maps = packed.files.filter((file) => file.endsWith('.js.map'))
  expect(maps.length).toBeGreaterThan(4)
  for (const file of maps) {
    const text = readFileSync(join(project.directory, 'node_modules', 'odradek', file), 'utf8')
    const { sources } = JSON.parse(text) as { sources: string[] }
    for (const source of sources) expect(packed.files, file).toContain(join(dirname(file), source))
  }
  const failing = "import { Producer } from 'odradek'\nnew Producer({ 'bootstrap.server': 'a' })\n"
  const ended = await runIn(project.directory, process.execPath, [
    '--enable-source-maps',
    project.write('trace.mjs', failing),
  ])
  expect(ended.error).toMatch(/at new Producer \(.*odradek\/lib\/producer\.ts:\d+:\d+\)/)
})

describe('loads and works', () => {
  test.each([
    ['import', 'smoke.mjs', SMOKE_ESM],
    ['require', 'smoke.cjs', SMOKE_CJS],
  ])('by %s', async (_, name, text) => {
    const ended = await node(project.write(name, text))
    expect(ended).toMatchObject({ code: 0, signal: null, error: '' })
    expect(ended.out).toMatch(SMOKED)
  })

  test('by both at once, as one copy', async () => {
    const both = `import { Producer, KafkaError } from 'odradek'
      import { createRequire } from 'node:module'
      const other = createRequire(import.meta.url)('odradek')
      console.log(other.Producer === Producer && other.KafkaError === KafkaError)`
    expect(await node(project.write('both.mjs', both))).toMatchObject({ code: 0, out: 'true\n', error: '' })
  })

  test('in a worker thread', async () => {
    project.write('worker.mjs', SMOKE_ESM)
    const main = `import { Worker } from 'node:worker_threads'
      for (let round = 0; round < 2; round++) {
        await Promise.all([1, 2].map(() => new Promise((done, fail) => {
          new Worker(new URL('./worker.mjs', import.meta.url)).on('error', fail).on('exit', done)
        })))
      }`
    const ended = await node(project.write('main.mjs', main))
    expect(ended).toMatchObject({ code: 0, signal: null, error: '' })
    expect(ended.out.match(new RegExp(SMOKED, 'gm'))).toHaveLength(4)
  })

  test('without anything in the PATH and without a home directory', async () => {
    const ended = await node(project.write('bare.mjs', SMOKE_ESM), { PATH: '', HOME: '/nonexistent' })
    expect(ended.out).toMatch(SMOKED)
  })

  test('importing alone keeps nothing alive', async () => {
    const ended = await node(project.write('alone.mjs', "import 'odradek'\n"))
    expect(ended).toEqual({ code: 0, signal: null, out: '', error: '' })
  })
})

describe('the addon', () => {
  /** A copy of the project, whose addons may be changed. */
  const copy = () => emptyProject(packed)
  const prebuilds = (other: EmptyProject) => join(other.directory, 'node_modules', 'odradek', 'prebuilds')

  test('one that is missing is told of with what was looked for, what is there, and what to do', async () => {
    const other = copy()
    try {
      rmSync(prebuilds(other), { recursive: true })
      mkdirSync(join(prebuilds(other), 'sunos-sparc'), { recursive: true })
      const ended = await runIn(other.directory, process.execPath, [other.write('a.mjs', SMOKE_ESM)])
      expect(ended.code).toBe(1)
      expect(ended.error).toContain(`addon for ${process.platform}-${process.arch}`)
      expect(ended.error).toMatch(new RegExp(`prebuilds/${process.platform}-${process.arch}.*not found`))
      expect(ended.error).toContain('sunos-sparc')
      expect(ended.error).toContain('Possible solutions:')
      expect(ended.error).toContain('npm rebuild odradek')
    } finally {
      other.remove()
    }
  })

  test('one that the loader refuses is told of with the loader’s own words', async () => {
    const other = copy()
    try {
      const directory = join(prebuilds(other), dirname(HERE))
      for (const name of readdirSync(directory)) writeFileSync(join(directory, name), 'no addon')
      const ended = await runIn(other.directory, process.execPath, [other.write('a.mjs', SMOKE_ESM)])
      expect(ended.code).toBe(1)
      expect(ended.error).toMatch(/The loader said: .*odradek.*(file too short|invalid ELF|not a valid|mach-o)/i)
    } finally {
      other.remove()
    }
  })

  test('that ODRADEK_ADDON names is looked for from the directory of the program, and told of by its whole path', async () => {
    const other = copy()
    try {
      cpSync(join(prebuilds(other), HERE), join(other.directory, 'own', 'mine.node'))
      rmSync(prebuilds(other), { recursive: true })
      const smoke = other.write('smoke.mjs', SMOKE_ESM)
      for (const ODRADEK_ADDON of ['own/mine.node', join(other.directory, 'own', 'mine.node')]) {
        const ended = await runIn(other.directory, process.execPath, [smoke], { ODRADEK_ADDON })
        expect(ended.out, ended.error).toMatch(SMOKED)
      }
      const missing = await runIn(other.directory, process.execPath, [smoke], { ODRADEK_ADDON: 'own/none.node' })
      expect(missing.code).toBe(1)
      expect(missing.error).toContain(`${join('own', 'none.node')}, which does not exist`)
      expect(missing.error).toContain(`ODRADEK_ADDON names ${realpathSync(other.directory)}`)
    } finally {
      other.remove()
    }
  })

  test.runIf(process.platform === 'linux')('of the other libc is taken where the first guess was wrong', async () => {
    const other = copy()
    try {
      const directory = join(prebuilds(other), dirname(HERE))
      const names = ['odradek.glibc.node', 'odradek.musl.node']
      const [mine, not] = HERE.endsWith(names[0]!) ? names : names.reverse()
      // node-gyp-build guesses by /etc/alpine-release: it takes what is named after this libc, which is of none here.
      renameSync(join(directory, mine!), join(directory, 'kept'))
      cpSync(join(directory, 'kept'), join(directory, not!))
      writeFileSync(join(directory, mine!), 'no addon')
      rmSync(join(directory, 'kept'))
      const ended = await runIn(other.directory, process.execPath, [other.write('a.mjs', SMOKE_ESM)])
      expect(ended.out).toMatch(SMOKED)
    } finally {
      other.remove()
    }
  })
})

describe('the install script', () => {
  const install = (other: EmptyProject, env: NodeJS.ProcessEnv = {}) =>
    runIn(join(other.directory, 'node_modules', 'odradek'), process.execPath, ['scripts/install.mjs'], env)

  test('says and does nothing where the prebuilt addon loads, though there is no compiler', async () => {
    expect(await install(project, { PATH: '' })).toEqual({ code: 0, signal: null, out: '', error: '' })
  })

  test.each([
    ['the pinned librdkafka', {}, /Missing on this machine: a C\+\+ compiler, cmake, .*OpenSSL's static library/],
    [
      'the system’s librdkafka',
      { ODRADEK_SYSTEM_LIBRDKAFKA: '1' },
      /Missing on this machine: .*librdkafka 2\.15\.1 or newer/,
    ],
  ])('says what a build against %s needs where nothing is prebuilt', async (_, env, message) => {
    const other = emptyProject(packed)
    try {
      rmSync(join(other.directory, 'node_modules', 'odradek', 'prebuilds'), { recursive: true })
      const ended = await install(other, { ...env, PATH: '' })
      expect(ended.code).toBe(1)
      expect(ended.out).toContain(
        `no prebuilt addon for ${process.platform}-${process.arch} here; building it from source`,
      )
      expect(ended.error).toMatch(message)
      expect(ended.error).not.toContain('    at ')
    } finally {
      other.remove()
    }
  })
})

describe('types', () => {
  const use = (load: string) => `${load}
    export async function main(consumer: odradek.Consumer): Promise<string[]> {
      const producer = new odradek.Producer({ 'bootstrap.servers': 'a:9092', acks: 'all' })
      const { offset }: { offset: number } = await producer.send({ topic: 't', value: 'v' })
      const seen: string[] = [String(offset)]
      for await (const message of consumer) seen.push(message.topic)
      // @ts-expect-error: misspelt
      new odradek.Producer({ 'bootstrap.server': 'a:9092' })
      return seen
    }\n`
  test.each([
    ['node16', 'node16', 'esm.mts', "import * as odradek from 'odradek'"],
    ['nodenext', 'nodenext', 'esm.mts', "import * as odradek from 'odradek'"],
    ['node16', 'node16', 'cjs.cts', "import odradek = require('odradek')"],
    ['nodenext', 'nodenext', 'cjs.cts', "import * as odradek from 'odradek'"],
    ['bundler', 'esnext', 'bundler.ts', "import * as odradek from 'odradek'"],
  ])('%s resolution, strict, the declarations checked too: %s %s', async (moduleResolution, module, file, load) => {
    const compilerOptions = {
      ...{ strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', lib: ['es2023', 'esnext.disposable'] },
      ...{ module, moduleResolution, types: ['node'], typeRoots: [join(ROOT, 'node_modules', '@types')] },
    }
    const directory = `types-${moduleResolution}-${file}`
    project.write(join(directory, file), use(load))
    project.write(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
    const tsc = join(dirname(createRequire(join(ROOT, 'x.js')).resolve('typescript/package.json')), 'bin', 'tsc')
    const ended = await runIn(project.directory, process.execPath, [tsc, '-p', directory])
    expect(ended).toMatchObject({ code: 0, out: '' })
  })
})

test('a cold start to the first message costs little processor time beyond Node itself', async () => {
  // Processor time, for a loaded machine says nothing about the time on the clock; some 100 ms on a quiet one (docs/platforms.md).
  const from = 'const from = process.cpuUsage()\n'
  const load = "const odradek = await import('odradek')"
  const report = `const { user, system } = process.cpuUsage(from)\nconsole.log('TOOK ' + (user + system) / 1000)\n`
  const text = from + SMOKE_ESM.replace("import * as odradek from 'odradek'", load) + report
  const ended = await node(project.write('cost.mjs', text))
  expect(ended.out).toMatch(SMOKED)
  expect(Number(ended.out.match(/TOOK ([\d.]+)/)?.[1])).toBeLessThan(800)
})
