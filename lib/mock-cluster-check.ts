// What programs may give to an embedded cluster. librdkafka's cluster believes what it is told, and some of it would
// end the process, so everything is checked here.
import { KafkaError } from './errors.js'

/** int32, as most numbers of rdkafka_mock.h. */
export const maxInt = 0x7fffffff
/** A topic costs memory for each of its partitions, and some calls create one with all partitions up to a given one. */
export const maxPartitions = 10_000

export function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}

/** A value as an error message shows it: short, and without running code of the value's. */
export function given(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value)
    case 'bigint':
      return `${value}n`
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? `an array of ${value.length}` : 'an object'
    default:
      return `a ${typeof value}`
  }
}

/** `what` is an integer from `min` to `max`. */
export function checkInteger(value: unknown, what: string, min: number, max = maxInt): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`${what} is an integer from ${min} to ${max}; got ${given(value)}`)
}

/** A broker, or null for none, which librdkafka writes as -1. */
export function checkBrokerOrNone(value: unknown, what: string): number {
  if (value === null) return -1
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxInt) return value
  throw invalid(`${what} is a broker's id, an integer from 0 to ${maxInt}, or null for none; got ${given(value)}`)
}

/** A name that becomes a C string. */
export function checkText(value: unknown, what: string, max = 10_000): string {
  if (typeof value === 'string' && value !== '' && value.length <= max && !value.includes('\0')) return value
  throw invalid(`${what} is a string of 1 to ${max} characters, none of them NUL; got ${given(value)}`)
}

export function checkTopicName(value: unknown): string {
  if (typeof value === 'string' && /^[\w.-]{1,249}$/.test(value) && value !== '.' && value !== '..') return value
  const accepted = 'up to 249 letters, digits, dots, underscores and hyphens'
  throw invalid(`a topic's name is ${accepted}; got ${given(value)}`)
}

export function checkPartition(value: unknown): number {
  return checkInteger(value, 'a partition', 0, maxPartitions - 1)
}

/** An object that has none but the fields named. */
export function checkOptions<T extends object>(value: unknown, what: string, fields: readonly (keyof T & string)[]): T {
  const accepted = `{ ${fields.join(', ')} }`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(`${what} takes ${accepted}; got ${given(value)}`)
  }
  for (const name in value) {
    if (!(fields as readonly string[]).includes(name)) {
      throw invalid(`${what} takes ${accepted}; there is no '${name}'`)
    }
  }
  return value as T
}

export function checkArray(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw invalid(`${what}; got ${given(value)}`)
}
