// Builds the addon through CMake, incrementally: node scripts/build-native.mjs [--variant asan] [--system-librdkafka] [--clean]
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureSources, readPin, sourceDirectory, sourcesPacked } from './fetch-source.mjs'
import { withLock } from './lib/lock.mjs'
import { ensureOpenSsl, opensslDirectory } from './lib/openssl.mjs'
import { main, output, ROOT, run, seconds, UserError } from './lib/run.mjs'
import { targetOf } from './lib/targets.mjs'
import { ensureZig, zigTools } from './lib/zig.mjs'

export const VARIANTS = ['release', 'debug', 'asan', 'ubsan', 'tsan', 'coverage', 'gssapi']

const SIGNATURE = '.odradek-signature'
const treeOf = (variant, target) => join(ROOT, 'build', `cmake-${variant}${target ? `-${target}` : ''}`)

// Linked here and then renamed into its place, so that nobody ever loads half an addon.
const outputOf = (variant, target) => join(treeOf(variant, target), 'linked')

/** Where a variant's odradek.node is. */
export function addonPath(variant = 'release') {
  return join(ROOT, 'build', variant === 'release' ? 'Release' : variant, 'odradek.node')
}

const HEADERS = ['node-addon-api', 'node-api-headers']

/** Where an npm package is installed that brings headers, or undefined. */
function installed(name) {
  try {
    return dirname(createRequire(join(ROOT, 'package.json')).resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}

/** In somebody's project they are no dependency of ours: there they are fetched, pinned, as librdkafka is. */
function headerDirectory(name, inside) {
  const directory = installed(name)
  if (directory) return join(directory, inside)
  // tsconfig.json is not packed: this is a work tree.
  if (existsSync(join(ROOT, 'tsconfig.json'))) {
    throw new UserError(`The npm package ${name}, whose headers the build needs, is not installed. Run: npm ci`)
  }
  return join(sourceDirectory(readPin(name)), inside)
}

async function ensureHeaders() {
  const missing = HEADERS.filter((name) => !installed(name))
  if (missing.length > 0 && !existsSync(join(ROOT, 'tsconfig.json'))) await ensureSources(missing)
}

/** Everything that decides whether a build would change anything: names, sizes and times of the inputs, and the arguments. */
function signature(args) {
  const hash = createHash('sha256').update(JSON.stringify(args))
  const visit = (path) => {
    const stat = statSync(path)
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
    else hash.update(`${relative(ROOT, path)} ${stat.size} ${stat.mtimeMs}\n`)
  }
  for (const input of ['native', 'deps', 'CMakeLists.txt']) visit(join(ROOT, input))
  return hash.digest('hex')
}

function readIf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

async function generator() {
  return (await output('ninja', ['--version'])) ? 'Ninja' : 'Unix Makefiles'
}

/** As CMake calls them. */
const SYSTEMS = { linux: 'Linux', darwin: 'Darwin', win32: 'Windows' }

/** For a prebuilt addon: everything from pinned sources, and on Linux zig as compiler. */
function targetArguments(name) {
  if (!name) return []
  const target = targetOf(name)
  const args = [`-DODRADEK_OPENSSL_DIR=${opensslDirectory(target)}`]
  if (!target.triple) return target.platform === 'darwin' ? [...args, '-DCMAKE_OSX_DEPLOYMENT_TARGET=11.0'] : args
  return [
    ...args,
    `-DCMAKE_TOOLCHAIN_FILE=${join(ROOT, 'deps', 'zig', 'toolchain.cmake')}`,
    `-DODRADEK_ZIG_TOOLS=${zigTools(target)}`,
    `-DODRADEK_SYSTEM=${SYSTEMS[target.platform]}`,
    `-DODRADEK_PROCESSOR=${target.processor}`,
  ]
}

async function ensureTarget(name) {
  const target = targetOf(name)
  await ensureSources(['zlib', 'zstd'])
  if (target.triple) await ensureZig(target)
  await ensureOpenSsl(target)
}

function cmakeArguments({ variant, system, gssapi, lto, target }) {
  return [
    // With Kerberos it is the release, beside the one without.
    `-DODRADEK_VARIANT=${variant === 'gssapi' ? 'release' : variant}`,
    `-DODRADEK_SYSTEM_LIBRDKAFKA=${system ? 'ON' : 'OFF'}`,
    `-DODRADEK_GSSAPI=${gssapi || variant === 'gssapi' ? 'ON' : 'OFF'}`,
    `-DODRADEK_LTO=${lto ? 'ON' : 'OFF'}`,
    `-DODRADEK_OUTPUT_DIR=${outputOf(variant, target)}`,
    `-DODRADEK_NODE_ADDON_API_DIR=${headerDirectory('node-addon-api', '.')}`,
    `-DODRADEK_NODE_API_HEADERS_DIR=${headerDirectory('node-api-headers', 'include')}`,
    ...(sourcesPacked() ? [`-DODRADEK_SOURCES_DIR=${join(ROOT, 'sources')}`] : []),
    ...targetArguments(target),
  ]
}

async function configure(tree, args, log) {
  const file = join(tree, '.odradek-arguments')
  const wanted = [ROOT, await generator(), ...args].join('\n')
  if (readIf(file) === wanted) return
  // Another generator, another place or an interrupted first run: CMake would refuse or half remember, so it starts afresh.
  rmSync(tree, { recursive: true, force: true })
  mkdirSync(tree, { recursive: true })
  await run('cmake', ['-G', await generator(), '-S', ROOT, '-B', tree, ...args], {
    log,
    what: 'Configuring the native build',
  })
  writeFileSync(file, wanted)
}

/** Whether a variant is built from what is here now; true costs no compiler and no network. */
export function nativeUpToDate({ variant = 'release', system = false, gssapi = false, lto = true } = {}) {
  const stamp = join(treeOf(variant), SIGNATURE)
  return existsSync(addonPath(variant)) && readIf(stamp) === signature(cmakeArguments({ variant, system, gssapi, lto }))
}

/**
 * Brings a variant of the addon up to date.
 * @param {{ variant?: string, system?: boolean, gssapi?: boolean, lto?: boolean, clean?: boolean, target?: string }} options
 *   target: one of scripts/lib/targets.mjs, for a prebuilt addon; without it this machine's own compiler and OpenSSL are used
 * @returns {Promise<{ path: string, built: boolean }>}
 */
export async function buildNative({
  variant = 'release',
  system = false,
  gssapi = false,
  lto = true,
  clean = false,
  target,
} = {}) {
  if (!VARIANTS.includes(variant)) {
    throw new UserError(`There is no variant '${variant}'. Variants: ${VARIANTS.join(', ')}.`)
  }
  const path = addonPath(variant)
  if (!clean && !target && nativeUpToDate({ variant, system, gssapi, lto })) return { path, built: false }
  if (!(await output('cmake', ['--version']))) {
    throw new UserError('cmake is not installed. Run: node scripts/system-packages.mjs build')
  }
  if (!system) await ensureSources()
  await ensureHeaders()
  if (target) await ensureTarget(target)
  return withLock(`build-${variant}`, async () => {
    const tree = treeOf(variant, target)
    const args = cmakeArguments({ variant, system, gssapi, lto, target })
    const before = signature(args)
    if (clean) rmSync(tree, { recursive: true, force: true })
    await configure(tree, args, `configure-${variant}`)
    // Keep going: one failure in the addon should not cost the minute that librdkafka takes, once more, next time.
    const keepGoing = (await generator()) === 'Ninja' ? ['-k', '0'] : ['-k']
    const jobs = process.env.ODRADEK_JOBS || String(availableParallelism())
    await run('cmake', ['--build', tree, '--parallel', jobs, '--', ...keepGoing], {
      log: `build-${variant}`,
      what: `Building the addon (${variant})`,
    })
    mkdirSync(dirname(path), { recursive: true })
    copyFileSync(join(outputOf(variant, target), 'odradek.node'), `${path}.new`)
    renameSync(`${path}.new`, path)
    // Taken before the build, so that a file edited meanwhile is built next time.
    writeFileSync(join(tree, SIGNATURE), before)
    return { path, built: true }
  })
}

await main(import.meta.url, async (argv) => {
  const { values } = parseArgs({
    args: argv,
    options: {
      variant: { type: 'string', default: process.env.ODRADEK_VARIANT || 'release' },
      'system-librdkafka': { type: 'boolean', default: process.env.ODRADEK_SYSTEM_LIBRDKAFKA === '1' },
      gssapi: { type: 'boolean', default: process.env.ODRADEK_GSSAPI === '1' },
      'no-lto': { type: 'boolean', default: false },
      clean: { type: 'boolean', default: false },
    },
  })
  const from = performance.now()
  const { path, built } = await buildNative({
    variant: values.variant,
    system: values['system-librdkafka'],
    gssapi: values.gssapi,
    lto: !values['no-lto'],
    clean: values.clean,
    target: process.env.ODRADEK_TARGET || undefined,
  })
  console.log(`${relative(ROOT, path)}: ${built ? 'built' : 'up to date'} (${seconds(from)})`)
})
