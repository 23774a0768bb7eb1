// OpenSSL's two static libraries and headers for a target, from the pinned source, by OpenSSL's own Configure (perl and make, or nmake).
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { fetchSource, readPin, sourceDirectory } from '../fetch-source.mjs'
import { withLock } from './lock.mjs'
import { CACHE, output, run, UserError } from './run.mjs'
import { ensureZig } from './zig.mjs'

/** Out: what no Kafka connection, key, certificate or token uses. In: the legacy provider, for PKCS #12 files as old tools write them. */
const WITHOUT = [
  ...['shared', 'module', 'tests', 'apps', 'docs', 'uplink', 'ui-console', 'afalgeng', 'padlockeng', 'winstore'],
  ...['quic', 'dtls', 'sctp', 'srtp', 'srp', 'nextprotoneg', 'ssl3', 'comp'],
  ...['cms', 'ts', 'cmp', 'ct', 'rfc3779'],
  ...[
    'idea',
    'seed',
    'camellia',
    'aria',
    'sm2',
    'sm3',
    'sm4',
    'whirlpool',
    'bf',
    'cast',
    'mdc2',
    'rmd160',
    'gost',
    'ec2m',
    'slh-dsa',
  ],
]
// Where Debian and most others keep openssl.cnf and certificates; librdkafka looks in more places for the latter.
const PLACES = ['--libdir=lib', '--prefix=/opt/openssl', '--openssldir=/usr/lib/ssl']
/**
 * On Windows everybody may write C:\\usr\\lib\\ssl, and openssl.cnf can name libraries to load: OpenSSL's own places there instead, where only
 * administrators write. nmake has them by default; Configure for MinGW takes them for relative paths.
 */
const WINDOWS_PLACES = [
  'OPENSSLDIR=C:/Program Files/Common Files/SSL',
  'ENGINESDIR=C:/Program Files/OpenSSL/lib/engines-3',
  'MODULESDIR=C:/Program Files/OpenSSL/lib/ossl-modules',
]
const SMALL = ['-Os', '-ffunction-sections', '-fdata-sections', '-fvisibility=hidden']

/**
 * AES for processors with AVX-512: 0.7 MB, a twelfth of the whole, for what the AVX code beside it does at gigabytes a second too. Its
 * generators write an empty stand-in for an assembler that does not know AVX-512, which they take from what $CC -v says: here a clang
 * that says no version.
 */
const WITHOUT_AVX512 = ['aes-gcm-avx512', 'aesni-xts-avx512']

/** Nothing is thrown through C, and they are a tenth of it. But Windows walks them for exceptions of the processor. */
const WITHOUT_TABLES = ['-fno-asynchronous-unwind-tables', '-fno-unwind-tables']

const withNmake = (target) => target.platform === 'win32' && !target.triple

function flags(target) {
  // The runner images have no nasm; the C code is used there.
  if (withNmake(target)) return ['no-asm', '/MT']
  if (target.platform === 'win32') return SMALL
  // zig knows it from the triple.
  const minimum = target.platform === 'darwin' && !target.triple ? ['-mmacosx-version-min=11.0'] : []
  return [...SMALL, ...WITHOUT_TABLES, ...minimum]
}

function configuration(target) {
  const places = target.platform === 'win32' ? ['--libdir=lib'] : PLACES
  return [target.openssl, ...places, ...WITHOUT.map((name) => `no-${name}`), ...flags(target)]
}

/** Where a target's OpenSSL is, named by all that decides about it. */
export function opensslDirectory(target) {
  const { version } = readPin('openssl')
  const inputs = JSON.stringify([
    version,
    configuration(target),
    ...(target.platform === 'win32' ? WINDOWS_PLACES : []),
    target.triple ? readPin('zig').version : target.platform,
  ])
  const hash = createHash('sha256').update(inputs).digest('hex').slice(0, 12)
  return join(CACHE, 'openssl', `${version}-${target.name}-${hash}`)
}

async function tools(target) {
  // A date and the compiler's path would be compiled in: one is fixed, the other is a bare name.
  const env = { ...process.env, SOURCE_DATE_EPOCH: '0' }
  for (const name of ['CC', 'CXX', 'AR', 'RANLIB', 'CFLAGS', 'CPPFLAGS', 'LDFLAGS']) delete env[name]
  if (!target.triple) return env
  const directory = await ensureZig(target)
  return { ...env, PATH: `${directory}${delimiter}${env.PATH}`, CC: 'zig-cc', AR: 'zig-ar', RANLIB: 'zig-ranlib' }
}

/** Written before make would: it takes a file that is newer than its generator as done. */
async function standIns(target, { work, source, env, log }) {
  if (target.platform !== 'linux' || target.arch !== 'x64') return
  for (const name of WITHOUT_AVX512) {
    const directory = name.startsWith('aesni') ? 'aes' : 'modes'
    mkdirSync(join(work, 'crypto', directory), { recursive: true })
    const generator = join(source, 'crypto', directory, 'asm', `${name}.pl`)
    const args = [generator, 'elf', join('crypto', directory, `${name}.s`)]
    const options = { cwd: work, env: { ...env, CC: 'echo clang' }, log, append: true }
    await run('perl', args, { ...options, what: `Generating OpenSSL's ${name}` })
  }
}

async function build(target, directory) {
  const source = sourceDirectory(readPin('openssl'))
  const work = join(CACHE, 'tmp', `openssl-${target.name}`)
  const log = `openssl-${target.name}`
  const env = await tools(target)
  const windows = withNmake(target)
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  // By a relative path, since file names are compiled into error messages.
  const configure = [join(relative(work, source), 'Configure').replaceAll('\\', '/'), ...configuration(target)]
  await run('perl', configure, { cwd: work, env, log, what: `Configuring OpenSSL for ${target.name}` })
  await standIns(target, { work, source, env, log })
  const jobs = process.env.ODRADEK_JOBS || String(availableParallelism())
  const places = target.platform === 'win32' ? WINDOWS_PLACES : []
  const [make, args] = windows
    ? ['nmake', ['/S', 'build_libs']]
    : ['make', ['-s', `-j${jobs}`, ...places, 'build_libs']]
  await run(make, args, { cwd: work, env, log, append: true, what: `Building OpenSSL for ${target.name}` })
  const made = join(work, 'made')
  mkdirSync(join(made, 'lib'), { recursive: true })
  cpSync(join(source, 'include', 'openssl'), join(made, 'include', 'openssl'), { recursive: true })
  cpSync(join(work, 'include', 'openssl'), join(made, 'include', 'openssl'), { recursive: true })
  for (const name of ['crypto', 'ssl']) {
    const file = windows ? `lib${name}.lib` : `lib${name}.a`
    cpSync(join(work, file), join(made, 'lib', file))
  }
  writeFileSync(join(made, 'configuration.txt'), `${configuration(target).join('\n')}\n`)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(CACHE, 'openssl'), { recursive: true })
  renameSync(made, directory)
  rmSync(work, { recursive: true, force: true })
}

/** Builds a target's OpenSSL unless it is there, and returns its directory: include/, lib/libcrypto.a, lib/libssl.a. */
export async function ensureOpenSsl(target) {
  const directory = opensslDirectory(target)
  if (existsSync(directory)) return directory
  for (const program of ['perl', withNmake(target) ? 'nmake' : 'make']) {
    if ((await output(program, [program === 'nmake' ? '/?' : '--version'])) === undefined) {
      throw new UserError(`OpenSSL is built with ${program}, which is not installed (or does not start) here.`)
    }
  }
  await fetchSource(readPin('openssl'))
  await withLock(`openssl-${target.name}`, async () => {
    if (!existsSync(directory)) await build(target, directory)
  })
  return directory
}

/** The configuration by which a built OpenSSL was made. */
export function opensslConfiguration(target) {
  return readFileSync(join(opensslDirectory(target), 'configuration.txt'), 'utf8')
    .trim()
    .split('\n')
}
