// Arguments of admin operations: checked here, exactly; the native side trusts. And the names of librdkafka's enums.
import { KafkaError } from './errors.js'

/** Indexes are librdkafka's numbers, in all of these. */
export const aclResourceTypes = ['unknown', 'any', 'topic', 'group', 'cluster', 'transactionalId'] as const
export const configResourceTypes = ['unknown', 'any', 'topic', 'group', 'broker'] as const
export const patternTypes = ['unknown', 'any', 'match', 'literal', 'prefixed'] as const
export const aclOperations = [
  ...(['unknown', 'any', 'all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'clusterAction'] as const),
  ...(['describeConfigs', 'alterConfigs', 'idempotentWrite'] as const),
] as const
export const permissions = ['unknown', 'any', 'deny', 'allow'] as const
export const groupStates = ['unknown', 'preparingRebalance', 'completingRebalance', 'stable', 'dead', 'empty'] as const
export const groupTypes = ['unknown', 'consumer', 'classic'] as const
export const configSources = [
  ...(['unknown', 'dynamicTopic', 'dynamicBroker', 'dynamicDefaultBroker', 'staticBroker', 'default'] as const),
  ...(['dynamicBrokerLogger', 'clientMetrics', 'group'] as const),
] as const
export const configOps = ['set', 'delete', 'append', 'subtract'] as const
export const scramMechanisms = ['unknown', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export function invalid(message: string): KafkaError {
  return new KafkaError('_INVALID_ARG', message)
}

/** What was given, for a message: never long, never an object's content. */
export function given(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`
  if (typeof value === 'function') return 'a function'
  if (value === null || typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return 'an array'
  return isPlain(value) ? 'an object' : `a ${tagOf(value)}`
}

const tagOf = (value: object) => Object.prototype.toString.call(value).slice('[object '.length, -1)

// A Map, a Date, a promise have no fields of their own: what was meant would be taken for nothing.
const isPlain = (value: object) => tagOf(value) === 'Object'

/** A name: not empty, and without a NUL, at which C would end it. */
export function checkText(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw invalid(`${what} is a string that is not empty${nulNote(value)}; got ${given(value)}`)
}

function nulNote(value: unknown): string {
  return typeof value === 'string' && value.includes('\0') ? ' and has no NUL character' : ''
}

export function checkInteger(value: unknown, what: string, min: number, max = 0x7fffffff): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  throw invalid(`${what} is an integer from ${min} to ${max}; got ${given(value)}`)
}

export function checkList<T>(value: readonly T[], what: string): readonly T[] {
  if (Array.isArray(value)) return value
  throw invalid(`${what} takes an array; got ${given(value)}`)
}

export function checkTexts(value: readonly string[], what: string, item: string): string[] {
  return checkList(value, what).map((text) => checkText(text, `${what}: ${item}`))
}

export function checkObject<T extends object>(value: T, what: string): T {
  if (typeof value === 'object' && value !== null && isPlain(value)) return value
  throw invalid(`${what} takes an object; got ${given(value)}`)
}

/** An object with no other fields than these: a misspelt one would be taken for one that is not there. */
export function checkFields<T extends object>(value: T, what: string, fields: readonly string[]): T {
  const unknown = Object.keys(checkObject(value, what)).find((name) => !fields.includes(name))
  if (unknown === undefined) return value
  throw invalid(`${what} takes { ${fields.join(', ')} }; there is no ${given(unknown)}`)
}

/** True or false; nothing is false. */
export function checkFlag(value: unknown, what: string): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  throw invalid(`${what} is true or false; got ${given(value)}`)
}

/** The number of a name; `accepted` are the names that make sense here. */
export function checkName<T extends string>(
  value: unknown,
  names: readonly T[],
  what: string,
  accepted: readonly T[] = names,
): number {
  if (typeof value === 'string' && accepted.includes(value as T)) return names.indexOf(value as T)
  throw invalid(`${what} is ${accepted.map((name) => `'${name}'`).join(', ')}; got ${given(value)}`)
}

/** The name of a number; 'unknown' for one that this librdkafka does not know. */
export function nameOf<T extends string>(names: readonly T[], number: number): T {
  return names[number] ?? names[0]
}

/** Configuration values as Kafka takes them: texts. */
export function checkConfig(config: unknown, what: string): [name: string, value: string][] {
  if (config === undefined) return []
  return Object.entries(checkObject(config as object, what)).map(([name, value]) => {
    checkText(name, `${what}: a name`)
    return [name, checkConfigValue(value, `${what}: ${name}`)]
  })
}

export function checkConfigValue(value: unknown, what: string): string {
  const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value
  if (typeof text !== 'string') throw invalid(`${what} is a string, number or boolean; got ${given(value)}`)
  // Without the text: it may be a password.
  if (text.includes('\0')) throw invalid(`${what} is a text without a NUL character; got one with`)
  return text
}
