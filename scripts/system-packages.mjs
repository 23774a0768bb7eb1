// Programs and libraries that npm cannot bring: node scripts/system-packages.mjs [build] [compile] [kafka] [curl] [browser] [kerberos]
import { isAbsolute } from 'node:path'
import { main, output, run, UserError } from './lib/run.mjs'

const COMPILER = [
  {
    what: 'a C++ compiler',
    there: () => output(process.env.CXX || 'c++', ['--version']),
    apt: 'g++',
    apk: 'g++',
    dnf: 'gcc-c++',
  },
  {
    what: 'cmake',
    there: () => output('cmake', ['--version']),
    apt: 'cmake',
    apk: 'cmake',
    dnf: 'cmake',
    brew: 'cmake',
  },
  { what: 'ninja or make', there: ninjaOrMake, apt: 'ninja-build', apk: 'ninja', dnf: 'ninja-build', brew: 'ninja' },
]

const COMPILE = [
  ...COMPILER,
  {
    what: "OpenSSL's static library",
    there: () => staticLibrary('libssl.a'),
    apt: 'libssl-dev',
    apk: 'openssl-dev openssl-libs-static',
    dnf: 'openssl-devel openssl-static',
    brew: 'openssl@3',
  },
  {
    what: "zlib's static library",
    there: () => staticLibrary('libz.a'),
    apt: 'zlib1g-dev',
    apk: 'zlib-dev zlib-static',
    dnf: 'zlib-static',
    brew: 'zlib',
  },
  {
    what: "zstd's static library",
    there: () => staticLibrary('libzstd.a'),
    apt: 'libzstd-dev',
    apk: 'zstd-dev zstd-static',
    dnf: 'libzstd-static',
    brew: 'zstd',
  },
]

/** What each group needs: how to see that it is there, and what its package is called by each package manager. */
const NEEDS = {
  // Of the sources in the package.
  compile: COMPILE,
  // Of sources that are fetched.
  build: [
    ...COMPILE,
    { what: 'tar', there: () => output('tar', ['--version']), apt: 'tar', apk: 'tar', dnf: 'tar' },
    { what: 'xz', there: () => output('xz', ['--version']), apt: 'xz-utils', apk: 'xz', dnf: 'xz', brew: 'xz' },
  ],
  system: [
    ...COMPILER,
    {
      what: 'librdkafka 2.15.1 or newer with its headers',
      // It says nothing, by its exit code alone.
      there: async () => (await output('pkg-config', ['--atleast-version=2.15.1', 'rdkafka'])) !== undefined,
      apt: 'pkg-config librdkafka-dev',
      apk: 'pkgconf librdkafka-dev',
      dnf: 'pkgconf librdkafka-devel',
      brew: 'pkgconf librdkafka',
    },
  ],
  kafka: [
    {
      what: 'a JDK, 17 or newer',
      there: jdk,
      apt: 'openjdk-17-jdk-headless',
      apk: 'openjdk17-jdk',
      dnf: 'java-17-openjdk-devel',
      brew: 'openjdk@17',
    },
    {
      what: 'Maven',
      there: () => output('mvn', ['--version']),
      apt: 'maven',
      apk: 'maven',
      dnf: 'maven',
      brew: 'maven',
    },
  ],
  curl: [
    { what: 'curl', there: () => output('curl', ['--version']), apt: 'curl', apk: 'curl', dnf: 'curl', brew: 'curl' },
  ],
  browser: [
    { what: 'Chromium', there: findChromium, apt: 'chromium', apk: 'chromium', dnf: 'chromium', brew: 'chromium' },
  ],
  kerberos: [
    {
      what: "libsasl2's headers",
      there: () => compiles('sasl/sasl.h'),
      apt: 'libsasl2-dev libsasl2-modules-gssapi-mit',
      apk: 'cyrus-sasl-dev cyrus-sasl-gssapiv2',
      dnf: 'cyrus-sasl-devel cyrus-sasl-gssapi',
    },
    {
      what: 'a Kerberos key distribution centre',
      there: () => output('sh', ['-c', 'PATH=$PATH:/usr/sbin command -v krb5kdc']),
      apt: 'krb5-kdc krb5-user',
      apk: 'krb5-server krb5',
      dnf: 'krb5-server krb5-workstation',
    },
  ],
}

const INSTALL = {
  apt: 'apt-get install -y --no-install-recommends',
  apk: 'apk add',
  dnf: 'dnf install -y',
  brew: 'brew install',
}

async function ninjaOrMake() {
  return (await output('ninja', ['--version'])) ?? (await output('make', ['--version']))
}

/** Whether the compiler finds a header. */
function compiles(header) {
  const script = `printf '#include <%s>' "$1" | "$2" -x c -E -o /dev/null - && echo yes`
  return output('sh', ['-c', script, 'sh', header, process.env.CC || 'cc'])
}

async function staticLibrary(name) {
  // Homebrew's libraries are not on the compiler's path; there CMake's own search decides.
  if (process.platform !== 'linux') return name
  const found = await output(process.env.CC || 'cc', [`-print-file-name=${name}`])
  return found && isAbsolute(found.trim()) ? found : undefined
}

/** The path of a Chromium: CHROMIUM's, or the first that is found. */
export async function findChromium() {
  const names = [process.env.CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean)
  for (const name of names) {
    const found = await output('sh', ['-c', 'command -v "$1"', 'sh', name])
    if (found) return found.trim()
  }
  return undefined
}

/** A JRE is not enough: the witness of the tests is compiled. */
async function jdk() {
  const text = await output('javac', ['-version'])
  return Number(text?.match(/^javac (\d+)/m)?.[1]) >= 17 ? text : undefined
}

async function missing(groups) {
  const needs = groups.flatMap((group) => {
    if (!NEEDS[group])
      throw new UserError(`There is no group '${group}' of system packages. Groups: ${Object.keys(NEEDS).join(', ')}.`)
    return NEEDS[group]
  })
  const there = await Promise.all(needs.map((need) => need.there()))
  return needs.filter((_, index) => !there[index])
}

/** The first package manager that this machine has. */
async function manager() {
  for (const [name, program] of Object.entries({ apt: 'apt-get', apk: 'apk', dnf: 'dnf', brew: 'brew' })) {
    if ((await output(program, ['--version'])) !== undefined) return name
  }
  return undefined
}

function instructions(lacking, name) {
  const list = lacking.map((need) => need.what).join(', ')
  const packages = lacking.map((need) => need[name]).filter(Boolean)
  if (!name || packages.length === 0) return `Missing on this machine: ${list}. Install them and run this again.`
  const sudo = name === 'brew' ? '' : 'sudo '
  return `Missing on this machine: ${list}. Install them and run this again:\n    ${sudo}${INSTALL[name]} ${packages.join(' ')}`
}

/** The words before apt-get that make it run as root without asking, or undefined. */
async function asRoot() {
  if (process.getuid?.() === 0) return []
  return (await output('sudo', ['-n', 'true'])) === undefined
    ? undefined
    : ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND']
}

async function installWithApt(packages, prefix) {
  const [command, ...rest] = [...prefix, 'apt-get']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const options = { log: 'system-packages', env, what: `Installing ${packages.join(', ')} with apt-get` }
  const install = [...rest, '-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', ...packages]
  // What an interrupted earlier run left unconfigured would make every later one fail.
  const [dpkg, ...dpkgRest] = [...prefix, 'dpkg']
  await run(dpkg, [...dpkgRest, '--configure', '-a'], options).catch(() => {})
  // Lists that cannot be refreshed may still do; the installation decides.
  await run(command, [...rest, 'update', '-q'], options).catch(() => {})
  await run(command, install, options)
}

/**
 * Makes sure that what the groups need is there; installs it where that is allowed, else says how.
 * @param {string[]} groups build, compile (the same without fetching), system (build against the system's librdkafka), kafka, curl and browser (the examples' tests), kerberos (its test)
 * @returns {Promise<string[]>} the packages that were installed
 */
export async function ensureSystemPackages(groups) {
  const lacking = await missing(groups)
  if (lacking.length === 0) return []
  const name = await manager()
  const prefix = name === 'apt' && process.env.ODRADEK_NO_INSTALL !== '1' ? await asRoot() : undefined
  if (!prefix) throw new UserError(instructions(lacking, name))
  const packages = lacking.flatMap((need) => need.apt.split(' '))
  await installWithApt(packages, prefix).catch((error) => {
    throw error instanceof UserError ? new UserError(`${error.message}\n${instructions(lacking, name)}`) : error
  })
  const still = await missing(groups)
  if (still.length > 0) {
    throw new UserError(
      `apt-get ended well, but something is still not found. ${instructions(still, name)}\n    Log: .cache/logs/system-packages.log`,
    )
  }
  return packages
}

await main(import.meta.url, async (argv) => {
  const groups = argv.length > 0 ? argv : ['build']
  const installed = await ensureSystemPackages(groups)
  console.log(
    installed.length > 0 ? `Installed: ${installed.join(' ')}` : `Nothing is missing for: ${groups.join(', ')}`,
  )
})
