// Where the pinned librdkafka source is, and whether it is the pinned one.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** A problem the user can do something about: printed as one line, without a stack trace. */
export class Problem extends Error {}

/** @param {string} [given] the directory of --source */
export function locateSource(given) {
  const { version } = JSON.parse(readFileSync(join(root, 'deps/librdkafka/pin.json'), 'utf8'))
  const directory = resolve(root, given ?? `.cache/src/librdkafka-${version}`)
  if (!existsSync(join(directory, 'src/rdkafka.h'))) {
    const shown = given ?? relative(root, directory)
    throw new Problem(
      `no librdkafka source in ${shown}: run 'node scripts/fetch-source.mjs', or give its directory with --source DIR`,
    )
  }
  const read = (/** @type {string} */ path) => readFileSync(join(directory, path), 'utf8')
  const found = headerVersion(read('src/rdkafka.h'))
  if (found !== version) {
    throw new Problem(`the source is librdkafka ${found}, but deps/librdkafka/pin.json pins ${version}`)
  }
  return { version, read }
}

/** "2.15.1" from `#define RD_KAFKA_VERSION 0x020f01ff`. */
export function headerVersion(/** @type {string} */ header) {
  const hex = /#define\s+RD_KAFKA_VERSION\s+0x([0-9a-f]{8})/i.exec(header)?.[1]
  if (!hex) throw new Problem('RD_KAFKA_VERSION was not found in rdkafka.h')
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')
}

/** C source without comments; line structure is kept. With `strings: false`, the contents of string literals go too. */
export function stripC(/** @type {string} */ source, { strings = true } = {}) {
  const token = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g
  return source.replace(token, (text) => {
    if (text[0] === '/') return text.replace(/[^\n]+/g, ' ')
    return strings || text[0] === "'" ? text : '""'
  })
}

/** The text of adjacent C string literals: `"a " "b"` is "a b". */
export function cString(/** @type {string} */ literals) {
  return [...literals.matchAll(/"((?:\\.|[^"\\])*)"/g)].map((m) => JSON.parse(`"${m[1]}"`)).join('')
}

/** The body between the braces that open at or after `from`. */
export function cBlock(/** @type {string} */ source, /** @type {number} */ from) {
  const open = source.indexOf('{', from)
  let depth = 0
  const token = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}]/g
  token.lastIndex = open
  for (let match = token.exec(source); match; match = token.exec(source)) {
    if (match[0] === '{') depth++
    if (match[0] === '}' && --depth === 0) return source.slice(open + 1, match.index)
  }
  throw new Problem('unbalanced braces in the C source')
}
