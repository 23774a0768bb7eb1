// Makes a fresh clone ready to run: npm dependencies, system packages, librdkafka, the addon, TypeScript; each only when needed.
// Uses nothing but Node itself, for it runs before anything is installed.

import { buildTypeScript, typeScriptUpToDate } from './build.mjs'
import { addonPath, buildNative, nativeUpToDate } from './build-native.mjs'
import { ensureSources } from './fetch-source.mjs'
import { dependenciesReady, installDependencies } from './lib/dependencies.mjs'
import { withLock } from './lib/lock.mjs'
import { main, seconds, UserError } from './lib/run.mjs'
import { ensureSystemPackages } from './system-packages.mjs'

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new UserError(`odradek needs Node 20.19 or newer; this is ${process.versions.node} (${process.execPath}).`)
  }
}

async function step(name, action) {
  const from = performance.now()
  process.stdout.write(`  ${name} … `)
  try {
    const note = await action()
    console.log(`${note ? `${note}, ` : ''}${seconds(from)}`)
  } catch (error) {
    console.log(`failed after ${seconds(from)}`)
    throw error
  }
}

/**
 * Brings everything up to date that the examples, the main job and the tests need.
 * @param {{ kafka?: boolean, variant?: string, addon?: boolean }} options kafka: also what a local Kafka needs (Java, Maven); addon:
 *   false where there is a prebuilt one
 */
export async function ensureReady({ kafka = false, variant = 'release', addon = true } = {}) {
  checkNode()
  const from = performance.now()
  await withLock('setup', async () => {
    if (!dependenciesReady()) await step('npm dependencies', installDependencies)
    const system = process.env.ODRADEK_SYSTEM_LIBRDKAFKA === '1'
    const native = !addon || nativeUpToDate({ variant, system })
    const groups = [...(native ? [] : [system ? 'system' : 'build']), ...(kafka ? ['kafka'] : [])]
    if (groups.length > 0) {
      await step(`system packages (${groups.join(', ')})`, async () => (await ensureSystemPackages(groups)).join(' '))
    }
    if (!native) {
      if (!system) await step('pinned sources', async () => (await ensureSources()).join(', '))
      await step('the addon', async () => void (await buildNative({ variant, system })))
    }
    if (!typeScriptUpToDate()) await step('TypeScript', async () => void (await buildTypeScript()))
  })
  console.log(`Ready (${seconds(from)})`)
  return { addon: addonPath(variant) }
}

await main(import.meta.url, async (argv) => {
  const unknown = argv.find((argument) => argument !== '--kafka')
  if (unknown) throw new UserError(`There is no option '${unknown}'. Usage: node scripts/setup.mjs [--kafka]`)
  await ensureReady({ kafka: argv.includes('--kafka') })
})
