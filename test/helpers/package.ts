// The package as it would be published, packed once, and empty projects that have it installed.
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
const libc = process.platform === 'linux' ? (report.header.glibcVersionRuntime ? '.glibc' : '.musl') : ''

/** This machine's addon within prebuilds/. */
export const HERE = `${process.platform}-${process.arch}/odradek${libc}.node`

export interface Packed {
  tarball: string
  /** Those within prebuilds/. */
  prebuilds: string[]
  /** The files of the package, relative. */
  files: string[]
  remove(): void
}

/** The tarball that is to be published, where there is one: the release workflow tests that and packs nothing again. */
const PUBLISHED = process.env.ODRADEK_TARBALL && resolve(process.env.ODRADEK_TARBALL)

/** What package.json names, as far as it is there. */
function copyTree(stage: string) {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] }
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files]) {
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(stage, name), { recursive: true })
  }
  rmSync(join(stage, 'sources'), { recursive: true, force: true })
}

const unpack = (tarball: string, directory: string) => {
  mkdirSync(directory, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', directory])
}

function packStage(stage: string, directory: string) {
  const args = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', directory]
  const [{ filename }] = JSON.parse(execFileSync(npm, args, { cwd: stage, encoding: 'utf8' })) as [{ filename: string }]
  return join(directory, filename)
}

/** This machine's addon is the one that the tests use, unless it is there already. */
function addOwnAddon(stage: string) {
  const own = join(stage, 'prebuilds', HERE)
  if (existsSync(own)) return
  mkdirSync(dirname(own), { recursive: true })
  cpSync(process.env.ODRADEK_ADDON ?? join(ROOT, 'build', 'Release', 'odradek.node'), own)
}

/**
 * Packs a copy of the work tree. With `prebuilt` the addons are those of `npm run prebuild`, and this machine's only where there is none;
 * else it alone, for those in prebuilds/ may be older than the sources. Without `addons`: none for any platform. With `sources`: those
 * that a build from source compiles. Where ODRADEK_TARBALL names what is to be published, `prebuilt` is that very file.
 */
export function pack({ prebuilt = false, addons = true, sources = false } = {}): Packed {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-pack-'))
  const stage = join(directory, 'stage')
  const published = (prebuilt || !addons) && PUBLISHED
  if (published) unpack(published, stage)
  else copyTree(stage)
  if (!prebuilt) rmSync(join(stage, 'prebuilds'), { recursive: true, force: true })
  if (!published && addons) addOwnAddon(stage)
  if (!published && sources) {
    execFileSync(process.execPath, [join(ROOT, 'scripts', 'package-sources.mjs'), join(stage, 'sources')])
  }
  const tarball = published && addons ? published : packStage(stage, directory)
  rmSync(stage, { recursive: true })
  const listed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8', maxBuffer: 1 << 26 })
  const files = listed.split('\n').filter((name) => name && !name.endsWith('/'))
  const inside = files.map((name) => name.replace(/^package\//, ''))
  return {
    tarball,
    files: inside,
    prebuilds: inside.filter((path) => path.startsWith('prebuilds/')).map((path) => path.slice('prebuilds/'.length)),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** An empty project; `install` puts the package and its one dependency where npm would, without npm and without a network. */
export function emptyProject(packed: Packed, { install = true } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-project-'))
  writeFileSync(join(directory, 'package.json'), '{ "name": "empty", "private": true }\n')
  if (install) {
    const modules = join(directory, 'node_modules')
    unpack(packed.tarball, join(modules, 'odradek'))
    cpSync(join(ROOT, 'node_modules', 'node-gyp-build'), join(modules, 'node-gyp-build'), { recursive: true })
  }
  return {
    directory,
    write(name: string, text: string) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), text)
      return join(directory, name)
    },
    list: (name: string) => (existsSync(join(directory, name)) ? readdirSync(join(directory, name)) : []),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}
export type EmptyProject = ReturnType<typeof emptyProject>

export interface Ended {
  code: number | null
  signal: string | null
  out: string
  error: string
}

/** Runs a program to its end; nothing of the tests' own addon is in its environment. */
export function runIn(directory: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { ODRADEK_ADDON: _, NODE_OPTIONS: __, ...rest } = process.env
  const child = spawn(command, args, { cwd: directory, env: { ...rest, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended: Ended = { code: null, signal: null, out: '', error: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    ended.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    ended.error += chunk
  })
  return new Promise((done) => {
    child.on('error', (error) => done({ ...ended, error: `${command}: ${error.message}` }))
    child.on('close', (code, signal) => done(Object.assign(ended, { code, signal })))
  })
}

/**
 * Produces three records and reads them back on the embedded cluster, then prints `SMOKE <librdkafka's version> a,b,c`. Files of their
 * own, since the release workflow runs them where there is nothing but the package.
 */
const smoke = (name: string) => readFileSync(join(ROOT, 'test', 'package', name), 'utf8')
export const SMOKE_ESM = smoke('smoke.mjs')
export const SMOKE_CJS = smoke('smoke.cjs')
export const SMOKED = /^SMOKE \d+\.\d+\.\d+ a,b,c$/m
