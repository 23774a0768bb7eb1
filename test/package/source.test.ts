// npm install where nothing is prebuilt: the source in the packed tarball is compiled, without a network, and works. Minutes long; needs
// what docs/platforms.md names, and npm's registry for node-gyp-build alone.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type EmptyProject,
  emptyProject,
  type Packed,
  pack,
  ROOT,
  runIn,
  SMOKE_ESM,
  SMOKED,
} from '../helpers/package.js'

const { ensureSources, readPin, sourceDirectory } = await import(
  new URL('../../scripts/fetch-source.mjs', import.meta.url).href
)
let packed: Packed
beforeAll(() => {
  packed = pack({ addons: false, sources: true })
})
afterAll(() => packed?.remove())

/** A librdkafka of the system, as its own build makes it: from the pinned source, shared, into a prefix that pkg-config is told of. */
function systemLibrdkafka() {
  const { version } = readPin('librdkafka')
  const prefix = join(ROOT, '.cache', `system-librdkafka-${version}`)
  if (existsSync(join(prefix, 'lib', 'pkgconfig', 'rdkafka.pc'))) return prefix
  const work = join(ROOT, '.cache', 'tmp', 'system-librdkafka')
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  cpSync(sourceDirectory(readPin('librdkafka')), join(work, 'source'), { recursive: true })
  const options = { cwd: join(work, 'source'), stdio: 'ignore' } as const
  execFileSync('./configure', [`--prefix=${join(work, 'made')}`, '--disable-gssapi'], options)
  for (const goal of ['lib', 'install']) execFileSync('make', ['-j2', '-C', 'src', goal], options)
  const pc = join(work, 'made', 'lib', 'pkgconfig', 'rdkafka.pc')
  writeFileSync(pc, readFileSync(pc, 'utf8').replaceAll(join(work, 'made'), prefix))
  rmSync(prefix, { recursive: true, force: true })
  renameSync(join(work, 'made'), prefix)
  rmSync(work, { recursive: true })
  return prefix
}

/** npm's cache has what is fetched by name, the one dependency; then the installation is in a network namespace with no way out. */
async function installs(project: EmptyProject, env: NodeJS.ProcessEnv) {
  copyFileSync(packed.tarball, join(project.directory, 'odradek.tgz'))
  // A cache of its own, that has no tarball of the same name.
  const npm_config_cache = join(project.directory, '.npm')
  const quiet = ['--no-audit', '--no-fund']
  // Twice: with omit-lockfile-registry-resolved, npm needs more in its cache for ci than install has put there.
  for (const how of [['install', './odradek.tgz'], ['ci']]) {
    const filled = await runIn(project.directory, 'npm', [...how, ...quiet, '--ignore-scripts'], { npm_config_cache })
    expect(filled.code, filled.out + filled.error).toBe(0)
  }
  rmSync(join(project.directory, 'node_modules'), { recursive: true })
  // Not the settings of a work tree's npm, which run no install scripts.
  const offline = ['npm', 'ci', ...quiet, '--ignore-scripts=false', '--foreground-scripts', '--offline']
  const [program, ...rest] = process.platform === 'linux' ? ['unshare', '-rn', ...offline] : offline
  const ended = await runIn(project.directory, program!, rest, { ...env, npm_config_cache })
  expect(ended.code, ended.out + ended.error).toBe(0)
  expect(ended.out).toContain('building it from source')
  const installed = join(project.directory, 'node_modules', 'odradek')
  expect(existsSync(join(installed, 'build', 'Release', 'odradek.node'))).toBe(true)
  // Nothing was fetched: there is no other source than that of the package.
  expect(project.list('node_modules/odradek/.cache')).not.toContain('src')
  expect(project.list('node_modules/odradek/sources')).toHaveLength(5)
}

const REPORT = `import { librdkafka } from 'odradek'\nconsole.log(librdkafka.version, librdkafka.features.join())\n`

describe('npm install without a prebuilt addon', () => {
  test('builds the pinned librdkafka, statically, with everything', async () => {
    expect(packed.prebuilds).toEqual([])
    const project = emptyProject(packed, { install: false })
    try {
      await installs(project, {})
      expect((await runIn(project.directory, process.execPath, [project.write('smoke.mjs', SMOKE_ESM)])).out).toMatch(
        SMOKED,
      )
      const about = await runIn(project.directory, process.execPath, [project.write('about.mjs', REPORT)])
      expect(about.out).toMatch(/^2\.\d+\.\d+ .*\bssl\b.*\bsasl_scram\b.*\bzstd\b.*\boidc$/m)
    } finally {
      project.remove()
    }
  })

  test('links the librdkafka of the system where ODRADEK_SYSTEM_LIBRDKAFKA=1 says so', async () => {
    await ensureSources(['librdkafka'])
    const prefix = systemLibrdkafka()
    const project = emptyProject(packed, { install: false })
    try {
      await installs(project, {
        ODRADEK_SYSTEM_LIBRDKAFKA: '1',
        PKG_CONFIG_PATH: join(prefix, 'lib', 'pkgconfig'),
      })
      const env = { LD_LIBRARY_PATH: join(prefix, 'lib') }
      const smoke = project.write('smoke.mjs', SMOKE_ESM)
      expect((await runIn(project.directory, process.execPath, [smoke], env)).out).toMatch(SMOKED)
      const addon = join(project.directory, 'node_modules', 'odradek', 'build', 'Release', 'odradek.node')
      if (process.platform === 'linux') {
        expect(execFileSync('ldd', [addon], { encoding: 'utf8', env: { ...process.env, ...env } })).toContain(
          join(prefix, 'lib', 'librdkafka.so.1'),
        )
      }
    } finally {
      project.remove()
    }
  })
})
