// One configuration for a consumer and a producer: each gets what it takes.
import { entries, takersOf } from './config-settings.js'
import { findProperty } from './config-table.js'

type Properties = Record<string, unknown>

/**
 * The properties that a consumer takes and those that a producer takes, which may be both, with their values as given.
 * Throws for a name that neither takes.
 */
export function splitConfig(config: object): { consumer: Properties; producer: Properties } {
  const split = { consumer: {} as Properties, producer: {} as Properties }
  for (const [name, value] of entries('consumer', config)) {
    if (value === undefined) continue
    for (const kind of takersOf(['consumer', 'producer'], name)) split[kind][name] = value
  }
  return split
}

/** The properties of all of them. A later one's value holds, whichever of a property's names either has. */
export function layerConfigs(...layers: readonly object[]): Properties {
  return layers.reduce<Properties>((below, layer) => {
    const above = entries('consumer', layer).filter(([, value]) => value !== undefined)
    const keys = new Set(above.map(([name]) => keyOf(name)))
    const kept = Object.entries(below).filter(([name]) => !keys.has(keyOf(name)))
    return Object.fromEntries([...kept, ...above])
  }, {})
}

function keyOf(name: string): string {
  return findProperty(name)?.key ?? name
}
