#!/usr/bin/env node
// Writes lib/*.generated.ts from the pinned librdkafka; with --check, only tells whether they are up to date.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readConfiguration } from './generate/configuration.mjs'
import { emitConfig } from './generate/emit-config.mjs'
import { emitErrors } from './generate/emit-errors.mjs'
import { emitStatistics } from './generate/emit-statistics.mjs'
import { readErrors } from './generate/errors.mjs'
import { buildModel } from './generate/model.mjs'
import { locateSource, Problem, root } from './generate/source.mjs'
import { parseStatistics } from './generate/statistics.mjs'

const usage = 'usage: node scripts/generate.mjs [--check] [--source DIR]'

/** @returns {Map<string, string>} path in the repository -> text */
export function generate(/** @type {ReturnType<typeof locateSource>} */ source) {
  const { version } = source
  const packageVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version
  const properties = buildModel(readConfiguration(source))
  const files = {
    'lib/config.generated.ts': emitConfig({ properties, version, packageVersion }),
    'lib/errors.generated.ts': emitErrors({ errors: readErrors(source), version }),
    'lib/statistics.generated.ts': emitStatistics({ sections: parseStatistics(source.read('STATISTICS.md')), version }),
  }
  return new Map(Object.entries(files).map(([path, text]) => [path, format(path, text)]))
}

// As lib/config.ts would be formatted: biome.json leaves generated files out, and what is left out is not formatted.
function format(path, text) {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  if (!existsSync(biome)) throw new Problem("the formatter is not installed: run 'npm ci'")
  const run = spawnSync(process.execPath, [biome, 'format', `--stdin-file-path=${path.replace('.generated', '')}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    maxBuffer: 16 << 20,
  })
  if (run.status !== 0) throw new Problem(`biome could not format ${path}:\n${run.stderr}`)
  return run.stdout
}

/** The first line in which two texts differ, for a message. */
export function firstDifference(/** @type {string} */ old, /** @type {string} */ fresh) {
  const [a, b] = [old.split('\n'), fresh.split('\n')]
  const line = b.findIndex((text, i) => text !== a[i])
  const at = line < 0 ? b.length : line
  return `line ${at + 1}: has ${JSON.stringify(a[at] ?? 'nothing')}, should have ${JSON.stringify(b[at] ?? 'nothing')}`
}

function main() {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, source: { type: 'string' } } })
  const source = locateSource(values.source)
  const stale = []
  for (const [path, text] of generate(source)) {
    const file = join(root, path)
    const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (old === text) continue
    if (values.check) stale.push(`  ${path}, ${firstDifference(old, text)}`)
    else writeFileSync(file, text)
    if (!values.check) console.log(`wrote ${path}`)
  }
  if (stale.length > 0) {
    const advice = "run 'npm run generate' and commit the result"
    throw new Problem(
      `generated files are not what librdkafka ${source.version} gives:\n${stale.join('\n')}\n${advice}`,
    )
  }
  console.log(`generated files agree with librdkafka ${source.version}`)
}

if (process.argv[1] === import.meta.filename) {
  try {
    main()
  } catch (error) {
    const expected = error instanceof Problem || String(error?.code).startsWith('ERR_PARSE_ARGS')
    console.error(expected ? `generate: ${error.message}` : error)
    if (String(error?.code).startsWith('ERR_PARSE_ARGS')) console.error(usage)
    process.exitCode = 1
  }
}
