// Builds this machine's prebuilt addon into prebuilds/<platform>-<arch>/ through prebuildify, node-gyp and binding.gyp.
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { ensureSources } from './fetch-source.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from './lib/run.mjs'

const STAGE = join(CACHE, 'prebuild')

/** node-gyp's clean removes build/, and prebuildify moves the addon away: both work on a copy. */
function stage() {
  rmSync(STAGE, { recursive: true, force: true })
  mkdirSync(join(STAGE, '.cache'), { recursive: true })
  for (const name of ['package.json', 'binding.gyp', 'CMakeLists.txt', 'deps', 'native', 'scripts']) {
    cpSync(join(ROOT, name), join(STAGE, name), { recursive: true })
  }
  for (const name of ['node_modules', join('.cache', 'src')])
    symlinkSync(join(ROOT, name), join(STAGE, name), 'junction')
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

await main(import.meta.url, async (argv) => {
  if (argv.length > 0) throw new UserError(`There is no option '${argv[0]}'. Usage: node scripts/prebuild.mjs`)
  const from = performance.now()
  await ensureSources()
  stage()
  const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js')
  const args = [
    prebuildify,
    '--napi',
    '--strip',
    '--tag-libc',
    '--cwd',
    STAGE,
    '--out',
    ROOT,
    '-t',
    process.versions.node,
  ]
  const env = { ...process.env, npm_config_nodedir: nodeDirectory() }
  await run(process.execPath, args, { cwd: STAGE, env, log: 'prebuild', what: 'prebuildify' })
  rmSync(STAGE, { recursive: true, force: true })
  console.log(`prebuilds/${process.platform}-${process.arch}: built (${seconds(from)})`)
})
