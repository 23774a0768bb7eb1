// The generated property table, indexed on first use. Names are found as rd_kafka_conf_set finds them.
import { type PropertyRow, propertyRows } from './config.generated.js'

/** What a configuration is for. */
export type ClientKind = 'producer' | 'consumer' | 'share' | 'admin'

export interface Property {
  /** As it is documented; an alias has its own name. */
  readonly name: string
  /** The name it is an alias of, or its own. */
  readonly target: string
  /** Equal for all names of one setting of librdkafka. */
  readonly key: string
  readonly type: string
  /** librdkafka's default as text; empty for none. */
  readonly fallback: string
  readonly accepts: string
  /** `*`, `P`, `C`, or `S` for share consumers only. */
  readonly clients: string
  readonly topic: boolean
  readonly sensitive: boolean
  readonly deprecated: boolean
  readonly hidden: boolean
  readonly notForShare: boolean
}

const scopes: { global?: Map<string, PropertyRow>; topic?: Map<string, PropertyRow> } = {}
const found = new Map<string, Property | undefined>()

function index(scope: 'global' | 'topic'): Map<string, PropertyRow> {
  if (!scopes.global) {
    scopes.global = new Map()
    scopes.topic = new Map()
    for (const row of propertyRows) (row[5].includes('t') ? scopes.topic : scopes.global).set(row[0], row)
  }
  return scopes[scope] as Map<string, PropertyRow>
}

function parse(row: PropertyRow): Property {
  const [name, clients, type, , , marks] = row
  const topic = marks.includes('t')
  const target = type === 'alias' ? (index(topic ? 'topic' : 'global').get(row[4]) as PropertyRow) : row
  return {
    name,
    target: target[0],
    key: topic ? `topic.${target[0]}` : target[0],
    type: target[2],
    fallback: target[3],
    accepts: target[4],
    clients,
    topic,
    sensitive: marks.includes('s'),
    deprecated: marks.includes('d'),
    hidden: marks.includes('h'),
    notForShare: marks.includes('x'),
  }
}

/** The topic-scoped property of this name, with or without `topic.` before it. */
export function findTopicProperty(name: string): Property | undefined {
  const row = index('topic').get(name.startsWith('topic.') ? name.slice('topic.'.length) : name)
  return row && parse(row)
}

/** The property a name stands for at the top level: the global one first, then the topic's. */
export function findProperty(name: string): Property | undefined {
  if (!found.has(name)) {
    const row = index('global').get(name)
    // Only known names are kept: a mistyped one must not make the cache grow.
    const property = row ? parse(row) : findTopicProperty(name)
    if (!property) return undefined
    found.set(name, property)
  }
  return found.get(name)
}

/** Every name that can be set at the top level. */
export function settableNames(): string[] {
  return propertyRows.filter((row) => row[2] !== 'refused' && !row[5].includes('h')).map((row) => row[0])
}

/** Whether clients of this kind take the property. */
export function takes(kind: ClientKind, property: Property): boolean {
  switch (property.clients) {
    case '*':
      return kind !== 'share' || !property.notForShare
    case 'P':
      return kind === 'producer'
    case 'C':
      return kind === 'consumer' || (kind === 'share' && !property.notForShare)
    default:
      return kind === 'share'
  }
}

/** "a producer", for messages. */
export const kindNames: Readonly<Record<ClientKind, string>> = {
  producer: 'a producer',
  consumer: 'a consumer',
  share: 'a share consumer',
  admin: 'an admin client',
}
