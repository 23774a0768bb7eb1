// CONFIGURATION.md and the property table of rdkafka_conf.c, as one list of properties.
import { cBlock, cString, Problem, stripC } from './source.mjs'

/**
 * @typedef {object} Property
 * @property {string} name
 * @property {'global' | 'topic'} scope
 * @property {'*' | 'C' | 'P' | 'S'} clients S: share consumers only
 * @property {string} type as CONFIGURATION.md names it
 * @property {string} range
 * @property {string} default
 * @property {string} importance
 * @property {string} description
 * @property {string} [alias] the property this is another name of
 * @property {boolean} deprecated
 * @property {boolean} sensitive
 * @property {boolean} notForShare
 */

/** One table row into its cells. A cell may hold a pipe, written as backslash-pipe. */
export function splitRow(/** @type {string} */ line) {
  return line.split(/(?<!\\)\|/).map((cell) => cell.replaceAll('\\|', '|').trim())
}

/** @returns {Property[]} the rows of CONFIGURATION.md, in its order */
export function parseConfiguration(/** @type {string} */ markdown) {
  const rows = []
  let scope
  for (const line of markdown.split('\n')) {
    if (line.startsWith('## ')) scope = /topic/i.test(line) ? 'topic' : 'global'
    const cells = splitRow(line)
    if (cells.length !== 6 || cells[0] === 'Property' || /^-+$/.test(cells[0])) continue
    rows.push(parseRow(scope, cells))
  }
  if (rows.length < 150)
    throw new Problem(`only ${rows.length} properties in CONFIGURATION.md: has its format changed?`)
  return rows
}

function parseRow(scope, [name, clients, range, defaultValue, importance, text]) {
  const type = /<br>\*Type: (.+?)\*$/.exec(text)?.[1]
  if (!type || !['*', 'C', 'P'].includes(clients)) throw new Problem(`cannot read the row of ${name}`)
  const description = text.replace(/\s*<br>\*Type: .+$/, '').replace(/\*\*DEPRECATED\*\*\s*/g, '')
  return {
    name,
    scope,
    clients: shareOnly(name, description) ? 'S' : clients,
    type,
    range,
    default: defaultValue,
    importance,
    description,
    deprecated: text.includes('**DEPRECATED**'),
    sensitive: false,
    notForShare: /(not supported|ignored) for share\s+consumers|not supported for\s+share consumers/.test(description),
  }
}

const shareOnly = (name, description) =>
  name.startsWith('share.') || /only supported for share consumers/.test(description)

/** What the C table knows and the document does not: aliases, secrets, hidden names, and names that exist to be refused. */
export function parsePropertyTable(/** @type {string} */ source) {
  const start = source.indexOf('rd_kafka_properties[] = {')
  if (start < 0) throw new Problem('the property table was not found in rdkafka_conf.c')
  const table = stripC(cBlock(source, start))
  const entry = /\{\s*(_RK_(?:GLOBAL|TOPIC)[A-Z_|\s]*),\s*"([^"]+)",\s*_RK_C_([A-Z0-9]+)/g
  return [...table.matchAll(entry)].map((match) => {
    const [, flags, name, type] = match
    const body = table.slice(match.index, table.indexOf('{_RK_', match.index + 1) >>> 0)
    return {
      name,
      scope: flags.includes('_RK_TOPIC') ? 'topic' : 'global',
      type,
      hidden: flags.includes('_RK_HIDDEN'),
      sensitive: flags.includes('_RK_SENSITIVE'),
      alias: type === 'ALIAS' ? /\.sdef\s*=\s*"([^"]+)"/.exec(body)?.[1] : undefined,
      description: type === 'INVALID' ? cString(body.slice(body.indexOf(',', body.indexOf('_RK(')))) : '',
    }
  })
}

/** Names that rd_kafka_conf_finalize refuses for a share consumer. */
export function parseShareRefusals(/** @type {string} */ source) {
  const finalize = cBlock(source, source.indexOf('rd_kafka_conf_finalize(rd_kafka_type_t cltype'))
  const check =
    /(!?)\s*rd_kafka_(?:topic_)?conf_is_modified\(\s*[\w>-]+,\s*"([^"]+)"\)\)\s*\{?\s*return\s+((?:"[^"]*"\s*)+)/g
  return [...finalize.matchAll(check)].filter((m) => !m[1] && /share consumer/.test(cString(m[3]))).map((m) => m[2])
}

/** CONFIGURATION.md completed from the C source, aliases resolved. */
export function readConfiguration({ read }) {
  const source = read('src/rdkafka_conf.c')
  const properties = parseConfiguration(read('CONFIGURATION.md'))
  const table = parsePropertyTable(source)
  const refusedForShare = new Set(parseShareRefusals(source))
  const key = (p) => `${p.scope} ${p.name}`
  const inTable = new Map(table.map((entry) => [key(entry), entry]))
  for (const property of properties) {
    const entry = inTable.get(key(property))
    if (!entry) throw new Problem(`${property.name} is in CONFIGURATION.md but not in rdkafka_conf.c`)
    property.sensitive = entry.sensitive
    property.alias = entry.alias
    property.notForShare ||= refusedForShare.has(property.name)
  }
  const byKey = new Map(properties.map((p) => [key(p), p]))
  for (const property of properties) {
    if (property.alias) adoptTarget(property, byKey.get(`${property.scope} ${property.alias}`))
  }
  const documented = new Set(byKey.keys())
  return {
    properties,
    hidden: table.filter((entry) => entry.hidden),
    refused: table.filter((entry) => entry.type === 'INVALID'),
    undocumented: table.filter((e) => !documented.has(key(e)) && !e.hidden && e.type !== 'INVALID'),
  }
}

// The document prints a wrong range, default and text for the topic-scoped alias compression.type (it takes the first
// property of that name): an alias is described by its target.
function adoptTarget(property, target) {
  if (!target) throw new Problem(`${property.name} is an alias of ${property.alias}, which does not exist`)
  for (const field of ['type', 'range', 'default', 'importance', 'description', 'sensitive', 'notForShare']) {
    property[field] = target[field]
  }
}
