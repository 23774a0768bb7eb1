// npm install where nothing is prebuilt: the source in the packed tarball, what it needs fetched, is compiled and works. Minutes
// long; needs what docs/platforms.md names, and the package registries.
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
  packed = pack({ addons: false })
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

async function installs(project: EmptyProject, env: NodeJS.ProcessEnv) {
  copyFileSync(packed.tarball, join(project.directory, 'odradek.tgz'))
  // Not the settings of a work tree's npm, which run no install scripts; and a cache that has no tarball of the same name.
  const npm_config_cache = join(project.directory, '.npm')
  const args = ['install', '--ignore-scripts=false', '--foreground-scripts', '--no-audit', '--no-fund', './odradek.tgz']
  const ended = await runIn(project.directory, 'npm', args, { ...env, npm_config_cache })
  expect(ended.code, ended.out + ended.error).toBe(0)
  expect(ended.out).toContain('building it from source')
  expect(existsSync(join(project.directory, 'node_modules', 'odradek', 'build', 'Release', 'odradek.node'))).toBe(true)
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
