// The examples of the documentation: what stands in ```ts blocks of the docstrings (lib/), README.md and docs/. They are compiled as
// they stand, against the package's own declarations, and run (documentation-run.ts).
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Example {
  /** file:line */
  place: string
  code: string
}

function blocks(file: string, fence: RegExp, strip: RegExp): Example[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(fence)].map((match) => ({
    place: `${file}:${text.slice(0, match.index).split('\n').length}`,
    code: match[1]!.replaceAll(strip, ''),
  }))
}

const listed = (directory: string, ends: string) =>
  readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ends))
    .sort()
    .map((name) => join(directory, name))

export function examples(): Example[] {
  return [
    ...listed('lib', '.ts').flatMap((file) => blocks(file, /^ *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm, /^ *\* ?/gm)),
    ...['README.md', ...listed('docs', '.md')].flatMap((file) => blocks(file, /^```ts\n((?:.*\n)*?)```$/gm, /^$(?!)/g)),
  ]
}

/** What the examples take for granted, by name, with its type. The values are those of documentation-run.ts. */
const TAKEN_FOR_GRANTED: Record<string, string> = {
  admin: "import('odradek').AdminClient",
  app: "import('odradek/processor').Processor",
  brokers: 'string',
  cluster: "import('odradek').MockCluster",
  config: "import('odradek').ConsumerConfig",
  consumer: "import('odradek').Consumer",
  createReadStream: "typeof import('node:fs').createReadStream",
  credential:
    '{ getToken(scope: string, options: { abortSignal: AbortSignal }): Promise<{ accessToken: string, expiresOn: Date }> }',
  credit: 'string',
  db: '{ insertMany(what: unknown): Promise<void> }',
  debit: 'string',
  dropState: '(...what: unknown[]) => void',
  end: '(...what: unknown[]) => void',
  failed: 'number',
  flushState: '(...what: unknown[]) => Promise<void>',
  from: 'string',
  handle: '(...what: unknown[]) => Promise<void>',
  http: "typeof import('node:http')",
  line: 'string',
  loadState: '(...what: unknown[]) => Promise<void>',
  order: 'Order',
  orders: 'Order[]',
  orderSchema: "import('zod').ZodType<Order>",
  password: 'string',
  pipeline: "typeof import('node:stream/promises').pipeline",
  producer: "import('odradek').Producer",
  readFileSync: "typeof import('node:fs').readFileSync",
  regionOf: "(key: import('odradek').RecordBytes | undefined) => number",
  register: "import('prom-client').Registry",
  registry: "import('@confluentinc/schemaregistry').SchemaRegistryClient",
  reserve: '(...what: unknown[]) => Promise<void>',
  SchemaRegistryClient: "typeof import('@confluentinc/schemaregistry').SchemaRegistryClient",
  scope: 'string',
  signal: 'AbortSignal',
  split2: '() => NodeJS.ReadWriteStream',
  start: '(topic: string) => string',
  summarize: '(what: unknown) => string',
  tenant: 'string',
  to: 'string',
  value: 'string',
  warehouse: '{ insert(what: unknown): Promise<void> }',
  z: "typeof import('zod').z",
}

/** The values that the package exports: their names, by the entry's. */
export async function exported(): Promise<Map<string, string[]>> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { import?: { default: string } }>
  }
  const entries = new Map<string, string[]>()
  for (const [name, entry] of Object.entries(exports)) {
    if (!entry.import) continue
    entries.set(name.replace(/^\./, 'odradek'), Object.keys(await import(join(root, entry.import.default))))
  }
  return entries
}

/** A module whose `example` is the code; it imports what the code does not, and is given what it takes for granted. */
function moduleOf({ place, code }: Example, entries: Map<string, string[]>): string {
  const importing = /^import .*$/gm
  const own = code.match(importing)?.join('\n') ?? ''
  const names = new Set(code.match(/[A-Za-z]\w*/g))
  const imported = new Set(own.match(/\w+/g))
  const imports = [...entries]
    .map(([entry, all]) => [entry, all.filter((name) => names.has(name) && !imported.has(name))] as const)
    .filter(([, used]) => used.length > 0)
    .map(([entry, used]) => `import { ${used.join(', ')} } from '${entry}'`)
  const declared = new Set(
    [...code.matchAll(/^(?:const|let|await using) (.*?) = /gm)].flatMap(([, left]) => left!.match(/\w+/g)!),
  )
  const given = (name: string) => names.has(name) && !imported.has(name) && !declared.has(name)
  const needed = Object.keys(TAKEN_FOR_GRANTED).filter(given)
  const types = needed.map((name) => `${name}: ${TAKEN_FOR_GRANTED[name]}`).join('; ')
  const body = code.replaceAll(importing, '')
  return [
    ...imports,
    own,
    'interface Order { id: string; amount: number }',
    'interface Flight { origin: string }',
    `export const place = '${place}'`,
    `export async function example({ ${needed.join(', ')} }: { ${types} }) {`,
    `// ${place}\n${body}\n}`,
    'export type { Flight, Order }\n',
  ].join('\n')
}

export interface Compiled {
  directory: string
  /** What the compiler says, with the places in the documentation. */
  problems: string
  /** The compiled modules, in the order of the examples. */
  files: string[]
}

/** Compiles examples strictly, into .cache/<name>/. */
export async function compileExamples(name: string, all: Example[]): Promise<Compiled> {
  const directory = join(root, '.cache', name)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const entries = await exported()
  for (const [index, example] of all.entries()) {
    writeFileSync(join(directory, `${index}.mts`), moduleOf(example, entries))
  }
  const compilerOptions = {
    ...{
      strict: true,
      noEmitOnError: true,
      skipLibCheck: true,
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
    },
    ...{ module: 'nodenext', moduleResolution: 'nodenext', types: ['node'], outDir: 'run', rootDir: '.' },
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
  const tsc = join(dirname(createRequire(join(root, 'x.js')).resolve('typescript/package.json')), 'bin', 'tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { encoding: 'utf8', cwd: directory })
  const problems = stdout.replaceAll(
    /^(\d+)\.mts\((\d+)/gm,
    (_, index, line) => `${all[Number(index)]!.place} (${index}.mts:${line}`,
  )
  return { directory, problems, files: all.map((_, index) => join(directory, 'run', `${index}.mjs`)) }
}
