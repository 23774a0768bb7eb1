// Installs the peers into .cache/peers, never into package.json: node bench/peers/install.mjs [name ...]
// Each is pinned, tried by itself, and left out with the reason when it cannot be installed here.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { main, output, run, UserError } from '../../scripts/lib/run.mjs'
import { definitions, directoryOf, installed } from './definitions.mjs'

async function npmInstall({ name, packages, env, build }) {
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
  // Says more than an exit code: a native module may be built and not load.
  writeFileSync(join(directoryOf(definition.name), 'installed'), definition.packages?.join('\n') ?? '')
  return 'installed'
}

await main(import.meta.url, async (names) => {
  const known = definitions.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown) throw new UserError(`there is no peer '${unknown}'; there are ${known.join(', ')}`)
  const wanted = definitions.filter(({ name }) => names.length === 0 || names.includes(name))
  let failed = 0
  for (const definition of wanted) {
    try {
      console.log(`${definition.name}: ${await install(definition)}`)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      failed++
      console.error(`${definition.name}: left out. ${error.message}`)
    }
  }
  if (!wanted.some((definition) => existsSync(directoryOf(definition.name)))) failed ||= 1
  if (failed > 0) process.exitCode = 1
})
