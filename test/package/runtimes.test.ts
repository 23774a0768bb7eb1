// The packed tarball on every Node that is supported, on other run times, with every installer and bundler: by its own command,
// npm run test:package, for it downloads them. Each part comes from npm, at the version named here.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

// The oldest and the newest of each line that is supported.
const NODES = ['20.19.0', '20.20.2', '22.12.0', '22.23.3', '24.21.0', '26.10.0']

let packed: Packed
let tools: string
beforeAll(() => {
  packed = pack({ prebuilt: true, sources: true })
  tools = mkdtempSync(join(tmpdir(), 'odradek-tools-'))
})
afterAll(() => {
  packed?.remove()
  rmSync(tools, { recursive: true, force: true })
})

/** Installs packages of npm beside each other into a directory of their own, and returns it. */
function tool(...packages: string[]) {
  const directory = join(tools, packages[0]!.replace(/[@/]/g, '_'))
  if (!existsSync(directory)) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{ "private": true }\n')
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...packages]
    execFileSync('npm', args, { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return join(directory, 'node_modules')
}

const nodeOf = (version: string) =>
  join(
    tool(`node-${process.platform}-${process.arch}@${version}`),
    `node-${process.platform}-${process.arch}`,
    'bin',
    'node',
  )

async function smokes(project: EmptyProject, command: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  for (const [name, text] of [
    ['smoke.mjs', SMOKE_ESM],
    ['smoke.cjs', SMOKE_CJS],
  ] as const) {
    const ended = await runIn(project.directory, command, [...args, project.write(name, text)], env)
    expect(ended, `${command} ${name}`).toMatchObject({ code: 0, signal: null })
    expect(ended.out).toMatch(SMOKED)
  }
}

describe('Node', () => {
  test.each(NODES)('%s, by import and by require', async (version) => {
    const project = emptyProject(packed)
    try {
      const node = nodeOf(version)
      expect((await runIn(project.directory, node, ['-v'])).out.trim()).toBe(`v${version}`)
      await smokes(project, node)
    } finally {
      project.remove()
    }
  })
})

describe('other run times', () => {
  test.each([
    [
      'bun',
      'bun@1.4.5',
      [`@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : 'x64'}@1.4.5`],
      ['run'],
    ],
    ['deno', 'deno@2.9.6', [], ['run', '--allow-all', '--node-modules-dir=manual', '--no-lock']],
  ] as const)('%s', async (name, main, more, args) => {
    const modules = tool(main, ...more)
    const arch = process.arch === 'arm64' ? 'aarch64' : 'x64'
    const places = [
      join(modules, '@oven', `bun-${process.platform}-${arch}`, 'bin', 'bun'),
      join(modules, '@deno', `${process.platform}-${process.arch}-glibc`, 'deno'),
    ]
    const program = places.find((place) => place.endsWith(name) && existsSync(place))
    expect(program, `${name} in ${modules}`).toBeDefined()
    const project = emptyProject(packed)
    try {
      await smokes(project, program!, [...args])
    } finally {
      project.remove()
    }
  })
})

describe('installers, from the tarball', () => {
  const main = (modules: string, name: string, file: string) => join(modules, name, file)
  // Each with a cache of its own and its install scripts: ours must find nothing to do.
  test.each([
    ['npm', (p: string) => ['npm', ['install', p]]],
    ['npm --ignore-scripts', (p: string) => ['npm', ['install', '--ignore-scripts', p]]],
    ['pnpm', (p: string) => [process.execPath, [main(tool('pnpm@10.12.1'), 'pnpm', 'bin/pnpm.cjs'), 'add', p]]],
    [
      'yarn',
      (p: string) => [process.execPath, [main(tool('yarn@1.22.22'), 'yarn', 'bin/yarn.js'), 'add', `file:${p}`]],
    ],
    [
      'bun',
      (p: string) => [
        join(tool('bun@1.4.5', `@oven/bun-linux-x64@1.4.5`), '@oven', 'bun-linux-x64', 'bin', 'bun'),
        ['add', p],
      ],
    ],
  ] as [string, (tarball: string) => [string, string[]]][])('%s', async (_, command) => {
    const project = emptyProject(packed, { install: false })
    try {
      const tarball = join(project.directory, 'odradek.tgz')
      copyFileSync(packed.tarball, tarball)
      const [program, args] = command(tarball)
      // A cache of its own: npm and others keep a tarball of the same version.
      const cache = join(project.directory, '.cache')
      const env = {
        npm_config_cache: cache,
        YARN_CACHE_FOLDER: cache,
        BUN_INSTALL_CACHE_DIR: cache,
        npm_config_audit: 'false',
      }
      const ended = await runIn(project.directory, program, args, env)
      expect(ended.code, ended.out + ended.error).toBe(0)
      expect(existsSync(join(project.directory, 'node_modules', 'odradek', 'build'))).toBe(false)
      await smokes(project, process.execPath)
    } finally {
      project.remove()
    }
  })
})

describe("yarn 4, which reads no settings of npm's", () => {
  test.each([
    ['node-modules', [process.execPath]],
    ["pnp: Plug'n'Play, without node_modules", [process.execPath, 'YARN', 'node']],
  ])('%s', async (linker, command) => {
    const yarn = join(tool('@yarnpkg/cli-dist@4.18.1'), '@yarnpkg', 'cli-dist', 'bin', 'yarn.js')
    const project = emptyProject(packed, { install: false })
    try {
      copyFileSync(packed.tarball, join(project.directory, 'odradek.tgz'))
      // It takes a directory for a project of its own by this file.
      project.write('yarn.lock', '')
      const env = {
        YARN_NODE_LINKER: linker.split(':')[0],
        YARN_GLOBAL_FOLDER: join(project.directory, '.yarn-global'),
        YARN_ENABLE_TELEMETRY: '0',
        YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
        YARN_NPM_REGISTRY_SERVER: execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim(),
      }
      const added = await runIn(project.directory, process.execPath, [yarn, 'add', 'odradek@file:./odradek.tgz'], env)
      expect(added.code, added.out + added.error).toBe(0)
      expect(existsSync(join(project.directory, 'node_modules'))).toBe(linker === 'node-modules')
      const [program, ...args] = command.map((word) => (word === 'YARN' ? yarn : word))
      await smokes(project, program!, args, env)
    } finally {
      project.remove()
    }
  })
})

describe('bundlers', () => {
  test.each(['esm', 'cjs'])('esbuild, odradek external: %s', async (format) => {
    const modules = tool('esbuild@0.28.2', '@esbuild/linux-x64@0.28.2')
    const project = emptyProject(packed)
    try {
      const entry = project.write('entry.mjs', SMOKE_ESM.replace(/\nawait smoke/, '\nsmoke'))
      const out = join(project.directory, 'out', format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
      const args = [
        entry,
        '--bundle',
        '--platform=node',
        `--format=${format}`,
        `--outfile=${out}`,
        '--external:odradek',
      ]
      const built = await runIn(project.directory, join(modules, '@esbuild', 'linux-x64', 'bin', 'esbuild'), args)
      expect(built.code, built.error).toBe(0)
      expect((await runIn(project.directory, process.execPath, [out])).out).toMatch(SMOKED)
    } finally {
      project.remove()
    }
  })

  test.each(['es', 'cjs'])('rollup, odradek external: %s', async (format) => {
    const modules = tool('rollup@4.68.7')
    const project = emptyProject(packed)
    try {
      const entry = project.write('entry.mjs', SMOKE_ESM.replace(/\nawait smoke/, '\nsmoke'))
      const out = join(project.directory, 'out', format === 'es' ? 'bundle.mjs' : 'bundle.cjs')
      const cli = join(modules, 'rollup', 'dist', 'bin', 'rollup')
      const args = [cli, entry, '--format', format, '--file', out, '--external', 'odradek', '--failAfterWarnings']
      const built = await runIn(project.directory, process.execPath, args)
      expect(built.code, built.error).toBe(0)
      expect((await runIn(project.directory, process.execPath, [out])).out).toMatch(SMOKED)
    } finally {
      project.remove()
    }
  })

  test('esbuild, odradek inside, its prebuilds beside the bundle', async () => {
    const modules = tool('esbuild@0.28.2', '@esbuild/linux-x64@0.28.2')
    const project = emptyProject(packed)
    try {
      const entry = project.write('entry.mjs', SMOKE_ESM)
      const out = join(project.directory, 'app', 'dist', 'bundle.mjs')
      const banner =
        "--banner:js=import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);"
      const args = [entry, '--bundle', '--platform=node', '--format=esm', `--outfile=${out}`, banner]
      args.push('--external:@confluentinc/schemaregistry', '--external:@opentelemetry/api', '--external:prom-client')
      const built = await runIn(project.directory, join(modules, '@esbuild', 'linux-x64', 'bin', 'esbuild'), args)
      expect(built.code, built.error).toBe(0)
      const alone = mkdtempSync(join(tmpdir(), 'odradek-bundle-'))
      cpSync(join(project.directory, 'app'), alone, { recursive: true })
      mkdirSync(join(alone, 'node_modules'))
      cpSync(join(ROOT, 'node_modules', 'node-gyp-build'), join(alone, 'node_modules', 'node-gyp-build'), {
        recursive: true,
      })
      const prebuilt = join('prebuilds', HERE)
      mkdirSync(dirname(join(alone, prebuilt)), { recursive: true })
      cpSync(join(project.directory, 'node_modules', 'odradek', prebuilt), join(alone, prebuilt))
      const ended = await runIn(alone, process.execPath, [join(alone, 'dist', 'bundle.mjs')])
      expect(ended.error).toBe('')
      expect(ended.out).toMatch(SMOKED)
      rmSync(alone, { recursive: true })
    } finally {
      project.remove()
    }
  })
})

describe.runIf(process.platform === 'linux')('without network and compiler', () => {
  test('npm ci from a filled cache, then a producer and a consumer, in a network namespace that has only its own loopback', async () => {
    const project = emptyProject(packed, { install: false })
    try {
      copyFileSync(packed.tarball, join(project.directory, 'odradek.tgz'))
      const npm_config_cache = join(project.directory, '.cache')
      const filled = await runIn(project.directory, 'npm', ['install', './odradek.tgz', '--no-audit'], {
        npm_config_cache,
      })
      expect(filled.code, filled.error).toBe(0)
      // Once more: with omit-lockfile-registry-resolved, npm needs more in its cache for ci than install has put there.
      const again = await runIn(project.directory, 'npm', ['ci', '--no-audit'], { npm_config_cache })
      expect(again.code, again.error).toBe(0)
      rmSync(join(project.directory, 'node_modules'), { recursive: true })
      project.write('smoke.mjs', SMOKE_ESM)
      // npm itself needs sh and node; nothing else is in the PATH.
      const bin = join(project.directory, 'bin')
      mkdirSync(bin)
      for (const [name, target] of [
        ['node', process.execPath],
        ['sh', '/bin/sh'],
      ]) {
        execFileSync('ln', ['-s', target!, join(bin, name!)])
      }
      const npmCli = execFileSync('npm', ['root', '-g'], { encoding: 'utf8' }).trim()
      const script = `ip link set lo up && export PATH=${bin} && node ${npmCli}/npm/bin/npm-cli.js ci --offline --no-audit && node smoke.mjs`
      const ended = await runIn(project.directory, 'unshare', ['-rn', 'sh', '-c', script], { npm_config_cache })
      expect(ended.code, ended.error).toBe(0)
      expect(ended.out).toMatch(SMOKED)
    } finally {
      project.remove()
    }
  })
})

describe('the package is in order', () => {
  test('at most 30 MB are downloaded', () => {
    const { size } = statSync(packed.tarball)
    console.log(`packed: ${(size / 1e6).toFixed(2)} MB, with ${packed.prebuilds.join(', ')}`)
    expect(size).toBeLessThanOrEqual(30e6)
  })

  test('publint finds nothing', async () => {
    const cli = join(ROOT, 'node_modules', 'publint', 'src', 'cli.js')
    const ended = await runIn(ROOT, process.execPath, [cli, 'run', packed.tarball, '--strict'])
    expect(ended, ended.out + ended.error).toMatchObject({ code: 0 })
    expect(ended.out).toMatch(/All good/)
  })

  test('arethetypeswrong finds nothing, for every kind of import that Node and bundlers know', async () => {
    const cli = join(ROOT, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
    const ended = await runIn(ROOT, process.execPath, [cli, packed.tarball, '--profile', 'node16', '--format', 'ascii'])
    expect(ended.code, ended.out).toBe(0)
  })
})
