// Brings the pinned sources (deps/*/pin.json) to .cache/src/<name>-<version>: node scripts/fetch-source.mjs [name ...]
import { createHash } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { carriers } from './lib/carriers.mjs'
import { withLock } from './lib/lock.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from './lib/run.mjs'

/**
 * @typedef {{ kind: 'url' | 'npm' | 'debian' | 'pypi', url?: string, package?: string, suites?: string[], platform?: string,
 *   host?: string, sha256: string, root: string }} Source host: the only kind of machine that it is for
 * @typedef {{ name: string, version: string, for?: 'prebuild' | 'install', sources: Source[],
 *   manifest?: { paths: string[], sha256: string } }} Pin for: what alone needs it; else every build does
 */

/** @returns {Pin} */
export function readPin(name) {
  return JSON.parse(readFileSync(join(ROOT, 'deps', name, 'pin.json'), 'utf8'))
}

export function pinNames() {
  return readdirSync(join(ROOT, 'deps'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, 'deps', entry.name, 'pin.json')))
    .map((entry) => entry.name)
}

/** Those that a build for this machine needs; a prebuild needs more. */
function neededByEveryBuild() {
  return pinNames().filter((name) => !readPin(name).for)
}

/** In the published package: what a build needs of the pinned sources (scripts/package-sources.mjs), so that it needs no network. */
const PACKED = join(ROOT, 'sources')
// tsconfig.json is not packed: with it this is a work tree, whose sources/ is only what is to be packed.
const inPackage = (pin) =>
  !existsSync(join(ROOT, 'tsconfig.json')) && existsSync(join(PACKED, `${pin.name}-${pin.version}`))

/** Where a pinned source is: in the package, or once it is fetched. */
export function sourceDirectory(pin, cache = CACHE) {
  const parent = cache === CACHE && inPackage(pin) ? PACKED : join(cache, 'src')
  return join(parent, `${pin.name}-${pin.version}`)
}

/** What a fetched or packed source is marked with: another pin asks for another source. */
export function stampOf(pin) {
  return createHash('sha256').update(JSON.stringify(pin)).digest('hex')
}

/** Whether a build needs to fetch nothing. */
export function sourcesPacked() {
  return pinNames()
    .map(readPin)
    .every((pin) => pin.for === 'prebuild' || inPackage(pin))
}

export async function sha256(file) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk)
  return hash.digest('hex')
}

/** One hash over the C files below the given paths, equal whichever carrier brought them. */
export async function manifestHash(directory, paths) {
  const files = paths.flatMap((path) => {
    const full = join(directory, path)
    if (!existsSync(full)) return []
    if (statSync(full).isFile()) return [path]
    return readdirSync(full, { recursive: true })
      .filter((name) => /\.[ch]$/.test(name))
      .map((name) => join(path, name).replaceAll('\\', '/'))
  })
  const lines = await Promise.all(files.sort().map(async (name) => `${await sha256(join(directory, name))}  ${name}\n`))
  return createHash('sha256').update(lines.join('')).digest('hex')
}

function describe(source) {
  const carrier = { npm: 'npm package', debian: 'Debian source package', pypi: 'Python package' }[source.kind]
  return source.url ?? `${carrier} ${source.package}`
}

/** The archive of one source in the download cache, verified; it is kept under its hash, so an offline machine can be given it. */
async function download(source, cache, temporary) {
  const kept = join(cache, 'downloads', source.sha256)
  if (existsSync(kept)) {
    if ((await sha256(kept)) === source.sha256) return kept
    rmSync(kept, { force: true })
  }
  const file = await carriers[source.kind](source, temporary, cache)
  const actual = await sha256(file)
  if (actual !== source.sha256) {
    throw new UserError(`wrong SHA-256, refused before unpacking: expected ${source.sha256}, got ${actual}`)
  }
  mkdirSync(dirname(kept), { recursive: true })
  renameSync(file, kept)
  return kept
}

async function unpack(archive, source, pin, temporary) {
  const directory = join(temporary, 'unpacked')
  mkdirSync(directory)
  // A Python wheel is a zip archive.
  const [command, args] =
    source.kind === 'pypi'
      ? ['python3', ['-m', 'zipfile', '-e', archive, directory]]
      : ['tar', ['-xf', archive, '-C', directory, source.root]]
  await run(command, args, { log: `unpack-${pin.name}`, what: `Unpacking ${pin.name}` })
  const tree = join(directory, source.root)
  if (pin.manifest) {
    const actual = await manifestHash(tree, pin.manifest.paths)
    if (actual !== pin.manifest.sha256) {
      throw new UserError(
        `the files differ from the pinned ones: expected manifest ${pin.manifest.sha256}, got ${actual}`,
      )
    }
  }
  return tree
}

async function fetchFirst(pin, cache, temporary) {
  const problems = []
  const host = `${process.platform}-${process.arch}`
  const sources = pin.sources.filter((source) => !source.host || source.host === host)
  if (sources.length === 0)
    throw new UserError(`${pin.name} ${pin.version} is not pinned for this kind of machine, ${host}.`)
  for (const [index, source] of sources.entries()) {
    const directory = join(temporary, String(index))
    mkdirSync(directory, { recursive: true })
    try {
      return {
        tree: await unpack(await download(source, cache, directory), source, pin, directory),
        from: describe(source),
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      problems.push(`  - ${describe(source)}: ${error.message}`)
      if (/SHA-256|manifest/.test(error.message))
        console.warn(`warning: ${pin.name} from ${describe(source)}: ${error.message}`)
    }
  }
  const kept = relative(ROOT, join(cache, 'downloads'))
  throw new UserError(
    `${pin.name} ${pin.version} could not be fetched from any of its pinned sources:\n${problems.join('\n')}\n` +
      `Check the network and run this again, or put one of the archives into ${kept}/ under its SHA-256 as name.`,
  )
}

/**
 * Fetches one pinned source unless it is there. The directory appears complete or not at all, so an interrupted run is repaired by the next.
 * @param {Pin} pin
 * @returns {Promise<{ directory: string, from?: string }>}
 */
export async function fetchSource(pin, cache = CACHE) {
  const directory = sourceDirectory(pin, cache)
  const stamp = join(directory, '.odradek-pin')
  const wanted = stampOf(pin)
  const present = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
  if (present()) return { directory }
  return withLock(`fetch-${pin.name}`, async () => {
    if (present()) return { directory }
    const temporary = join(cache, 'tmp', pin.name)
    rmSync(temporary, { recursive: true, force: true })
    try {
      const { tree, from } = await fetchFirst(pin, cache, temporary)
      writeFileSync(join(tree, '.odradek-pin'), wanted)
      rmSync(directory, { recursive: true, force: true })
      mkdirSync(dirname(directory), { recursive: true })
      renameSync(tree, directory)
      return { directory, from }
    } finally {
      rmSync(temporary, { recursive: true, force: true })
    }
  })
}

/** The pinned sources, by default those of every build; returns those that had to be fetched. */
export async function ensureSources(names = neededByEveryBuild()) {
  // All run to their end before one failure is reported: nothing is left half done in the background.
  const results = await Promise.allSettled(names.map((name) => fetchSource(readPin(name))))
  const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason)
  const unexpected = failed.find((error) => !(error instanceof UserError))
  if (unexpected) throw unexpected
  if (failed.length > 0) throw new UserError(failed.map((error) => error.message).join('\n'))
  return names.filter((_, index) => results[index].value.from)
}

await main(import.meta.url, async (names) => {
  const known = pinNames()
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new UserError(`There is no pin for ${unknown.join(', ')}. Pinned: ${known.join(', ')}.`)
  for (const name of names.length > 0 ? names : neededByEveryBuild()) {
    const from = performance.now()
    const pin = readPin(name)
    const { directory, from: source } = await fetchSource(pin)
    console.log(`${relative(ROOT, directory)}: ${source ? `from ${source} (${seconds(from)})` : 'present'}`)
  }
})
