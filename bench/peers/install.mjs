// Installs the peers into .cache/peers, never into package.json: node bench/peers/install.mjs [name ...]
// Each is pinned, tried by itself, and left out with the reason when it cannot be installed here.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, output, run, UserError } from '../../scripts/lib/run.mjs'
import { commandOf, definitions, directoryOf, installed, setInstalled } from './definitions.mjs'

const HERE = import.meta.dirname

async function npmInstall(definition) {
  const { name, packages, module, env, build } = definition
  const cwd = directoryOf(name)
  mkdirSync(cwd, { recursive: true })
  writeFileSync(join(cwd, 'package.json'), '{ "private": true, "type": "module" }\n')
  const log = `peer-${name}`
  const flags = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts']
  const options = { log, what: `Installing ${packages.join(' ')}`, cwd, env: { ...process.env, ...env } }
  await run('npm', ['install', ...flags, ...packages], options)
  // Not the install scripts, which download; the ones that compile.
  if (build)
    await run('npm', ['rebuild', ...build, '--build-from-source', '--foreground-scripts'], { ...options, append: true })
  // Says more than an exit code: a native module may be built and not load.
  const peer = commandOf(definition)
  await run(peer.command, [join(HERE, 'try.mjs'), module], {
    ...options,
    what: `Loading ${module}`,
    cwd: HERE,
    env: { ...process.env, ...peer.env },
    append: true,
  })
}

async function goBuild({ name, source, program }) {
  if (!(await output('go', ['version']))) throw new UserError('Go is not installed')
  const cwd = directoryOf(name)
  mkdirSync(cwd, { recursive: true })
  const options = { log: `peer-${name}`, what: `Building ${name}`, cwd: source }
  await run('go', ['build', '-o', program, '.'], options)
}

async function install(definition) {
  if (installed(definition)) return 'installed already'
  await (definition.source ? goBuild(definition) : npmInstall(definition))
  setInstalled(definition)
  return 'installed'
}

await main(import.meta.url, async (names) => {
  const known = definitions.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) throw new UserError(`there is no peer '${unknown}'; there are ${known.join(', ')}`)
  const wanted = names.length === 0 ? known : names
  // Two APIs of one package are installed once.
  const owners = new Set(definitions.filter(({ name }) => wanted.includes(name)).map(({ name, of = name }) => of))
  for (const definition of definitions.filter(({ name }) => owners.has(name))) {
    try {
      console.log(`${definition.name}: ${await install(definition)}`)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      process.exitCode = 1
      console.error(`${definition.name}: left out. ${error.message}`)
    }
  }
})
