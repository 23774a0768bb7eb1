// The platforms that get a prebuilt addon. On Linux all are built, by zig; elsewhere this machine's own, by its own compiler.
import { UserError } from './run.mjs'

/** zig is pinned for Linux alone. */
const BY_ZIG = process.platform === 'linux'

/**
 * @typedef {{ name: string, platform: string, arch: string, libc?: 'glibc' | 'musl', triple?: string, openssl: string,
 *   processor: string }} Target
 */
const linux = (arch, libc) => {
  const processor = arch === 'arm64' ? 'aarch64' : 'x86_64'
  return {
    platform: 'linux',
    arch,
    libc,
    processor,
    // 2.28 is the glibc of Debian 10 and RHEL 8, the oldest that Node 20 runs on.
    triple: `${processor}-linux-${libc === 'musl' ? 'musl' : 'gnu.2.28'}`,
    openssl: `linux-${processor}`,
  }
}

const darwin = (arch) => {
  const processor = arch === 'arm64' ? 'arm64' : 'x86_64'
  return {
    platform: 'darwin',
    arch,
    processor,
    ...(BY_ZIG && { triple: `${arch === 'arm64' ? 'aarch64' : 'x86_64'}-macos.11.0` }),
    openssl: `darwin64-${processor}-cc`,
  }
}

const win32 = {
  platform: 'win32',
  arch: 'x64',
  processor: 'AMD64',
  ...(BY_ZIG && { triple: 'x86_64-windows-gnu' }),
  openssl: BY_ZIG ? 'mingw64' : 'VC-WIN64A',
}

/** @type {Target[]} */
export const TARGETS = Object.entries({
  'linux-x64-glibc': linux('x64', 'glibc'),
  'linux-x64-musl': linux('x64', 'musl'),
  'linux-arm64-glibc': linux('arm64', 'glibc'),
  'linux-arm64-musl': linux('arm64', 'musl'),
  'darwin-x64': darwin('x64'),
  'darwin-arm64': darwin('arm64'),
  'win32-x64': win32,
}).map(([name, target]) => ({ name, ...target }))

/** @returns {Target} */
export function targetOf(name) {
  const found = TARGETS.find((target) => target.name === name)
  if (found) return found
  throw new UserError(`There is no target '${name}'. Targets: ${TARGETS.map((target) => target.name).join(', ')}.`)
}

/** Where prebuildify writes a target's addon, within prebuilds/. */
export function prebuiltFile({ platform, arch, libc }) {
  return `${platform}-${arch}/odradek${libc ? `.${libc}` : ''}.node`
}

/** What this machine can build: all on Linux, else its own. */
export function buildableHere(platform = process.platform, arch = process.arch) {
  return TARGETS.filter((target) => platform === 'linux' || (target.platform === platform && target.arch === arch))
}
