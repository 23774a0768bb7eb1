// zig as C and C++ compiler for a target: programs named zig-cc, zig-c++, zig-ar and zig-ranlib in a directory of its own.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchSource, readPin, sourceDirectory } from '../fetch-source.mjs'
import { CACHE, ROOT } from './run.mjs'

export function zigTools(target) {
  return join(CACHE, 'zig', `${readPin('zig').version}-${target.name}`)
}

function program(file, lines) {
  const text = `#!/bin/sh\n${lines.join('\n')}\n`
  // Written only when it changed: compilers caches and CMake look at its time.
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return
  writeFileSync(file, text)
  chmodSync(file, 0o755)
}

/**
 * The name of a source goes into LLVM's bitcode, and from there into what link-time optimisation does; -ffile-prefix-map does not
 * reach it. Relative to a build tree, build/<name>/, it is the same wherever the repository is.
 */
const RELATIVE = [
  `case "$PWD" in "${ROOT}"/build/*/*) ;; "${ROOT}"/build/*)`,
  'for argument do',
  '  shift',
  `  case "$argument" in "${ROOT}"/*.c|"${ROOT}"/*.cc|"${ROOT}"/*.S) argument="../../\${argument#"${ROOT}"/}" ;; esac`,
  '  set -- "$@" "$argument"',
  'done ;;',
  'esac',
]

/** Fetches zig if need be, and returns the directory with the tools of a target. */
export async function ensureZig(target) {
  const pin = readPin('zig')
  await fetchSource(pin)
  const zig = join(sourceDirectory(pin), 'zig')
  // A wheel is a zip archive, which python unpacks without the permissions.
  chmodSync(zig, 0o755)
  const tools = zigTools(target)
  mkdirSync(tools, { recursive: true })
  const cache = join(CACHE, 'zig', 'cache')
  const environment = ['GLOBAL', 'LOCAL'].map(
    (kind) => `export ZIG_${kind}_CACHE_DIR="\${ZIG_${kind}_CACHE_DIR:-${cache}}"`,
  )
  for (const compiler of ['cc', 'c++']) {
    const lines = [...environment, ...RELATIVE, `exec "${zig}" ${compiler} -target ${target.triple} "$@"`]
    program(join(tools, `zig-${compiler}`), lines)
  }
  for (const tool of ['ar', 'ranlib'])
    program(join(tools, `zig-${tool}`), [...environment, `exec "${zig}" ${tool} "$@"`])
  return tools
}
