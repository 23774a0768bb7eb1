// Everything that the package is made of: the addon (build-native.mjs) and dist/ (TypeScript).
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { buildNative } from './build-native.mjs'
import { bundle } from './lib/bundle.mjs'
import { writeCommonJs } from './lib/commonjs.mjs'
import { withLock } from './lib/lock.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from './lib/run.mjs'

const STAMP = join(CACHE, 'stamps', 'typescript')

function filesBelow(directory, pattern) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true })
    .filter((name) => pattern.test(name))
    .sort()
}

function inputs() {
  const sources = filesBelow(join(ROOT, 'lib'), /\.ts$/).map((name) => join('lib', name))
  return [...sources, 'tsconfig.json', 'package.json', 'package-lock.json'].map((name) => {
    const stat = statSync(join(ROOT, name), { throwIfNoEntry: false })
    return `${name} ${stat?.size} ${stat?.mtimeMs}`
  })
}

/** The outputs' names count too: what somebody deleted from dist/ is to be written again. */
function signature(from = inputs()) {
  const outputs = filesBelow(join(ROOT, 'dist'), /./)
  return createHash('sha256')
    .update([...from, ...outputs].join('\n'))
    .digest('hex')
}

/** Output whose source is gone would go on being importable. (bundle() removes the .js files.) */
function removeOrphans() {
  for (const name of filesBelow(join(ROOT, 'dist'), /\.(cjs|d\.c?ts)$/)) {
    const source = join(ROOT, 'lib', name.replace(/\.(cjs|d\.c?ts)$/, '.ts'))
    if (!existsSync(source)) rmSync(join(ROOT, 'dist', name))
  }
}

export const typeScriptUpToDate = () => existsSync(STAMP) && readFileSync(STAMP, 'utf8') === signature()

/** Brings dist/ up to date; whether there was something to do. */
export async function buildTypeScript() {
  if (typeScriptUpToDate()) return false
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  if (!existsSync(compiler)) throw new UserError('TypeScript is not installed. Run: npm ci')
  return withLock('typescript', async () => {
    if (typeScriptUpToDate()) return false
    const before = inputs()
    const args = [compiler, '-p', 'tsconfig.json', '--emitDeclarationOnly']
    await run(process.execPath, args, { log: 'typescript', what: 'Compiling TypeScript' })
    await bundle(ROOT)
    removeOrphans()
    writeCommonJs(ROOT)
    mkdirSync(dirname(STAMP), { recursive: true })
    writeFileSync(STAMP, signature(before))
    return true
  })
}

await main(import.meta.url, async () => {
  const from = performance.now()
  const { path, built } = await buildNative()
  console.log(`${relative(ROOT, path)}: ${built ? 'built' : 'up to date'} (${seconds(from)})`)
  const then = performance.now()
  console.log(`dist/: ${(await buildTypeScript()) ? 'built' : 'up to date'} (${seconds(then)})`)
})
