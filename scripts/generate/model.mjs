// The properties of librdkafka under this library's overlay: what the emitters write out.
import * as overlay from './overlay.mjs'
import { Problem } from './source.mjs'

const kinds = {
  integer: 'int',
  float: 'float',
  boolean: 'bool',
  'enum value': 'enum',
  string: 'string',
  'CSV flags': 'flags',
  'pattern list': 'patterns',
  'see dedicated API': 'refused',
}

/**
 * @typedef {import('./configuration.mjs').Property & {
 *   kind: string, values: string[], separator?: string, many?: boolean, named?: Record<string, string>, hidden: boolean,
 * }} ModelProperty
 */

/** @returns {ModelProperty[]} */
export function buildModel(configuration) {
  checkClassified(configuration)
  const documented = configuration.properties.map((property) => classify(property))
  const hidden = Object.entries(overlay.hidden).map(([name, facts]) => hiddenProperty(name, facts))
  const traps = configuration.refused.map((trap) => hiddenProperty(trap.name, 'refused'))
  return [...documented, ...hidden, ...traps]
}

function checkClassified({ properties, hidden, undocumented }) {
  const names = new Set(properties.map((p) => p.name))
  const inOverlay = [
    ...[overlay.closed, overlay.open, overlay.lists, overlay.pem, overlay.named, overlay.narrowed].flatMap(Object.keys),
    ...[overlay.buildDependent, overlay.refused, overlay.notForShare].flat(),
  ]
  const gone = inOverlay.filter((name) => !names.has(name))
  const unknown = hidden.map((h) => h.name).filter((name) => !(name in overlay.hidden))
  const stale = Object.keys(overlay.hidden).filter((name) => !hidden.some((h) => h.name === name))
  const loose = undocumented.map((u) => u.name)
  const complaint =
    (gone.length > 0 && `names properties that librdkafka no longer has: ${gone.join(', ')}`) ||
    (unknown.length > 0 && `does not classify librdkafka's hidden properties: ${unknown.join(', ')}`) ||
    (stale.length > 0 && `lists hidden properties that are hidden no more: ${stale.join(', ')}`) ||
    (loose.length > 0 && `knows nothing of properties missing from CONFIGURATION.md: ${loose.join(', ')}`)
  if (complaint) throw new Problem(`scripts/generate/overlay.mjs ${complaint}`)
}

/** @returns {ModelProperty} */
function classify(property) {
  const target = property.alias ?? property.name
  const kind = overlay.refused.includes(property.name) ? 'refused' : kinds[property.type]
  if (!kind) throw new Problem(`${property.name} has the type '${property.type}', which the generator does not know`)
  const model = {
    ...property,
    kind,
    values: [],
    hidden: false,
    default: overlay.buildDependent.includes(target) ? '' : property.default,
    notForShare: property.notForShare || overlay.notForShare.includes(property.name),
    named: overlay.named[target],
  }
  if (kind === 'enum' || kind === 'flags') model.values = property.range.split(',').map((value) => value.trim())
  if (target === 'builtin.features') model.values = property.default.split(',').map((value) => value.trim())
  return kind === 'string' ? refine(model, target) : model
}

function refine(model, target) {
  const list = overlay.lists[target]
  if (target in overlay.closed) Object.assign(model, { kind: 'enum', values: overlay.closed[target] })
  if (target in overlay.open) Object.assign(model, { kind: 'open', values: overlay.open[target] })
  if (list) Object.assign(model, { kind: 'list', values: list.of ?? [], separator: list.separator })
  if (target in overlay.pem) Object.assign(model, { kind: 'pem', many: overlay.pem[target] === 'many' })
  const absent = model.values.filter((value) => !model.description.includes(value))
  if (absent.length > 0) throw new Problem(`CONFIGURATION.md does not mention ${absent.join(', ')} for ${model.name}`)
  return model
}

function hiddenProperty(name, facts) {
  const refused = facts === 'refused'
  return {
    name,
    scope: 'global',
    clients: '*',
    type: refused ? '' : facts.type,
    range: '',
    default: '',
    importance: 'low',
    description: '',
    deprecated: false,
    // A JAAS configuration is mostly a password.
    sensitive: name === 'sasl.jaas.config',
    notForShare: false,
    values: [],
    hidden: true,
    ...(refused ? {} : facts),
    kind: refused ? 'refused' : kinds[facts.type],
  }
}
