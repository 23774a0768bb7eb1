// dist/*.js: lib/ in a few files instead of one for each source, which halves the time that an import takes (docs/platforms.md). What the
// entries share is in chunks, so there is one copy of every class.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from './run.mjs'

/** The sources of what package.json exports, by the name of the file in dist/. */
export function entryPoints(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const names = Object.values(exports)
    .filter((entry) => entry.import)
    .map((entry) => entry.import.default.replace(/^\.\/dist\/(.*)\.js$/, '$1'))
  return Object.fromEntries(names.map((name) => [name, `lib/${name}.ts`]))
}

/** Sources are named relative to the map; they are in the package, and need not be in the map as well. */
function withoutContents(text) {
  const { sourcesContent: _, ...map } = JSON.parse(text)
  return JSON.stringify(map)
}

export async function bundle(root) {
  const { rolldown } = await import('rolldown').catch(() => {
    throw new UserError('rolldown is not installed. Run: npm ci')
  })
  const build = await rolldown({
    cwd: root,
    input: { ...entryPoints(root), internals: 'lib/internals.ts' },
    platform: 'node',
    // Packages, Node's own modules: all but relative imports.
    external: /^[^./]/,
    tsconfig: join(root, 'tsconfig.json'),
    onLog(_, { message }) {
      throw new UserError(`rolldown: ${message}`)
    },
  })
  const dist = join(root, 'dist')
  try {
    const names = { entryFileNames: '[name].js', chunkFileNames: 'chunk-[name].js' }
    const { output } = await build.write({ dir: dist, format: 'esm', sourcemap: true, keepNames: true, ...names })
    const written = new Set(output.map(({ fileName }) => fileName))
    // Of an earlier build, or of a plain tsc.
    for (const name of readdirSync(dist, { recursive: true }).filter((name) => /\.js(\.map)?$/.test(name))) {
      if (!written.has(name.replaceAll('\\', '/'))) rmSync(join(dist, name))
    }
    for (const name of written) {
      const file = join(dist, name)
      if (name.endsWith('.map') && existsSync(file)) writeFileSync(file, withoutContents(readFileSync(file, 'utf8')))
    }
  } finally {
    await build.close()
  }
}
