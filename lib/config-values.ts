// One value of a configuration: checked, and turned into the text for rd_kafka_conf_set.
//
// librdkafka reads integers with strtol and drops what follows: "10s" is 10, "1.9" is 1, "010" is 8, 2^32+1 is 1.
// So nothing but canonical decimal text goes to it, and values are checked here.
import { nearest } from './config-suggest.js'
import type { Property } from './config-table.js'
import { KafkaError } from './errors.js'

export function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}

const shownLength = 80

/** A value for an error text. A secret shows its type only. */
export function describe(value: unknown, sensitive = false): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  switch (typeof value) {
    case 'string':
      if (sensitive) return 'a string'
      return value === '' ? 'an empty string' : `string '${shorten(value)}'`
    case 'number':
    case 'bigint':
    case 'boolean':
      return sensitive ? `a ${typeof value}` : `${typeof value} ${Object.is(value, -0) ? '-0' : value}`
    case 'object':
      return ArrayBuffer.isView(value) ? 'bytes' : 'an object'
    case 'undefined':
      return 'undefined'
    default:
      return `a ${typeof value}`
  }
}

function shorten(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text
}

class Wrong extends Error {}

/**
 * The text for rd_kafka_conf_set. `undefined`: as if it had not been given; `null`: librdkafka's default, even where
 * ours differs.
 */
export function convert(property: Property, name: string, value: unknown): string | null | undefined {
  if (value === undefined) return undefined
  try {
    const text = converters[property.type](property, value)
    if (text?.includes('\0')) throw new Wrong('must not contain a NUL character')
    return text
  } catch (error) {
    if (error instanceof Wrong) throw invalid(`'${name}' ${error.message}`)
    throw error
  }
}

function wrong(expected: string, property: Property, value: unknown, hint = ''): Wrong {
  return new Wrong(`must be ${expected}, got ${describe(value, property.sensitive)}${hint}`)
}

function empty(property: Property): Wrong {
  return new Wrong(`must not be empty${property.fallback === '' ? '' : ': leave it out for the default'}`)
}

type Converter = (property: Property, value: unknown) => string | null | undefined

const converters: Record<string, Converter> = {
  int: (property, value) => {
    const [range, ...names] = property.accepts.split('|')
    const named = names.map((entry) => entry.split('='))
    const name = named.find(([text]) => typeof value === 'string' && text === value.toLowerCase())
    if (name) return name[1]
    const [min, max] = range.split('..').map(Number)
    const number = parseInteger(value)
    if (number !== undefined && number >= min && number <= max) return String(number)
    const alternatives = named.map(([text]) => ` or '${text}'`).join('')
    throw wrong(`an integer from ${min} to ${max}${alternatives}`, property, value, integerHint(value))
  },
  float: (property, value) => {
    const [min, max] = property.accepts.split('..').map(Number)
    const number = parseDecimal(value)
    if (number !== undefined && number >= min && number <= max) return String(number)
    throw wrong(`a number from ${min} to ${max}`, property, value, integerHint(value))
  },
  bool: (property, value) => {
    const text = typeof value === 'boolean' ? String(value) : typeof value === 'string' ? value.toLowerCase() : ''
    if (text === 'true' || text === 'false') return text
    throw wrong('true or false', property, value)
  },
  enum: (property, value) => {
    const values = property.accepts.split('|')
    return (
      oneOf(values, value) ?? fail(wrong(`one of ${values.join(', ')}`, property, value, suggestion(values, value)))
    )
  },
  open: (property, value) => {
    if (value === null) return null
    const known = oneOf(property.accepts.split('|'), value)
    if (known !== undefined) return known
    const text = plainString(property, value)
    if (/[\s,]/.test(text)) throw wrong('a single name', property, value)
    return text
  },
  string: (property, value) => (value === null ? null : plainString(property, value)),
  flags: (property, value) => {
    const flags = elements(property, value, ',')
    const known = property.accepts.split('|')
    for (const flag of flags) {
      // "+flag" adds and "-flag" takes away, in this order.
      if (oneOf(known, flag.replace(/^[+-]/, '')) === undefined) {
        throw wrong(`made of ${known.join(', ')}`, property, flag, suggestion(known, flag))
      }
    }
    return flags.length > 0 ? flags.join(',') : undefined
  },
  patterns: (property, value) => {
    if (value === null) return null
    const comma = Array.isArray(value) && value.find((pattern) => typeof pattern === 'string' && pattern.includes(','))
    if (comma) throw wrong('regular expressions without a comma, which separates them', property, comma)
    const patterns = elements(property, value, ',')
    return patterns.length > 0 ? patterns.join(',') : undefined
  },
  list: (property, value) => {
    if (value === null) return null
    const [separator, ...known] = property.accepts.split('|')
    const list = elements(property, value, separator)
    if (list.length === 0) throw empty(property)
    if (property.target === 'metadata.broker.list') list.forEach(checkBroker)
    return list.map((entry) => canonical(property, known, entry)).join(separator)
  },
  pem: (property, value) => {
    if (value === null) return null
    const parts = property.accepts === 'many' && Array.isArray(value) ? value : [value]
    if (parts.length === 0) throw empty(property)
    return parts.map((part) => pemText(property, part)).join('\n')
  },
}

function fail(error: Error): never {
  throw error
}

/** A safe integer given as a number, a bigint or canonical decimal text; undefined for anything else. */
export function parseInteger(value: unknown): number | undefined {
  if (typeof value === 'string') return /^(?:0|-?[1-9]\d*)$/.test(value) ? safe(Number(value)) : undefined
  if (typeof value === 'bigint') return safe(Number(value))
  return typeof value === 'number' ? safe(value) : undefined
}

// "+ 0": minus zero is printed as "0" by String, but let the number itself be plain as well.
const safe = (number: number): number | undefined => (Number.isSafeInteger(number) ? number + 0 : undefined)

function parseDecimal(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : undefined
  if (typeof value === 'string' && /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(value)) return Number(value)
  return parseInteger(value)
}

function integerHint(value: unknown): string {
  if (typeof value !== 'string') return ''
  if (/^\s*[\d.]+\s*[a-z]+\s*$/i.test(value)) return ' (give the bare number: units are not understood)'
  return /^-?0\d/.test(value) ? ' (without leading zeros: librdkafka would read it as octal)' : ''
}

function oneOf(values: string[], value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const wanted = value.toLowerCase()
  return values.find((candidate) => candidate.toLowerCase() === wanted)
}

function suggestion(values: string[], value: unknown): string {
  const near = typeof value === 'string' ? nearest(value, values) : undefined
  return near === undefined ? '' : `, did you mean '${near}'?`
}

function plainString(property: Property, value: unknown): string {
  if (typeof value !== 'string') throw wrong('a string', property, value)
  // rd_kafka_conf_set takes "" for "not set": a variable missing from the environment would go unnoticed.
  if (value.trim() === '') throw empty(property)
  return value
}

/** The entries of a list given as an array, or as text with separators. */
function elements(property: Property, value: unknown, separator: string): string[] {
  if (typeof value === 'string') {
    return value
      .split(separator)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
  }
  if (!Array.isArray(value)) throw wrong('a string or an array of strings', property, value)
  return value.map((entry: unknown, i) => {
    if (typeof entry !== 'string' || entry.trim() === '' || entry.includes(separator)) {
      throw new Wrong(
        `[${i}] must be a non-empty string without '${separator}', got ${describe(entry, property.sensitive)}`,
      )
    }
    return entry.trim()
  })
}

function canonical(property: Property, known: string[], entry: string): string {
  if (known.length === 0) return entry
  return oneOf(known, entry) ?? fail(wrong(`made of ${known.join(', ')}`, property, entry, suggestion(known, entry)))
}

const brokerProtocol = /^(?:plaintext|ssl|sasl_plaintext|sasl_ssl):\/\//i

/** `host`, `host:port`, `[::1]:port`, optionally with a security protocol before it, as librdkafka reads them. */
function checkBroker(entry: string): void {
  const address = entry.replace(brokerProtocol, '')
  const form = new Wrong(`must list brokers as host:port, got '${shorten(entry.replace(/[^/]*@/, '…@'))}'`)
  if (/[\s@]|:\/\//.test(address) || address === '') throw form
  // librdkafka sees a port after the only colon, or after a closing bracket.
  const [, host, port] = /^([^:]*|\[.*\]):([^:]*)$/.exec(address) ?? []
  if (host === undefined) return
  const number = parseInteger(port)
  if (host === '' || number === undefined || number < 1 || number > 65535) throw form
}

function pemText(property: Property, value: unknown): string {
  const bytes = value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : undefined
  const text = bytes ? bytes.toString('utf8') : value
  if (typeof text !== 'string') throw wrong('PEM text or bytes', property, value)
  if (!text.includes('-----BEGIN ')) {
    throw new Wrong(
      "must be PEM text ('-----BEGIN …'): a file is given with the property that ends in .location or .file",
    )
  }
  return text
}
