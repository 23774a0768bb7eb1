// Admin operations on configurations: of topics, brokers and groups.
import {
  checkConfig,
  checkConfigValue,
  checkFields,
  checkList,
  checkName,
  checkObject,
  checkText,
  configOps,
  configResourceTypes,
  configSources,
  given,
  invalid,
  nameOf,
} from './admin-check.js'
import {
  type AdminOptions,
  type AdminSettings,
  type Ask,
  checkOptions,
  errorOfSome,
  inOrder,
  type ValidateOptions,
  withErrors,
} from './admin-request.js'
import type { KafkaError } from './errors.js'

export type ConfigResourceType = 'topic' | 'group' | 'broker'
const accepted = ['topic', 'group', 'broker'] as const

export interface ConfigResource {
  type: ConfigResourceType
  /** A topic, a group, or the id of a broker. */
  name: string | number
}

export interface ConfigAlteration {
  name: string
  /** `set` without it. `append` and `subtract` are for lists; `delete` goes back to the default. */
  op?: (typeof configOps)[number]
  /** Not for `delete`. */
  value?: string | number | boolean
}

export interface ConfigSynonym {
  name: string
  /** Null for a secret. */
  value: string | null
  /** Where the value comes from. */
  source: (typeof configSources)[number]
  isReadOnly: boolean
  isDefault: boolean
  isSensitive: boolean
}

export interface ConfigEntry extends ConfigSynonym {
  /** Where else a value could come from, in order of precedence. */
  synonyms: ConfigSynonym[]
}

/** What became of one resource. */
export interface ConfigResult {
  type: ConfigResourceType
  name: string
  error?: KafkaError
}

export interface ConfigDescription extends ConfigResult {
  entries: ConfigEntry[]
}

interface Resource {
  type: number
  name: string
  entries?: { name: string; value?: string; op?: number }[]
}

type WireEntry = Omit<ConfigEntry, 'source' | 'synonyms'> & { source: number; synonyms?: WireEntry[] }
type WireResource = { type: number; name: string; entries: WireEntry[]; error?: KafkaError }

function resource({ type, name }: ConfigResource, what: string): Resource {
  const number = checkName(type, configResourceTypes, `${what}: type`, accepted)
  const text = typeof name === 'number' ? String(name) : checkText(name, `${what}: name`)
  if (type === 'broker' && !/^\d{1,9}$/.test(text))
    throw invalid(`${what}: the name of a broker is its id; got ${given(name)}`)
  return { type: number, name: text }
}

// librdkafka takes one broker a request, which goes to that broker.
async function perBroker(
  ask: Ask,
  operation: string,
  resources: Resource[],
  options: AdminOptions,
  settings?: Partial<AdminSettings>,
): Promise<WireResource[]> {
  const broker = configResourceTypes.indexOf('broker')
  const others = resources.filter(({ type }) => type !== broker)
  const requests = resources.filter(({ type }) => type === broker).map((one) => [one])
  if (others.length > 0) requests.push(others)
  const asked = requests.map((list) => ask<WireResource[]>(operation, list, options, settings))
  const answers = answersOf(requests, await Promise.allSettled(asked))
  const key = ({ type, name }: { type: number; name: string }) => `${type}/${name}`
  return inOrder(answers, resources.map(key), key)
}

// One broker may have made its change when another cannot be reached.
function answersOf(requests: Resource[][], settled: PromiseSettledResult<WireResource[]>[]): WireResource[] {
  const [first] = settled
  if (first?.status === 'rejected' && settled.every(({ status }) => status === 'rejected')) throw first.reason
  return settled.flatMap((answer, i) => {
    if (answer.status === 'fulfilled') return withErrors(answer.value)
    const error = errorOfSome(answer.reason)
    return requests[i].map(({ type, name }) => ({ type, name, entries: [], error }))
  })
}

function entryOf({ source, synonyms, ...rest }: WireEntry): ConfigEntry {
  return { ...rest, source: nameOf(configSources, source), synonyms: (synonyms ?? []).map(synonymOf) }
}

function synonymOf({ source, synonyms: _, ...rest }: WireEntry): ConfigSynonym {
  return { ...rest, source: nameOf(configSources, source) }
}

function resultOf({ type, name, error }: WireResource): ConfigResult {
  const result = { type: nameOf(configResourceTypes, type) as ConfigResourceType, name }
  return error ? { ...result, error } : result
}

export async function describeConfigs(
  ask: Ask,
  resources: readonly ConfigResource[],
  options: AdminOptions,
): Promise<ConfigDescription[]> {
  const what = 'describeConfigs'
  checkOptions(options, what, ['broker'])
  const list = checkList(resources, what).map((item) => resource(checkObject(item, what), what))
  const described = await perBroker(ask, what, list, options)
  return described.map((item) => ({ ...resultOf(item), entries: item.entries.map(entryOf) }))
}

export async function incrementalAlterConfigs(
  ask: Ask,
  resources: readonly (ConfigResource & { entries: readonly ConfigAlteration[] })[],
  options: AdminOptions & ValidateOptions,
): Promise<ConfigResult[]> {
  const what = 'incrementalAlterConfigs'
  const settings = validate(options, what)
  const list = checkList(resources, what).map((item) => {
    const one = resource(checkFields(item, what, ['type', 'name', 'entries']), what)
    const entries = checkList(item.entries, `${what}: entries`).map((entry) =>
      alteration(entry, `${what}: ${one.name}`),
    )
    if (entries.length === 0) throw invalid(`${what}: ${one.name}: entries has one or more changes`)
    return { ...one, entries }
  })
  return (await perBroker(ask, what, list, options, settings)).map(resultOf)
}

function alteration(given: ConfigAlteration, what: string): { name: string; value?: string; op: number } {
  const { name, op = 'set', value } = checkFields(given, what, ['name', 'op', 'value'])
  checkText(name, `${what}: name`)
  const number = checkName(op, configOps, `${what}: ${name}: op`)
  if (op !== 'delete') return { name, op: number, value: checkConfigValue(value, `${what}: ${name}: value`) }
  if (value !== undefined) throw invalid(`${what}: ${name}: delete takes no value`)
  return { name, op: number }
}

export async function alterConfigs(
  ask: Ask,
  resources: readonly (ConfigResource & { config: Readonly<Record<string, string | number | boolean>> })[],
  options: AdminOptions & ValidateOptions,
): Promise<ConfigResult[]> {
  const what = 'alterConfigs'
  const settings = validate(options, what)
  const list = checkList(resources, what).map((item) => {
    const one = resource(checkFields(item, what, ['type', 'name', 'config']), what)
    checkObject(item.config, `${what}: ${one.name}: config`)
    return {
      ...one,
      entries: checkConfig(item.config, `${what}: ${one.name}`).map(([name, value]) => ({ name, value })),
    }
  })
  return (await perBroker(ask, what, list, options, settings)).map(resultOf)
}

function validate(options: AdminOptions & ValidateOptions, what: string): Partial<AdminSettings> {
  const { validateOnly } = checkOptions(options, what, ['broker', 'validateOnly'])
  return validateOnly ? { validateOnly } : {}
}
