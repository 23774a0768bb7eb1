// The compile-time tests: the tests themselves and test/types/*.test-d.ts, strictly, against the built declarations.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ROOT } from '../lib/run.mjs'

const PROJECTS = ['test/tsconfig.json', 'test/types/tsconfig.json']

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function checkTypes() {
  const tsc = join(dirname(createRequire(join(ROOT, 'package.json')).resolve('typescript/package.json')), 'bin', 'tsc')
  let passed = 0
  let failed = 0
  for (const project of PROJECTS.filter((file) => existsSync(join(ROOT, file)))) {
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', project, '--noEmit'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    if (status === 0) passed++
    else failed++
    console.log(`types: ${project} ${status === 0 ? 'passes' : `fails\n${stdout}`}`)
  }
  return { passed, failed }
}
