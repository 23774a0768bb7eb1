// Builds prebuilt addons into prebuilds/<platform>-<arch>/ through prebuildify, node-gyp and binding.gyp, from pinned sources alone:
// node scripts/prebuild.mjs [--target linux-x64-musl ...] [--check]. Without a target: all that can be
// built here, which on Linux are all.
import { cpSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureSources } from './fetch-source.mjs'
import { withLock } from './lib/lock.mjs'
import { ensureOpenSsl } from './lib/openssl.mjs'
import { checkPrebuilt } from './lib/prebuilt.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from './lib/run.mjs'
import { buildableHere, prebuiltFile, TARGETS, targetOf } from './lib/targets.mjs'
import { ensureZig } from './lib/zig.mjs'

const STAGE = join(CACHE, 'prebuild')

/** node-gyp's clean removes build/, and prebuildify moves the addon away: both work on a copy. */
function stage() {
  rmSync(STAGE, { recursive: true, force: true })
  mkdirSync(join(STAGE, '.cache'), { recursive: true })
  for (const name of ['package.json', 'binding.gyp', 'CMakeLists.txt', 'deps', 'native', 'scripts']) {
    cpSync(join(ROOT, name), join(STAGE, name), { recursive: true })
  }
  for (const name of ['node_modules', ...['src', 'zig', 'openssl'].map((part) => join('.cache', part))]) {
    mkdirSync(join(ROOT, name), { recursive: true })
    symlinkSync(join(ROOT, name), join(STAGE, name), 'junction')
  }
}

/** What node-gyp reads of Node's headers; where they are not installed a stub does, since binding.gyp compiles nothing itself. */
export function nodeDirectory() {
  const installed = resolve(dirname(process.execPath), '..')
  if (existsSync(join(installed, 'include', 'node', 'common.gypi'))) return installed
  const stub = join(CACHE, 'node-gyp')
  mkdirSync(join(stub, 'include', 'node'), { recursive: true })
  writeFileSync(join(stub, 'include', 'node', 'common.gypi'), '{}\n')
  return stub
}

async function prebuild(target) {
  // Here, not in the copy: what they bring is kept for the next time.
  await ensureSources()
  await ensureSources(['zlib', 'zstd'])
  if (target.triple) await ensureZig(target)
  await ensureOpenSsl(target)
  stage()
  const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')
  // No --strip: the linker strips, and this machine's strip may not know the target.
  const args = ['--napi', '--cwd', STAGE, '--out', ROOT, '-t', process.versions.node]
  args.push('--platform', target.platform, '--arch', target.arch, ...(target.libc ? ['--tag-libc', target.libc] : []))
  const env = { ...process.env, npm_config_nodedir: nodeDirectory(), ODRADEK_TARGET: target.name }
  const log = `prebuild-${target.name}`
  await run(process.execPath, [prebuildify, ...args], { cwd: STAGE, env, log, what: `prebuildify (${target.name})` })
  rmSync(STAGE, { recursive: true, force: true })
}

await main(import.meta.url, async (argv) => {
  const { values } = parseArgs({
    args: argv,
    options: { target: { type: 'string', multiple: true }, check: { type: 'boolean', default: false } },
  })
  const here = buildableHere()
  // --check asks about what is there, which may come from other machines.
  const wanted = (values.target ?? (values.check ? TARGETS : here).map(({ name }) => name)).map(targetOf)
  const elsewhere = wanted.filter((target) => !values.check && !here.includes(target))
  if (elsewhere.length > 0) {
    throw new UserError(
      `${elsewhere.map(({ name }) => name).join(', ')} cannot be built here (${process.platform}-${process.arch}); here: ` +
        `${here.map(({ name }) => name).join(', ')}. The release workflow builds each on a machine of its own.`,
    )
  }
  for (const target of wanted) {
    const from = performance.now()
    if (!values.check) await withLock('prebuild', () => prebuild(target))
    const file = join(ROOT, 'prebuilds', prebuiltFile(target))
    if (!existsSync(file))
      throw new UserError(`There is no prebuilt addon for ${target.name} (prebuilds/${prebuiltFile(target)}).`)
    await checkPrebuilt(target, file)
    const size = (statSync(file).size / 1e6).toFixed(2)
    console.log(`prebuilds/${prebuiltFile(target)}: ${size} MB, ${values.check ? 'fine' : 'built'} (${seconds(from)})`)
  }
})
