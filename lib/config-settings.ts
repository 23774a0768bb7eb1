// A configuration as read: every value checked by itself, aliases resolved, this library's defaults added.
import { defaultOverrides, forcedValues } from './config.generated.js'
import { foreignNames, refusedAdvice, shareOnlyAdvice } from './config-advice.js'
import { nearest } from './config-suggest.js'
import {
  type ClientKind,
  findProperty,
  findTopicProperty,
  kindNames,
  type Property,
  settableNames,
  takes,
} from './config-table.js'
import { convert, describe, invalid } from './config-values.js'
import type { KafkaError } from './errors.js'

export interface Setting {
  readonly property: Property
  /** As the user wrote it. */
  readonly name: string
  /** The text for librdkafka; null for librdkafka's own default. */
  readonly value: string | null
  /** False for this library's defaults. */
  readonly given: boolean
}

type Find = (name: string) => Property | undefined

/** Read access to the settings of one client by any of a property's names. */
export class Settings {
  constructor(
    readonly kind: ClientKind,
    private readonly byKey: ReadonlyMap<string, Setting>,
  ) {}

  /** The same settings with others added or replaced. */
  with(settings: Iterable<Setting>): Settings {
    const byKey = new Map(this.byKey)
    for (const setting of settings) byKey.set(setting.property.key, setting)
    return new Settings(this.kind, byKey)
  }

  /** The pairs for rd_kafka_conf_set, in the user's order. */
  pairs(): Array<[name: string, value: string]> {
    const pairs: Array<[string, string]> = []
    for (const { name, value } of this.byKey.values()) if (value !== null) pairs.push([name, value])
    return pairs
  }

  setting(name: string): Setting | undefined {
    return this.byKey.get((findProperty(name) as Property).key)
  }

  /** What the user set; undefined where a default holds. */
  given(name: string): string | undefined {
    const setting = this.setting(name)
    return setting?.given && setting.value !== null ? setting.value : undefined
  }

  /** What holds in the end; empty for nothing. */
  text(name: string): string {
    return this.setting(name)?.value ?? (findProperty(name) as Property).fallback
  }

  number(name: string): number {
    return Number(this.text(name))
  }

  is(name: string): boolean {
    return this.text(name) === 'true'
  }

  /** The user's name for the property, quoted. */
  label(name: string): string {
    return `'${this.setting(name)?.name ?? name}'`
  }
}

/** The names and values of a plain object, inherited ones included; other things are refused by name. */
export function entries(kind: ClientKind, config: unknown): Array<[string, unknown]> {
  const what = `the configuration of ${kindNames[kind]}`
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw invalid(
      `${what} must be an object such as { 'bootstrap.servers': 'localhost:9092' }, got ${describe(config)}`,
    )
  }
  if (config instanceof Map) throw invalid(`${what} must be an object, got a Map: use Object.fromEntries(map)`)
  const result: Array<[string, unknown]> = []
  for (const name in config) {
    // What somebody added to Object.prototype is no setting.
    if (name in Object.prototype && !Object.hasOwn(config, name)) continue
    result.push([name, (config as Record<string, unknown>)[name]])
  }
  return result
}

/** Checks each value of the user's configuration, then adds the defaults of this library. */
export function readSettings(kind: ClientKind, config: unknown): Settings {
  const given = new Settings(kind, readGiven(kind, entries(kind, config), findProperty))
  return given.with(changes(kind, defaultOverrides).filter(({ name }) => given.setting(name) === undefined))
}

/** The settings as librdkafka gets them: with the values the user has no say in. */
export function withForcedValues(settings: Settings): Settings {
  return settings.with(changes(settings.kind, forcedValues))
}

type Change = (typeof defaultOverrides)[number] | (typeof forcedValues)[number]

function changes(kind: ClientKind, list: readonly Change[]): Setting[] {
  return list
    .filter(({ clients }) => (clients as readonly ClientKind[]).includes(kind))
    .map(({ property: name, value }) => ({ property: findProperty(name) as Property, name, value, given: false }))
}

/** Checks the configuration of one topic. */
export function readTopicSettings(
  kind: 'producer' | 'consumer',
  config: unknown,
): Array<[name: string, value: string]> {
  const byKey = readGiven(kind, entries(kind, config), findTopicProperty)
  return new Settings(kind, byKey).pairs().map(([name, value]) => [name.replace(/^topic\./, ''), value])
}

function readGiven(kind: ClientKind, given: Array<[string, unknown]>, find: Find): Map<string, Setting> {
  const byKey = new Map<string, Setting>()
  for (const [name, raw] of given) {
    if (raw === undefined) continue
    const property = find(name) ?? fail(unknownProperty([kind], name, find))
    checkAllowed(kind, property, name)
    const value = convert(property, name, raw)
    if (value === undefined) continue
    const other = byKey.get(property.key)
    if (other && other.value !== value) throw setTwice(other, { property, name, value, given: true })
    if (!other) byKey.set(property.key, { property, name, value, given: true })
  }
  return byKey
}

/** Which of these kinds of client take the property of this name; throws when none of them does. */
export function takersOf<K extends ClientKind>(kinds: readonly [K, ...K[]], name: string): K[] {
  const property = findProperty(name) ?? fail(unknownProperty(kinds, name, findProperty))
  const takers = property.type === 'refused' ? [] : kinds.filter((kind) => takes(kind, property))
  if (takers.length === 0) checkAllowed(kinds[0], property, name)
  return takers
}

function fail(error: Error): never {
  throw error
}

function checkAllowed(kind: ClientKind, property: Property, name: string): void {
  if (property.type === 'refused') {
    throw invalid(`'${name}' cannot be set here: ${refusedAdvice[property.name]}`)
  }
  if (takes(kind, property)) return
  const advice = kind === 'consumer' ? shareOnlyAdvice[property.name] : undefined
  throw invalid(`'${name}' is ${ownerOf(kind, property)}${advice ? `: ${advice}` : ''}`)
}

function ownerOf(kind: ClientKind, property: Property): string {
  const doesNot = `${kindNames[kind]} does not take it`
  const owner = { P: 'a producer property', C: 'a consumer property', S: 'a property of share consumers' }[
    property.clients
  ]
  if (owner && !(kind === 'share' && property.clients === 'C')) return `${owner}, ${doesNot}`
  return 'not a property of share consumers: the broker decides it, or it has no meaning for them'
}

function setTwice(first: Setting, second: Setting): KafkaError {
  const names = `'${first.name}' and '${second.name}' are two names of the same property`
  if (first.property.sensitive) return invalid(`${names}, set to different values: keep one`)
  return invalid(`${names}, set to ${first.value} and ${second.value}: keep one`)
}

function unknownProperty(kinds: readonly [ClientKind, ...ClientKind[]], name: string, find: Find): KafkaError {
  const message = `unknown property '${name.length > 80 ? `${name.slice(0, 80)}…` : name}'`
  if (name.trim() === '') return invalid("unknown property '': a name is empty")
  if (Object.hasOwn(foreignNames, name)) return invalid(`${message}, ${foreignNames[name]}`)
  const prefix = name.startsWith('topic.') ? 'topic.' : ''
  const names = settableNames().flatMap((known) => {
    const candidates = prefix && findTopicProperty(known) ? [known, prefix + known] : [known]
    return candidates.filter((candidate) => find(candidate) !== undefined)
  })
  const taken = nearest(
    name,
    names.filter((candidate) => kinds.some((kind) => takes(kind, find(candidate) as Property))),
  )
  if (taken !== undefined) return invalid(`${message}, did you mean '${taken}'?`)
  const other = nearest(name, names)
  if (other === undefined) return invalid(message)
  return invalid(`${message}; '${other}' is ${ownerOf(kinds[0], find(other) as Property)}`)
}
