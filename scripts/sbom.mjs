// The software bill of materials of the package, CycloneDX 1.6 as JSON, from the pins: node scripts/sbom.mjs [--check]
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pinNames, readPin } from './fetch-source.mjs'
import { main, ROOT, UserError } from './lib/run.mjs'
import { TARGETS } from './lib/targets.mjs'

const FILE = join(ROOT, 'sbom.cdx.json')

/** What a pin does not say. cpe: by which vulnerability databases know it. */
const KNOWN = {
  librdkafka: { purl: 'pkg:github/confluentinc/librdkafka@v', license: 'BSD-2-Clause', cpe: 'confluent:librdkafka' },
  openssl: { purl: 'pkg:github/openssl/openssl@openssl-', license: 'Apache-2.0', cpe: 'openssl:openssl' },
  curl: { purl: 'pkg:generic/curl@', license: 'curl', cpe: 'haxx:libcurl' },
  zlib: { purl: 'pkg:github/madler/zlib@v', license: 'Zlib', cpe: 'zlib:zlib' },
  zstd: { purl: 'pkg:github/facebook/zstd@v', license: 'BSD-3-Clause', cpe: 'facebook:zstandard' },
  mimalloc: { purl: 'pkg:github/microsoft/mimalloc@v', license: 'MIT', cpe: 'microsoft:mimalloc' },
  // Headers: what they define is compiled into the addon.
  'node-addon-api': { purl: 'pkg:npm/node-addon-api@', license: 'MIT' },
  'node-api-headers': { purl: 'pkg:npm/node-api-headers@', license: 'MIT' },
}
/** Tools leave something of theirs in the addon too. */
const TOOLS = {
  zig: {
    purl: 'pkg:pypi/ziglang@',
    license: 'MIT',
    what: 'compiles the Linux addons; its libc++, libunwind and compiler-rt are linked in',
  },
}

/** Carried inside librdkafka's source, without versions of their own; the texts are in licenses/librdkafka.txt. */
const WITHIN_LIBRDKAFKA = {
  cJSON: 'MIT',
  crc32c: 'Zlib',
  fnv1a: 'public domain',
  HdrHistogram: 'MIT',
  lz4: 'BSD-2-Clause',
  murmur2: 'public domain',
  nanopb: 'Zlib',
  'opentelemetry-proto': 'Apache-2.0',
  pycrc: 'MIT',
  'queue.h': 'BSD-3-Clause',
  regexp: 'public domain',
  snappy: 'BSD-3-Clause',
  tinycthread: 'Zlib',
  wingetopt: 'ISC',
}

const license = (id) => [{ license: id === 'public domain' ? { name: id } : { id } }]

/** librdkafka as it is compiled is not quite as it was released. */
function pedigree() {
  const text = readFileSync(join(ROOT, 'deps', 'librdkafka', 'fixes.cmake'), 'utf8')
  const files = [...text.matchAll(/^rdkafka_fixed\((\S+)/gm)].map(([, file]) => file)
  return {
    patches: [{ type: 'unofficial', diff: { url: 'deps/librdkafka/fixes.cmake' } }],
    notes: `Defects are mended in ${files.join(', ')}; each is described there.`,
  }
}

function native(name) {
  const { version, sources } = readPin(name)
  const { purl, license: id, cpe } = KNOWN[name]
  const component = {
    type: 'library',
    'bom-ref': name,
    name,
    version,
    scope: 'required',
    licenses: license(id),
    purl: `${purl}${version}`,
    ...(cpe && { cpe: `cpe:2.3:a:${cpe}:${version}:*:*:*:*:*:*:*` }),
    externalReferences: sources
      .filter((source) => source.kind === 'url')
      .map(({ url, sha256 }) => ({ type: 'source-distribution', url, hashes: [{ alg: 'SHA-256', content: sha256 }] })),
  }
  // What npm calls by name and version needs no address.
  if (purl.startsWith('pkg:npm/')) {
    component.hashes = [{ alg: 'SHA-256', content: sources[0].sha256 }]
    delete component.externalReferences
  }
  if (name !== 'librdkafka') return component
  const components = Object.entries(WITHIN_LIBRDKAFKA).map(([part, id]) => {
    return { type: 'library', 'bom-ref': `librdkafka/${part}`, name: part, licenses: license(id) }
  })
  return { ...component, pedigree: pedigree(), components }
}

/** Which addons a run-time library is in: those of one system. */
const inAddonsOf = (system) => [
  {
    name: 'odradek:targets',
    value: TARGETS.filter(({ platform }) => platform === system)
      .map(({ name }) => name)
      .join(' '),
  },
]

/** What the compiler links into the published addons of its own: on each system another compiler, and so other libraries. */
function runTimes() {
  const zig = `zig-${readPin('zig').version}`
  const llvm = [{ expression: 'Apache-2.0 WITH LLVM-exception' }]
  const library = { type: 'library', scope: 'required' }
  return [
    {
      ...library,
      'bom-ref': 'llvm-runtimes',
      name: 'llvm-runtimes',
      version: zig,
      description: `libc++, libc++abi, libunwind and compiler-rt of LLVM, as ${zig} carries them`,
      licenses: llvm,
      properties: inAddonsOf('linux'),
    },
    {
      ...library,
      'bom-ref': 'apple-compiler-rt',
      name: 'compiler-rt',
      description: "what the code asks for of compiler-rt, of the release runner's Xcode; libc++ is the system's",
      licenses: llvm,
      properties: inAddonsOf('darwin'),
    },
    {
      ...library,
      'bom-ref': 'msvc-runtime',
      name: 'Microsoft Visual C++ run-time library',
      description:
        "libcmt, libvcruntime, libucrt and libcpmt, static (/MT), of the release runner's Visual Studio 2022",
      licenses: [{ license: { name: 'Microsoft Visual Studio 2022 distributable code' } }],
      properties: inAddonsOf('win32'),
    },
  ]
}

function dependencies({ dependencies }) {
  const locked = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  return Object.keys(dependencies).map((name) => {
    const { version, license: id, integrity } = locked[`node_modules/${name}`]
    const content = Buffer.from(integrity.replace(/^sha512-/, ''), 'base64').toString('hex')
    const hashes = [{ alg: 'SHA-512', content }]
    return {
      type: 'library',
      'bom-ref': name,
      name,
      version,
      scope: 'required',
      hashes,
      licenses: license(id),
      purl: `pkg:npm/${name}@${version}`,
    }
  })
}

/** The same for the same pins: no date, and a serial number that comes from the content. */
export function sbom() {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const { name, version, description } = manifest
  const unknown = pinNames().filter((pin) => !KNOWN[pin] && !TOOLS[pin])
  if (unknown.length > 0)
    throw new UserError(`scripts/sbom.mjs knows no licence of ${unknown.join(', ')}: add it there.`)
  const components = [...Object.keys(KNOWN).map(native), ...runTimes(), ...dependencies(manifest)]
  const root = {
    type: 'library',
    'bom-ref': name,
    name,
    version,
    description,
    licenses: license(manifest.license),
    purl: `pkg:npm/${name}@${version}`,
  }
  const tools = Object.entries(TOOLS).map(([tool, { purl, license: id, what }]) => {
    const { version } = readPin(tool)
    return {
      type: 'application',
      name: tool,
      version,
      description: what,
      licenses: license(id),
      purl: `${purl}${version}`,
    }
  })
  const body = {
    metadata: { component: root, tools: { components: tools } },
    components,
    dependencies: [
      { ref: name, dependsOn: components.map((component) => component['bom-ref']) },
      { ref: 'librdkafka', dependsOn: ['openssl', 'curl', 'zlib', 'zstd', 'mimalloc'] },
      { ref: 'curl', dependsOn: ['openssl'] },
    ],
  }
  const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex')
  const uuid = hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
  return { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuid}`, version: 1, ...body }
}

await main(import.meta.url, async (argv) => {
  const unknown = argv.find((argument) => argument !== '--check')
  if (unknown) throw new UserError(`There is no option '${unknown}'. Usage: node scripts/sbom.mjs [--check]`)
  const text = `${JSON.stringify(sbom(), null, 2)}\n`
  if (!argv.includes('--check')) writeFileSync(FILE, text)
  else if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== text) {
    throw new UserError('sbom.cdx.json is not what the pins say. Run: npm run sbom')
  }
  console.log('sbom.cdx.json: fine')
})
