// Whether node_modules is what package-lock.json says, and how to make it so.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './run.mjs'

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined
}

/** npm writes its hidden lock file last, so an interrupted installation has none. */
export function dependenciesReady(root = ROOT) {
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'))
  if (!installed) return false
  const wanted = packagesOf(join(root, 'package-lock.json')) ?? {}
  return Object.entries(wanted).every(([path, { version, integrity, optional, devOptional }]) => {
    if (path === '' || ((optional || devOptional) && !installed[path])) return true
    return installed[path]?.version === version && installed[path]?.integrity === integrity
  })
}

export async function installDependencies() {
  // No package here needs an install script: those with native parts ship them prebuilt, or do without.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
    log: 'npm-ci',
    what: 'Installing the npm dependencies',
  })
}
