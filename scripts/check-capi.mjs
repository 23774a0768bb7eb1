#!/usr/bin/env node
// The account of librdkafka's C API, docs/capi.csv: every public function is bound by native/, or says why not.
// Without --check it brings the table up to date with the code; with --check it only tells what is wrong.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { locateSource, Problem, root, stripC } from './generate/source.mjs'

const usage = 'usage: node scripts/check-capi.mjs [--check] [--source DIR]'
const columns = ['function', 'header', 'area', 'status', 'detail']
const csvPath = 'docs/capi.csv'
const tablePath = 'docs/capi.md'

/** @typedef {{ function: string, header: string, area: string, status: string, detail: string }} Row */

/** The exported functions of one header, in its order. */
export function parseHeader(/** @type {string} */ header) {
  const code = stripC(header).replace(/^\s*#.*(?:\\\n.*)*$/gm, '')
  const names = []
  for (const [, declaration] of code.matchAll(/\bRD_EXPORT\b([^;{]*)/g)) {
    // The function's name is the first one called like a function: attributes such as RD_UNUSED have other names.
    const name = /\b(rd_kafka_\w+)\s*\(/.exec(declaration)?.[1]
    if (name) names.push(name)
  }
  return [...new Set(names)]
}

/** @returns {Row[]} */
export function parseCsv(/** @type {string} */ text) {
  const [head, ...lines] = text.trimEnd().split('\n')
  if (head !== columns.join(',')) throw new Problem(`${csvPath} must begin with the line '${columns.join(',')}'`)
  return lines.map((line, i) => {
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)]
    if (fields.length !== columns.length) throw new Problem(`${csvPath}:${i + 2} has ${fields.length} fields, not 5`)
    const values = fields.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain)
    return /** @type {Row} */ (Object.fromEntries(columns.map((column, j) => [column, values[j]])))
  })
}

function toCsv(/** @type {Row[]} */ rows) {
  const field = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  return `${[columns, ...rows.map((row) => columns.map((c) => row[c]))].map((r) => r.map(field).join(',')).join('\n')}\n`
}

/** @returns {Map<string, string[]>} function -> files of native/ that name it outside comments and strings */
export function findUses(/** @type {Map<string, string>} */ files, /** @type {Set<string>} */ functions) {
  const uses = new Map()
  for (const [path, text] of files) {
    const names = new Set(stripC(text, { strings: false }).match(/\brd_kafka_\w+/g) ?? [])
    for (const name of names) if (functions.has(name)) uses.set(name, [...(uses.get(name) ?? []), path])
  }
  return uses
}

/**
 * The table as it should be, and what is wrong with the one there is.
 * @param {Row[]} rows @param {Map<string, string>} headers function -> header @param {Map<string, string[]>} uses
 */
export function account(rows, headers, uses) {
  const known = new Map(rows.map((row) => [row.function, row]))
  const problems = rows
    .filter((row) => !headers.has(row.function))
    .map((row) => `${row.function} is in the table but not in the headers: remove its row`)
  const fresh = [...headers].map(([name, header]) => {
    const row = known.get(name)
    const files = uses.get(name)
    if (!row) problems.push(`${name} (${header}) is missing: add it with an area and, if it is not bound, a reason`)
    if (files) {
      if (row && row.status !== 'bound') problems.push(`${name} is '${row.status}' but used in ${files.join(' ')}`)
      return { function: name, header, area: row?.area ?? '', status: 'bound', detail: files.join(' ') }
    }
    const reason = row?.status === 'bound' ? '' : (row?.detail ?? '')
    if (row?.status === 'bound') problems.push(`${name} is bound no more: say why in its row`)
    else if (row && !reason) problems.push(`${name} is neither bound nor has it a reason`)
    else if (/\bissue\b/i.test(reason))
      problems.push(`${name}: '${reason}' is no reason; say why, or 'planned: what for'`)
    return { function: name, header, area: row?.area ?? '', status: 'not exposed', detail: reason }
  })
  return { fresh, problems }
}

/** docs/capi.md: numbers by area, and every function that is not bound with its reason. */
export function toMarkdown(/** @type {Row[]} */ rows, /** @type {string} */ version) {
  const state = (row) => (row.status === 'bound' ? 'bound' : row.detail.startsWith('planned:') ? 'planned' : 'left out')
  const count = (list, wanted) => list.filter((row) => state(row) === wanted).length
  const areas = [...new Set(rows.map((row) => row.area))].sort()
  const numbers = (name, list) =>
    `| ${[name, list.length, ...['bound', 'planned', 'left out'].map((wanted) => count(list, wanted))].join(' | ')} |`
  const table = [
    '| area | functions | bound | planned | left out |',
    '|---|---|---|---|---|',
    ...areas.map((area) =>
      numbers(
        area,
        rows.filter((row) => row.area === area),
      ),
    ),
    numbers('**all**', rows),
  ]
  const unbound = rows.filter((row) => row.status !== 'bound')
  const reasons = [
    '| function | why |',
    '|---|---|',
    ...unbound.map((row) => `| \`${row.function}\` | ${row.detail} |`),
  ]
  return `# The C API, function by function

librdkafka ${version} has ${rows.length} public functions in rdkafka.h and rdkafka_mock.h. Each is used by this package or stands here with
the reason why not. [capi.csv](capi.csv) has a row for each, with the file that uses it. \`node scripts/check-capi.mjs\` brings
both files up to date; with \`--check\` it fails when they and the code differ, or when a function has neither use nor reason.

${table.join('\n')}

## Not bound

${reasons.join('\n')}
`
}

function readNative() {
  const names = readdirSync(join(root, 'native')).filter((name) => /\.(?:cc|h)$/.test(name))
  return new Map(names.sort().map((name) => [`native/${name}`, readFileSync(join(root, 'native', name), 'utf8')]))
}

function main() {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, source: { type: 'string' } } })
  const { version, read } = locateSource(values.source)
  const headers = new Map()
  for (const header of ['rdkafka.h', 'rdkafka_mock.h']) {
    for (const name of parseHeader(read(`src/${header}`))) headers.set(name, header)
  }
  const old = (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '')
  const rows = parseCsv(old(csvPath))
  const { fresh, problems } = account(rows, headers, findUses(readNative(), new Set(headers.keys())))
  const files = new Map([
    [csvPath, toCsv(fresh)],
    [tablePath, toMarkdown(fresh, version)],
  ])
  const stale = [...files].filter(([path, text]) => old(path) !== text).map(([path]) => path)
  if (!values.check) {
    for (const path of stale) writeFileSync(join(root, path), /** @type {string} */ (files.get(path)))
    const open = fresh
      .filter((row) => !row.detail || !row.area)
      .map((row) => `  ${row.function} needs a reason or an area`)
    if (open.length > 0) throw new Problem(`${csvPath} has open rows:\n${open.join('\n')}`)
  } else if (problems.length > 0 || stale.length > 0) {
    const list = problems.length > 0 ? problems : stale.map((path) => `${path} is out of date`)
    throw new Problem(`the account of the C API is wrong:\n  ${list.join('\n  ')}\nrun 'node scripts/check-capi.mjs'`)
  }
  const bound = fresh.filter((row) => row.status === 'bound').length
  console.log(
    `${fresh.length} functions of librdkafka ${version}: ${bound} bound, ${fresh.length - bound} with a reason`,
  )
}

if (process.argv[1] === import.meta.filename) {
  try {
    main()
  } catch (error) {
    const badArguments = String(error?.code).startsWith('ERR_PARSE_ARGS')
    console.error(error instanceof Problem || badArguments ? `check-capi: ${error.message}` : error)
    if (badArguments) console.error(usage)
    process.exitCode = 1
  }
}
