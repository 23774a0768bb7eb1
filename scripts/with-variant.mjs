// Builds a variant of the addon and runs a command with it: node scripts/with-variant.mjs asan vitest run --project mock
// The name of a target runs it with the prebuilt addon: node scripts/with-variant.mjs darwin-arm64 vitest run --project mock
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { addonPath, buildNative, VARIANTS } from './build-native.mjs'
import { main, output, ROOT, UserError } from './lib/run.mjs'
import { prebuiltFile, TARGETS } from './lib/targets.mjs'

/** Node itself is not instrumented, so a sanitizer's run-time library has to be there before it starts. */
async function runtimeLibrary(name) {
  const path = (await output(process.env.CC || 'cc', [`-print-file-name=${name}`]))?.trim()
  if (!path || !isAbsolute(path)) throw new UserError(`The compiler has no ${name}; Debian's g++ brings it.`)
  return path
}

/** What a process needs in its environment to run a variant. */
export async function variantEnvironment(variant) {
  const env = { ODRADEK_ADDON: addonPath(variant) }
  // Node keeps much until it ends, which is no leak of ours: leaks are looked for with counters, not here.
  if (variant === 'asan') {
    return { ...env, LD_PRELOAD: await runtimeLibrary('libasan.so'), ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1' }
  }
  if (variant === 'tsan') {
    const known = join(ROOT, 'deps', 'librdkafka', 'tsan.supp')
    const options = `ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1:suppressions=${known}`
    return { ...env, LD_PRELOAD: await runtimeLibrary('libtsan.so'), TSAN_OPTIONS: options }
  }
  if (variant === 'ubsan') return { ...env, UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1' }
  return env
}

/** The environment that uses a prebuilt addon, which has to be there. */
function prebuiltEnvironment(target) {
  const file = join('prebuilds', prebuiltFile(target))
  if (!existsSync(join(ROOT, file)))
    throw new UserError(`There is no ${file}. Run: npm run prebuild -- --target ${target.name}`)
  return { ODRADEK_ADDON: join(ROOT, file) }
}

await main(import.meta.url, async ([variant, command, ...args]) => {
  const target = TARGETS.find(({ name }) => name === variant)
  if ((!VARIANTS.includes(variant) && !target) || !command) {
    const names = [...VARIANTS, ...TARGETS.map(({ name }) => name)]
    throw new UserError(`Usage: node scripts/with-variant.mjs ${names.join('|')} COMMAND [ARGUMENT ...]`)
  }
  if (!target) await buildNative({ variant })
  const own = target ? prebuiltEnvironment(target) : await variantEnvironment(variant)
  const env = { ...own, ...process.env, ODRADEK_ADDON: own.ODRADEK_ADDON }
  // ThreadSanitizer cannot place its shadow memory under some kernels' address randomisation.
  const prefix = variant === 'tsan' && process.platform === 'linux' ? ['setarch', '-R'] : []
  // npx dies under ThreadSanitizer's library when it starts its shell, so vitest is started by its file.
  const words = command === 'vitest' ? [process.execPath, 'node_modules/vitest/vitest.mjs'] : [command]
  const [program, ...rest] = [...prefix, ...words, ...args]
  const child = spawn(program, rest, { cwd: ROOT, env, stdio: 'inherit' })
  const [code, signal] = await new Promise((done, fail) => {
    child.on('error', (error) => fail(new UserError(`${program} could not be started (${error.code}).`)))
    child.on('exit', (...result) => done(result))
  })
  process.exitCode = signal ? 128 + constants.signals[signal] : code
})
