// Every example in a docstring is compiled, strictly, against the package's own declarations: what the API documentation shows is right.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What the examples take for granted. */
const CONTEXT = `
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { SchemaRegistryClient } from '@confluentinc/schemaregistry'
import type { Registry } from 'prom-client'
interface Order { id: string; amount: number }
declare const brokers: string
declare const config: import('odradek').ConsumerConfig
declare const order: Order
declare const value: string
declare const tenant: string
declare const signal: AbortSignal
declare const register: Registry
declare const registry: SchemaRegistryClient
declare const producer: import('odradek').Producer
declare const consumer: import('odradek').Consumer
declare const cluster: import('odradek').MockCluster
declare const app: import('odradek/processor').Processor
declare const from: string
declare const debit: string
declare let failed: number
declare function split2(): NodeJS.ReadWriteStream
declare function handle(...what: unknown[]): Promise<void>
declare function reserve(...what: unknown[]): Promise<void>
declare function summarize(what: unknown): string
`

/** The text of each \`\`\`ts block in the comments of lib/, with where it stands. */
function examples() {
  return readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const text = readFileSync(join(root, 'lib', name), 'utf8')
      return [...text.matchAll(/^ *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm)].map((match) => ({
        place: `lib/${name}:${text.slice(0, match.index).split('\n').length}`,
        code: match[1]!.replaceAll(/^ *\* ?/gm, ''),
      }))
    })
}

/** The values that the package exports, by the name of the entry. */
async function imports() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { import?: { default: string } }>
  }
  const lines: string[] = []
  const paths: Record<string, string[]> = {}
  for (const [name, entry] of Object.entries(exports)) {
    if (!entry.import) continue
    const specifier = name.replace(/^\./, 'odradek')
    const names = Object.keys(await import(join(root, entry.import.default)))
    lines.push(`import { ${names.join(', ')} } from '${specifier}'`)
    paths[specifier] = [join(root, entry.import.default.replace(/\.js$/, '.d.ts'))]
  }
  return { text: lines.join('\n'), paths }
}

test('every example compiles', async () => {
  const all = examples()
  expect(all.length).toBeGreaterThan(10)
  const directory = join(root, '.cache', 'docstring-examples')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const { text, paths } = await imports()
  for (const [index, { place, code }] of all.entries()) {
    const file = `${text}\n${CONTEXT}\nexport async function example() {\n  {\n// ${place}\n${code}\n  }\n}\n`
    writeFileSync(join(directory, `${index}.mts`), file)
  }
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, target: 'es2022', lib: ['es2023', 'esnext.disposable'] },
    ...{ module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], paths },
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
  const tsc = join(dirname(createRequire(join(root, 'x.js')).resolve('typescript/package.json')), 'bin', 'tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8', cwd: directory })
  const named = stdout.replaceAll(
    /^(\d+)\.mts\((\d+)/gm,
    (_, index, line) => `${all[Number(index)]!.place} (${index}.mts:${line}`,
  )
  expect(named).toBe('')
})
