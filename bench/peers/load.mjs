// A peer's module, from the directory where install.mjs has put it.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(join(process.env.ODRADEK_BENCH_PEER, 'package.json'))

export const loadCommonJs = (name) => require(name)

export const loadModule = (name) => import(pathToFileURL(require.resolve(name)).href)
