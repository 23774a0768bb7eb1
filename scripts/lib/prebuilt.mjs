// What must hold of every prebuilt addon before it is packed.
import { readFileSync } from 'node:fs'
import { readElf } from './elf.mjs'
import { readMachO } from './macho.mjs'
import { readPe } from './pe.mjs'
import { ROOT, UserError } from './run.mjs'

export const MAXIMUM_BYTES = 8_000_000
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
const GLIBC = [2, 28]
// libc and its parts, of either kind.
const LIBRARIES = /^(lib(c|m|dl|pthread|rt)\.so(\.\d+)?|ld-linux-[\w-]+\.so\.\d+|libc\.musl-\w+\.so\.1)$/
const FRAMEWORKS = /^\/System\/Library\/Frameworks\/(SystemConfiguration|CoreFoundation|CoreServices)\.framework\//
// Part of every Windows since 10; the C run-time library of Windows itself, not that of a compiler.
const WINDOWS =
  /^(KERNEL32|ADVAPI32|BCRYPT|BCRYPTPRIMITIVES|CRYPT32|IPHLPAPI|NTDLL|PSAPI|SECUR32|SHELL32|USER32|WS2_32|API-MS-WIN-CRT-[\w-]+)\.DLL$/
const NODE_API = /^(napi|node_api)_/
const FOREIGN =
  /^(SSL_|EVP_|X509|CRYPTO_|OPENSSL_|BIO_|RAND_|ERR_|rd_|mi_|curl_|Curl_|ZSTD_|LZ4|deflate|inflate|_ZS|_Zn|_Zd|_ZN|__cxa_throw|uv_)/

function newerThan(version, [major, minor]) {
  const [, a, b] = version.match(/^GLIBC_(\d+)\.(\d+)/) ?? [undefined, 0, 0]
  return Number(a) > major || (Number(a) === major && Number(b) > minor)
}

const listed = (names) => names.slice(0, 8).join(', ') + (names.length > 8 ? `, and ${names.length - 8} more` : '')

/** What holds on every platform: a list of problems, and how to add to it. */
function commonProblems(target, file) {
  const problems = []
  const expect = (fine, problem) => fine || problems.push(problem)
  expect(file.arch === target.arch, `it is for ${file.arch}, not ${target.arch}`)
  // zig's linker for macOS exports whatever is declared visible, though it is given a list; nothing is bound to that by its name alone there.
  const exported = target.platform === 'darwin' && target.triple ? [] : file.exported
  const more = exported.filter((name) => !EXPORTS.includes(name))
  expect(more.length === 0, `it exports more than Node-API's functions: ${listed(more)}`)
  expect(
    EXPORTS.every((name) => file.exported.includes(name)),
    `it does not export ${EXPORTS.join(' and ')}`,
  )
  return { problems, expect }
}

/** Everything that is wrong with a macOS addon. */
export function machOProblems(target, bytes) {
  const file = readMachO(bytes)
  const { problems, expect } = commonProblems(target, file)
  const foreign = file.undefined.filter((name) => !NODE_API.test(name))
  expect(foreign.length === 0, `it asks the process for ${listed(foreign)}`)
  const needed = file.needed.filter((name) => !FRAMEWORKS.test(name) && !/^\/usr\/lib\/lib(System|c\+\+)\./.test(name))
  expect(needed.length === 0, `it needs ${listed(needed)}`)
  expect(file.minimum === '11.0', `it is for macOS ${file.minimum || '(none named)'}, not 11.0`)
  // Apple's processors run nothing without.
  expect(file.signed || target.arch !== 'arm64', 'it has no signature')
  return problems
}

/** Everything that is wrong with a Windows addon. */
export function peProblems(target, bytes) {
  const file = readPe(bytes)
  const { problems, expect } = commonProblems(target, file)
  const needed = file.needed.filter((name) => !WINDOWS.test(name))
  expect(needed.length === 0, `it needs ${listed(needed)}`)
  const delayed = file.delayed.filter((name) => name !== 'NODE.EXE')
  expect(delayed.length === 0, `it needs ${listed(delayed)}`)
  return problems
}

/** Everything that is wrong with an ELF addon. */
export function elfProblems(target, bytes) {
  const elf = readElf(bytes)
  const { problems, expect } = commonProblems(target, elf)
  const foreign = elf.undefined.filter((name) => FOREIGN.test(name))
  expect(foreign.length === 0, `it asks the process for ${listed(foreign)}`)
  const needed = elf.needed.filter((name) => !LIBRARIES.test(name))
  expect(needed.length === 0, `it needs ${listed(needed)}`)
  const newer = elf.versions.filter((version) => newerThan(version, GLIBC))
  expect(newer.length === 0, `it needs a newer glibc than ${GLIBC.join('.')}: ${listed(newer)}`)
  const glibc = elf.versions.some((version) => version.startsWith('GLIBC_'))
  expect(glibc === (target.libc === 'glibc'), `it is ${glibc ? '' : 'not '}linked with glibc`)
  expect(elf.nodelete, 'it can be unloaded (-z nodelete is missing)')
  return problems
}

/** Throws a UserError that names all that is wrong. */
export async function checkPrebuilt(target, file) {
  const bytes = readFileSync(file)
  const problems = { linux: elfProblems, darwin: machOProblems, win32: peProblems }[target.platform](target, bytes)
  if (bytes.length > MAXIMUM_BYTES) problems.push(`it has ${bytes.length} bytes, more than ${MAXIMUM_BYTES}`)
  // A path of the building machine would be in assertions' texts.
  if (bytes.includes(ROOT)) problems.push(`it contains the path ${ROOT}`)
  if (problems.length > 0)
    throw new UserError(`The addon for ${target.name} is not fit to be packed:\n  - ${problems.join('\n  - ')}`)
}
