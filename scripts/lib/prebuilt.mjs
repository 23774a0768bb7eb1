// What must hold of every prebuilt addon before it is packed.
import { readFileSync } from 'node:fs'
import { readElf } from './elf.mjs'
import { ROOT, UserError } from './run.mjs'

export const MAXIMUM_BYTES = 8_000_000
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
const GLIBC = [2, 28]
// libc and its parts, of either kind.
const LIBRARIES = /^(lib(c|m|dl|pthread|rt)\.so(\.\d+)?|ld-linux-[\w-]+\.so\.\d+|libc\.musl-\w+\.so\.1)$/
const FOREIGN =
  /^(SSL_|EVP_|X509|CRYPTO_|OPENSSL_|BIO_|RAND_|ERR_|rd_|mi_|curl_|Curl_|ZSTD_|LZ4|deflate|inflate|_ZS|_Zn|_Zd|_ZN|__cxa_throw|uv_)/

function newerThan(version, [major, minor]) {
  const [, a, b] = version.match(/^GLIBC_(\d+)\.(\d+)/) ?? [undefined, 0, 0]
  return Number(a) > major || (Number(a) === major && Number(b) > minor)
}

/** Everything that is wrong with an ELF addon. */
export function elfProblems(target, bytes) {
  const elf = readElf(bytes)
  const problems = []
  const expect = (fine, problem) => fine || problems.push(problem)
  const listed = (names) => names.slice(0, 8).join(', ') + (names.length > 8 ? `, and ${names.length - 8} more` : '')
  expect(elf.arch === target.arch, `it is for ${elf.arch}, not ${target.arch}`)
  const exported = elf.exported.filter((name) => !EXPORTS.includes(name))
  expect(exported.length === 0, `it exports more than Node-API's functions: ${listed(exported)}`)
  expect(
    EXPORTS.every((name) => elf.exported.includes(name)),
    `it does not export ${EXPORTS.join(' and ')}`,
  )
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
  const problems = target.platform === 'linux' ? elfProblems(target, bytes) : []
  if (bytes.length > MAXIMUM_BYTES) problems.push(`it has ${bytes.length} bytes, more than ${MAXIMUM_BYTES}`)
  // A path of the building machine would be in assertions' texts.
  if (bytes.includes(ROOT)) problems.push(`it contains the path ${ROOT}`)
  if (problems.length > 0)
    throw new UserError(`The addon for ${target.name} is not fit to be packed:\n  - ${problems.join('\n  - ')}`)
}
