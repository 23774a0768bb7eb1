// Finds and loads the addon: ODRADEK_ADDON, else what was built here, else the prebuilt one of this platform.
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const platform = `${process.platform}-${process.arch}`
const prebuilt = join(root, 'prebuilds', platform)

/** The files of a directory, none where it is missing. */
function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

/**
 * node-gyp-build tells glibc from musl by /etc/alpine-release, which other systems with musl lack: where its choice does not load, the
 * other file is tried. A library of one libc never loads in a process of the other.
 */
function loadOtherLibc(): unknown {
  if (process.platform !== 'linux') return undefined
  for (const name of filesOf(prebuilt).filter((file) => file.endsWith('.node'))) {
    try {
      return require(join(prebuilt, name))
    } catch {
      // The first failure is the one that is reported.
    }
  }
  return undefined
}

/** Throws an Error that says what was looked for, what was found and what can be done. */
export function loadAddon(): unknown {
  // As a shell means it, from where the program was started; require() would take it as relative to this file.
  const override = process.env.ODRADEK_ADDON && resolve(process.env.ODRADEK_ADDON)
  try {
    if (override) return require(override)
    return (require('node-gyp-build') as (directory: string) => unknown)(root)
  } catch (error) {
    const other = override ? undefined : loadOtherLibc()
    if (other !== undefined) return other
    throw new Error(explain(override, error as Error), { cause: error })
  }
}

function places(): string[] {
  const built = join('build', 'Release', 'odradek.node')
  const lines = [`  ${built}: ${existsSync(join(root, built)) ? 'found' : 'not found'} in ${root}`]
  const files = filesOf(prebuilt)
  const found = files.length > 0 ? `found: ${files.join(', ')}` : 'not found'
  lines.push(`  prebuilds/${platform}: ${found}`)
  const others = filesOf(join(root, 'prebuilds')).filter((name) => name !== platform)
  if (files.length === 0 && others.length > 0) lines.push(`  prebuilds/ has only: ${others.join(', ')}`)
  return lines
}

function explain(override: string | undefined, error: Error): string {
  const lines = [`odradek: the native addon for ${platform} (Node ${process.version}) could not be loaded.`]
  if (override) {
    lines.push(`  ODRADEK_ADDON names ${override}, which ${existsSync(override) ? 'exists' : 'does not exist'}.`)
  } else {
    lines.push(...places())
  }
  lines.push(
    `  The loader said: ${error.message.split('\n')[0]}`,
    'Possible solutions:',
    '  - in a project: npm rebuild odradek builds it from source where there is no prebuilt one (a C++ compiler and cmake are',
    '    needed, and an installer that has been told to run the install script of odradek: docs/platforms.md);',
    '    after an install for another operating system, processor or libc (copied node_modules), reinstall: npm ci',
    '  - a bundler left it out: keep odradek external, or copy its prebuilds folder beside the bundle',
    '  - in a checkout of odradek: npm run build:native',
  )
  return lines.join('\n')
}
