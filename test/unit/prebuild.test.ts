// What decides about prebuilt addons: the targets, what is refused, the bill of materials, the entries for require().
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { readElf } = await script('lib/elf.mjs')
const { checkPrebuilt, elfProblems, machOProblems, peProblems } = await script('lib/prebuilt.mjs')
const { buildableHere, prebuiltFile, TARGETS, targetOf } = await script('lib/targets.mjs')
const { commonJsDeclarations } = await script('lib/commonjs.mjs')
const { pinNames, readPin } = await script('fetch-source.mjs')
const { sbom } = await script('sbom.mjs')

const json = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'))

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'odradek-prebuild-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('targets', () => {
  test('are those that are promised, each with a file of its own that node-gyp-build finds', () => {
    expect(TARGETS.map(prebuiltFile)).toEqual([
      'linux-x64/odradek.glibc.node',
      'linux-x64/odradek.musl.node',
      'linux-arm64/odradek.glibc.node',
      'linux-arm64/odradek.musl.node',
      'darwin-x64/odradek.node',
      'darwin-arm64/odradek.node',
      'win32-x64/odradek.node',
    ])
  })

  test('on Linux all can be built, elsewhere only the own', () => {
    const names = (platform: string, arch: string) => buildableHere(platform, arch).map((t: { name: string }) => t.name)
    expect(names('linux', 'x64')).toHaveLength(7)
    expect(names('darwin', 'arm64')).toEqual(['darwin-arm64'])
    expect(names('win32', 'x64')).toEqual(['win32-x64'])
  })

  const refused: [string[], string][] = [
    [['--target', 'linux-mips'], "There is no target 'linux-mips'. Targets: linux-x64-glibc"],
    [['--fast'], "Unknown option '--fast'"],
  ]
  if (process.platform !== 'linux') refused.push([['--target', 'linux-x64-musl'], 'cannot be built here'])
  test.each(refused)('prebuild %s is refused in one line', (args, message) => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/prebuild.mjs', ...args], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain(message)
    expect(stderr).not.toContain('    at ')
  })
})

describe.runIf(process.platform === 'linux')('an addon that is not fit to be packed', () => {
  const compile = (name: string, source: string, ...args: string[]) => {
    writeFileSync(join(directory, `${name}.c`), source)
    const file = join(directory, `${name}.node`)
    execFileSync('cc', ['-shared', '-fPIC', '-o', file, join(directory, `${name}.c`), ...args])
    return file
  }
  const here = targetOf(`linux-${process.arch}-glibc`)
  const other = targetOf(`linux-${process.arch === 'x64' ? 'arm64' : 'x64'}-musl`)
  const API =
    'int napi_register_module_v1(void) { return 0; } int node_api_module_get_api_version_v1(void) { return 8; }'
  const CALL = 'extern int printf(const char *, ...); int unused(void) __attribute__((visibility("hidden")));'

  test('is told all that is wrong with it', () => {
    const source = `${CALL} extern int SSL_new(void); ${API} int rd_kafka_new(void) { return printf("x") + SSL_new(); }`
    const problems = elfProblems(other, readFileSync(compile('bad', source))).join('\n')
    expect(problems).toContain(`it is for ${process.arch}, not ${other.arch}`)
    expect(problems).toContain("it exports more than Node-API's functions: rd_kafka_new")
    expect(problems).toContain('it asks the process for SSL_new')
    expect(problems).toContain('it is linked with glibc')
    expect(problems).toContain('it can be unloaded')
  })

  test('for a library or a glibc that a user may not have', () => {
    // pthread_create moved into libc itself with glibc 2.34, under a new version.
    const source = `extern int pthread_create(); ${API} int main(void) { return pthread_create(); }`
    const library = compile('other', 'int other(void) { return 1; }', '-Wl,-soname,libother.so.1')
    const file = compile('needs', source, '-Wl,-z,nodelete', '-Wl,--no-as-needed', library)
    const problems = elfProblems(here, readFileSync(file)).join('\n')
    expect(problems).toContain('it needs libother.so.1')
    const { versions } = readElf(readFileSync(file))
    const newer = versions.filter((version: string) => /^GLIBC_2\.(29|[3-9]\d)/.test(version))
    if (newer.length > 0) expect(problems).toContain(`it needs a newer glibc than 2.28: ${newer[0]}`)
  })

  test('nothing is said of one that is fine but for its size and a path of this machine', async () => {
    const size = `const char big[9000000] = "${root}";`
    const file = compile(
      'fine',
      `${CALL} ${API} static ${size} int unused(void) { return printf("%s", big); }`,
      '-Wl,-z,nodelete',
    )
    expect(elfProblems(here, readFileSync(file))).toEqual([])
    await expect(checkPrebuilt(here, file)).rejects.toThrow(/more than 8000000\n {2}- it contains the path/)
  })
})

/** A Mach-O file of one symbol table and one library. */
function machO(symbols: [name: string, type: number, ordinal: number][], library: string) {
  const commands = Buffer.alloc(32 + 24 + 24 + library.length + 1 + 24)
  const at = { symtab: 32, library: 56, version: 56 + 24 + library.length + 1 }
  commands.writeUInt32LE(0xfeedfacf)
  commands.writeUInt32LE(0x100000c, 4)
  commands.writeUInt32LE(3, 16)
  const strings = Buffer.from(`\0${symbols.map(([name]) => `_${name}\0`).join('')}`)
  const table = Buffer.alloc(symbols.length * 16)
  let name = 1
  for (const [index, [text, type, ordinal]] of symbols.entries()) {
    table.writeUInt32LE(name, index * 16)
    table[index * 16 + 4] = type
    table[index * 16 + 7] = ordinal
    name += text.length + 2
  }
  const numbers = { symtab: [2, 24, commands.length, symbols.length, commands.length + table.length, strings.length] }
  for (const [index, value] of numbers.symtab.entries()) commands.writeUInt32LE(value, at.symtab + index * 4)
  for (const [index, value] of [0xc, 24 + library.length + 1, 24].entries())
    commands.writeUInt32LE(value, at.library + index * 4)
  commands.write(`${library}\0`, at.library + 24)
  for (const [index, value] of [0x32, 24, 1, 14 << 16].entries()) commands.writeUInt32LE(value, at.version + index * 4)
  return Buffer.concat([commands, table, strings])
}

/** A Windows library of one section with its export and import tables. */
function pe(exported: string[], imported: string[]) {
  const bytes = Buffer.alloc(1024)
  const [header, optional, section, base] = [64, 88, 88 + 240, 0x1000]
  bytes.writeUInt16LE(0x5a4d)
  bytes.writeUInt32LE(header, 0x3c)
  bytes.writeUInt32LE(0x4550, header)
  for (const [at, value] of [
    [4, 0x8664],
    [6, 1],
    [20, 240],
  ] as const)
    bytes.writeUInt16LE(value, header + at)
  bytes.writeUInt16LE(0x20b, optional)
  for (const [at, value] of [
    [8, 624],
    [12, base],
    [16, 624],
    [20, 400],
  ] as const)
    bytes.writeUInt32LE(value, section + at)
  let end = 300
  const text = (value: string) => {
    const start = end
    end += bytes.write(`${value}\0`, 400 + start)
    return base + start
  }
  bytes.writeUInt32LE(base, optional + 112)
  bytes.writeUInt32LE(exported.length, 400 + 24)
  bytes.writeUInt32LE(base + 40, 400 + 32)
  for (const [index, name] of exported.entries()) bytes.writeUInt32LE(text(name), 400 + 40 + index * 4)
  bytes.writeUInt32LE(base + 100, optional + 120)
  for (const [index, name] of imported.entries()) bytes.writeUInt32LE(text(name), 400 + 100 + index * 20 + 12)
  return bytes
}

describe('an addon for another system that is not fit to be packed', () => {
  const API = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']
  const arm = { ...targetOf('darwin-arm64'), triple: undefined }

  test('macOS', () => {
    const fine = API.map((name) => [name, 0x0f, 0] as [string, number, number])
    const system = '/usr/lib/libSystem.B.dylib'
    const unsigned = ['it is for macOS 14.0, not 11.0', 'it has no signature']
    expect(machOProblems(arm, machO([...fine, ['napi_throw', 0x01, 0xfe]], system))).toEqual(unsigned)
    const bad = machO(
      [...fine, ['SSL_new', 0x0f, 0], ['rd_new', 0x01, 0xfe], ['close', 0x01, 1]],
      '/opt/lib/libssl.dylib',
    )
    expect(machOProblems({ ...arm, arch: 'x64' }, bad)).toEqual([
      'it is for arm64, not x64',
      "it exports more than Node-API's functions: SSL_new",
      'it asks the process for rd_new',
      'it needs /opt/lib/libssl.dylib',
      unsigned[0],
    ])
  })

  test('Windows', () => {
    const windows = targetOf('win32-x64')
    expect(peProblems(windows, pe(API, ['KERNEL32.dll', 'api-ms-win-crt-heap-l1-1-0.dll']))).toEqual([])
    expect(peProblems(windows, pe(['SSL_new'], ['KERNEL32.dll', 'libcrypto-3-x64.dll']))).toEqual([
      "it exports more than Node-API's functions: SSL_new",
      `it does not export ${API.join(' and ')}`,
      'it needs LIBCRYPTO-3-X64.DLL',
    ])
  })
})

describe('the bill of materials', () => {
  test('is what the pins say, and names what is linked in, with its version and licence', () => {
    const found = sbom()
    expect(json('sbom.cdx.json')).toEqual(JSON.parse(JSON.stringify(found)))
    const versions = Object.fromEntries(
      found.components.map(({ name, version }: Record<string, string>) => [name, version]),
    )
    // A tool is none of its parts; what zig links in stands under a name of its own.
    for (const name of pinNames().filter((name: string) => name !== 'zig')) {
      expect(versions[name], name).toBe(readPin(name).version)
    }
    expect(versions['node-gyp-build']).toBe(json('package.json').dependencies['node-gyp-build'])
    expect(found.components.every((component: { licenses?: unknown[] }) => component.licenses?.length === 1)).toBe(true)
  })

  test('says of each run-time library of a compiler in which addons it is, and every addon has one', () => {
    const run = sbom().components.filter(({ properties }: { properties?: unknown }) => properties)
    const named = run.flatMap(({ properties }: { properties: { value: string }[] }) => properties[0]!.value.split(' '))
    expect(named.sort()).toEqual(TARGETS.map(({ name }: { name: string }) => name).sort())
    const llvm = run.find(({ name }: { name: string }) => name === 'llvm-runtimes')
    expect(llvm.properties[0].value).not.toMatch(/win32|darwin/)
  })

  test('every native part has its licence in the package', () => {
    const notice = readFileSync(join(root, 'NOTICE'), 'utf8')
    for (const name of pinNames().filter((name: string) => name !== 'zig')) {
      expect(notice.toLowerCase()).toContain(name)
      if (name !== 'openssl') expect(existsSync(join(root, 'licenses', `${name}.txt`)), name).toBe(true)
    }
    for (const [, file] of notice.matchAll(/(licenses\/[\w.]+txt)/g))
      expect(existsSync(join(root, file!)), file).toBe(true)
  })
})

test('the headers that an install from source fetches are those that this work tree is built with', () => {
  const { devDependencies } = json('package.json')
  for (const name of ['node-addon-api', 'node-api-headers']) expect(readPin(name).version).toBe(devDependencies[name])
})

test('declarations for require() name each other, and leave other packages alone', () => {
  const text = `import { A } from './a.js'\nexport * from "../b/c.js"\nexport type T = import('./d.js').D\nimport 'prom-client/x.js'\n`
  expect(commonJsDeclarations(text)).toBe(
    `import { A } from './a.cjs'\nexport * from "../b/c.cjs"\nexport type T = import('./d.cjs').D\nimport 'prom-client/x.js'\n`,
  )
})
