// Copies what a build from source needs of the pinned sources into sources/, which is packed: node scripts/package-sources.mjs [directory]
// OpenSSL, zlib and zstd are not among them: such a build takes the system's.
import {
  cpSync,
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
import { dirname, join, relative, resolve } from 'node:path'
import { ensureSources, readPin, sourceDirectory, stampOf } from './fetch-source.mjs'
import { main, ROOT, UserError } from './lib/run.mjs'

/** Of each source the files that are compiled, read by CMake, or have to go with them. */
const PARTS = {
  librdkafka: [/^src\/([\w-]+\/)*[\w.-]+\.[ch]$/, /^LICENSES?\b/],
  curl: [
    /^lib\/([\w-]+\/)*[\w.-]+\.[ch]$/,
    /^lib\/(CMakeLists\.txt|Makefile\.(inc|soname)|curl_config\.h\.cmake|libcurl\.(def|rc))$/,
    /^include\/curl\/[\w.-]+\.h$/,
    /^CMake\/[\w.-]+$/,
    /^(scripts\/)?CMakeLists\.txt$/,
    /^COPYING$/,
  ],
  mimalloc: [/^(src|include)\/([\w-]+\/)*[\w.-]+\.[ch]$/, /^LICENSE$/],
  'node-addon-api': [/^[\w.-]+\.h$/, /^LICENSE\.md$/],
  'node-api-headers': [/^include\/[\w.-]+\.h$/, /^def\/[\w.-]+\.def$/, /^LICENSE$/],
}

/** The npm packages among them are installed in a work tree, at the version that is pinned; the others are fetched. */
async function treeOf(pin) {
  if (pin.for !== 'install') {
    await ensureSources([pin.name])
    return sourceDirectory(pin)
  }
  const manifest = createRequire(join(ROOT, 'package.json')).resolve(`${pin.name}/package.json`)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  if (version !== pin.version)
    throw new UserError(`node_modules has ${pin.name} ${version}, pinned is ${pin.version}. Run: npm ci`)
  return dirname(manifest)
}

async function copy(name, patterns, directory) {
  const pin = readPin(name)
  const tree = await treeOf(pin)
  const into = join(directory, `${pin.name}-${pin.version}`)
  const files = readdirSync(tree, { recursive: true })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => patterns.some((pattern) => pattern.test(file)) && statSync(join(tree, file)).isFile())
  const useless = patterns.find((pattern) => !files.some((file) => pattern.test(file)))
  if (useless)
    throw new UserError(`${relative(ROOT, tree)} has nothing like ${useless}; see scripts/package-sources.mjs.`)
  for (const file of files) cpSync(join(tree, file), join(into, file))
  writeFileSync(join(into, '.odradek-pin'), stampOf(pin))
  return files.length
}

/** Makes the directory anew; it is complete or as it was. */
export async function packageSources(directory = join(ROOT, 'sources')) {
  const made = `${directory}.new`
  rmSync(made, { recursive: true, force: true })
  mkdirSync(made, { recursive: true })
  let files = 0
  for (const [name, patterns] of Object.entries(PARTS)) files += await copy(name, patterns, made)
  if (existsSync(directory)) rmSync(directory, { recursive: true })
  renameSync(made, directory)
  return files
}

await main(import.meta.url, async ([directory = join(ROOT, 'sources'), more]) => {
  if (more) throw new UserError('Usage: node scripts/package-sources.mjs [directory]')
  const files = await packageSources(resolve(directory))
  console.log(`${relative(ROOT, resolve(directory))}: ${files} files`)
})
