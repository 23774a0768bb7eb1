// Who runs a family: the C program, this package (and other builds of it), the peers.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '../scripts/lib/run.mjs'

const PROGRAM = join(ROOT, 'bench', 'programs', 'odradek.mjs')

/**
 * @typedef {object} Contestant
 * @property {string} id unique in its family
 * @property {string} label
 * @property {string} command
 * @property {string[]} argv before the name=value arguments
 * @property {Record<string, string | number>} args beside the family's
 * @property {NodeJS.ProcessEnv} env
 */

/** What a slow peer is given: never more than the others. */
function fewer(args = {}, given) {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, Math.min(value, given[name])]))
}

/**
 * @param {any} family
 * @param {{ program: string, peers: any[], options: { trees?: { name: string, directory: string }[], onlyPeers?: unknown } }} setup
 * @returns {Contestant[]} the first is the one that the others are compared with
 */
export function contestants(family, { program, peers, options: { trees = [], onlyPeers = false } }) {
  const c = { id: 'c', label: family.c.label, command: program, argv: [family.c.task], args: {}, env: {} }
  const ours = family.scenarios.flatMap((scenario) => {
    const run = { command: process.execPath, argv: [PROGRAM, scenario.name], args: scenario.args ?? {} }
    const others = trees.map(({ name, directory }) => ({
      ...run,
      id: `${scenario.name}@${name}`,
      label: scenario.label.replace('odradek', name),
      env: { ODRADEK_BENCH_MODULE: pathToFileURL(join(directory, 'dist', 'index.js')).href },
    }))
    return [{ ...run, id: scenario.name, label: scenario.label, env: {} }, ...others]
  })
  const theirs = peers.flatMap((peer) =>
    family.scenarios
      .filter(({ name }) => peer.tasks[name])
      .map((scenario) => {
        const task = peer.tasks[scenario.name]
        const { label, args } = typeof task === 'string' ? { label: task } : task
        return {
          id: `${scenario.name}@${peer.name}`,
          label: `${peer.label}, ${label}`,
          command: peer.command,
          argv: [...peer.argv, scenario.name],
          args: { ...scenario.args, ...fewer(args, family.args) },
          env: peer.env ?? {},
        }
      }),
  )
  return [c, ...(onlyPeers ? [] : ours), ...theirs]
}
