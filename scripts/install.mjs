// npm's install script: nothing where the package has a prebuilt addon for this machine, else a build from the source in it.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { main, ROOT, UserError } from './lib/run.mjs'

const require = createRequire(import.meta.url)

/** Whether the addon is here and loads. */
function loads() {
  try {
    require('node-gyp-build')(ROOT)
    return true
  } catch {
    return false
  }
}

await main(import.meta.url, async () => {
  const fromSource = process.env.npm_config_build_from_source || process.env.ODRADEK_SYSTEM_LIBRDKAFKA === '1'
  // tsconfig.json is not packed: this is a work tree, where `npm start`, `npm test` and `npm run build` build what they need.
  if (existsSync(join(ROOT, 'tsconfig.json')) || (!fromSource && loads())) return
  const { buildNative } = await import('./build-native.mjs')
  const { sourcesPacked } = await import('./fetch-source.mjs')
  const { ensureSystemPackages } = await import('./system-packages.mjs')
  console.log(
    `odradek: no prebuilt addon for ${process.platform}-${process.arch} here; building it from source (a minute or two)`,
  )
  const system = process.env.ODRADEK_SYSTEM_LIBRDKAFKA === '1'
  // An npm install must not change the system; it says what it needs.
  process.env.ODRADEK_NO_INSTALL = '1'
  await ensureSystemPackages([system ? 'system' : sourcesPacked() ? 'compile' : 'build'])
  await buildNative({ system })
  if (!loads()) throw new UserError('The addon was built but does not load; see .cache/logs/ in the odradek package.')
})
