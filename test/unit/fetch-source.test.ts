import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href)
const { fetchSource, manifestHash, pinNames, readPin } = await script('fetch-source.mjs')
const { debianSourceList, versionsWithHash } = await script('lib/carriers.mjs')

let cache: string
let archive: Buffer
let server: Server
let requests: string[]
let base: string

/** An archive with one C file, as an upstream release would be. */
function makeArchive(content: string) {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-archive-'))
  mkdirSync(join(directory, 'sample-1.0', 'src'), { recursive: true })
  writeFileSync(join(directory, 'sample-1.0', 'src', 'sample.c'), content)
  execFileSync('tar', ['-czf', 'sample.tar.gz', 'sample-1.0'], { cwd: directory })
  const bytes = readFileSync(join(directory, 'sample.tar.gz'))
  rmSync(directory, { recursive: true })
  return bytes
}

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const names = (...path: string[]) => (existsSync(join(cache, ...path)) ? readdirSync(join(cache, ...path)) : [])

function pin(...sources: { path: string; sha256: string }[]) {
  return {
    name: 'sample',
    version: '1.0',
    sources: sources.map(({ path, sha256 }) => ({ kind: 'url', url: `${base}${path}`, sha256, root: 'sample-1.0' })),
  }
}

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'odradek-cache-'))
  archive = makeArchive('int sample(void) { return 1; }\n')
  requests = []
  server = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (request.url === '/missing') response.writeHead(404).end()
    else response.end(archive)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  await new Promise((done) => server.close(done))
  rmSync(cache, { recursive: true, force: true })
})

describe('fetching a pinned source', () => {
  test('a wrong hash is refused before unpacking, with both hashes named, and nothing is left', async () => {
    const expected = '0'.repeat(64)
    const failure = fetchSource(pin({ path: '/sample', sha256: expected }), cache)
    await expect(failure).rejects.toThrow(`expected ${expected}, got ${hashOf(archive)}`)
    expect([names('src'), names('downloads'), names('tmp')]).toEqual([[], [], []])
  })

  test('the right hash is unpacked once; the second time nothing is asked of the network', async () => {
    const wanted = pin({ path: '/sample', sha256: hashOf(archive) })
    const first = await fetchSource(wanted, cache)
    expect(readFileSync(join(first.directory, 'src', 'sample.c'), 'utf8')).toContain('return 1')
    expect(first.from).toBe(`${base}/sample`)
    const second = await fetchSource(wanted, cache)
    expect(second).toEqual({ directory: first.directory })
    expect(requests).toEqual(['/sample'])
    expect(names('tmp')).toEqual([])
  })

  test('the next source is taken where the first one cannot be had', async () => {
    const sha256 = hashOf(archive)
    const { from } = await fetchSource(pin({ path: '/missing', sha256 }, { path: '/sample', sha256 }), cache)
    expect(from).toBe(`${base}/sample`)
  })

  test('with no source left, each one and its reason is named, and what to do', async () => {
    const sha256 = hashOf(archive)
    const closed = { ...pin({ path: '/missing', sha256 }) }
    closed.sources.push({ ...closed.sources[0]!, url: 'http://127.0.0.1:1/sample' })
    const error = await fetchSource(closed, cache).catch((error: Error) => error)
    expect(error.message).toMatch(/\/missing: the server answered 404[\s\S]*:1\/sample: not reachable \(/)
    expect(error.message).toContain('downloads')
    expect(names('tmp')).toEqual([])
  })

  test('files other than the pinned ones are refused even from a carrier with the right hash', async () => {
    const wanted = {
      ...pin({ path: '/sample', sha256: hashOf(archive) }),
      manifest: { paths: ['src'], sha256: 'other' },
    }
    await expect(fetchSource(wanted, cache)).rejects.toThrow(/the files differ from the pinned ones/)
    expect(names('src')).toEqual([])
  })

  test('what an interrupted run left is repaired, and a changed pin fetches again', async () => {
    mkdirSync(join(cache, 'tmp', 'sample', 'half'), { recursive: true })
    mkdirSync(join(cache, 'src', 'sample-1.0', 'half'), { recursive: true })
    const { directory } = await fetchSource(pin({ path: '/sample', sha256: hashOf(archive) }), cache)
    expect(readdirSync(directory)).not.toContain('half')
    archive = makeArchive('int sample(void) { return 2; }\n')
    await fetchSource(pin({ path: '/sample', sha256: hashOf(archive) }), cache)
    expect(readFileSync(join(directory, 'src', 'sample.c'), 'utf8')).toContain('return 2')
  })

  test('an archive put by hand into the download cache is enough, a damaged one is fetched anew', async () => {
    const sha256 = hashOf(archive)
    mkdirSync(join(cache, 'downloads'))
    writeFileSync(join(cache, 'downloads', sha256), archive)
    await fetchSource(pin({ path: '/missing', sha256 }), cache)
    expect(requests).toEqual([])
    rmSync(join(cache, 'src'), { recursive: true })
    writeFileSync(join(cache, 'downloads', sha256), 'damaged')
    await fetchSource(pin({ path: '/sample', sha256 }), cache)
    expect(requests).toEqual(['/sample'])
  })
})

describe('the pins', () => {
  test('each source is pinned by a SHA-256, and what is unpacked here is what the pin says', async () => {
    expect(pinNames()).toEqual(expect.arrayContaining(['librdkafka', 'curl', 'mimalloc']))
    for (const name of pinNames()) {
      const { manifest, sources, ...wanted } = readPin(name)
      for (const source of sources) expect(source.sha256).toMatch(/^[0-9a-f]{64}$/)
      // Those of the prebuilt addons only are 150 MB; npm run prebuild fetches them.
      if (wanted.for) continue
      const { directory } = await fetchSource({ ...wanted, sources, ...(manifest && { manifest }) })
      if (manifest) expect(await manifestHash(directory, manifest.paths)).toBe(manifest.sha256)
    }
  })
})

describe("Debian's source packages", () => {
  const deb822 = `Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://elsewhere.example/apt
Suites: stable
Components: main
`
  test('are asked of the addresses that the machine already uses, for the wanted suites', () => {
    const list = debianSourceList([{ name: 'debian.sources', text: deb822 }], ['trixie'])
    expect(list).toBe(
      'Types: deb-src\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n' +
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
    )
    const line =
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian/ bookworm main\n# deb http://no.example/debian x y\n'
    expect(debianSourceList([{ name: 'sources.list', text: line }], ['a', 'b'])).toBe(
      'Types: deb-src\nURIs: http://mirror.example/debian/\nSuites: a b\nComponents: main\nSigned-By: /k.gpg\n',
    )
  })

  test('are chosen by the hash of the upstream archive', () => {
    const records =
      'Package: p\nVersion: 1-1\nChecksums-Sha256:\n aa 1 p\n\nPackage: p\nVersion: 2-1\nChecksums-Sha256:\n bb 1 p\n'
    expect(versionsWithHash(records, 'bb')).toEqual(['2-1'])
    expect(versionsWithHash(records, 'cc')).toEqual([])
  })
})
