// The way in for require(): dist/<entry>.cjs, one line that requires the ES module (Node can since 20.19), so that there is one copy of
// every class; and declarations of its own kind (.d.cts), without which TypeScript refuses a CommonJS file the import.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** The same declarations, whose imports of each other name their .d.cts. */
export function commonJsDeclarations(text) {
  return text
    .replace(/(\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\.js\2/g, '$1$2$3.cjs$2')
    .replace(/^\/\/# sourceMappingURL=.*$/m, '')
}

/** Writes them for all that package.json exports with a `require` condition. */
export function writeCommonJs(root) {
  const dist = join(root, 'dist')
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  for (const { require } of Object.values(exports)) {
    if (!require) continue
    const file = basename(require.default)
    const text = `'use strict'\nmodule.exports = require('./${file.replace(/\.cjs$/, '.js')}')\n`
    writeFileSync(join(dist, file), text)
  }
  for (const name of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.d.ts'))) {
    writeFileSync(
      join(dist, name.replace(/\.d\.ts$/, '.d.cts')),
      commonJsDeclarations(readFileSync(join(dist, name), 'utf8')),
    )
  }
}
