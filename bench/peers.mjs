// The peers that bench/peers/install.mjs has installed.
import { UserError } from '../scripts/lib/run.mjs'
import { commandOf, definitions, installed } from './peers/definitions.mjs'

const isInstalled = ({ name, of = name }) => installed(definitions.find((other) => other.name === of))

/** @param {string[] | undefined} names 'all' stands for those that are installed */
export function findPeers(names) {
  if (!names) return []
  const known = definitions.map(({ name }) => name)
  const unknown = names.find((name) => name !== 'all' && !known.includes(name))
  if (unknown) throw new UserError(`there is no peer '${unknown}'; there are ${known.join(', ')}`)
  const wanted = definitions.filter(
    (definition) => names.includes(definition.name) || (names.includes('all') && isInstalled(definition)),
  )
  const missing = wanted.find((definition) => !isInstalled(definition))
  if (missing || wanted.length === 0) {
    const which = missing ? `the peer '${missing.name}' is` : 'no peers are'
    throw new UserError(`${which} not installed; run: node bench/peers/install.mjs`)
  }
  return wanted.map((definition) => {
    const { name, label, tasks } = definition
    return { name, label, tasks, ...commandOf(definition) }
  })
}
