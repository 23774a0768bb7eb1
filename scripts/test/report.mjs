// What vitest's JSON report says of each test.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { ROOT, UserError } from '../lib/run.mjs'

/** @typedef {{ file: string, test: string, how: 'passed' | 'failed' | 'skipped' }} Result */

/** @returns {Result[]} a file that could not be loaded is one that failed, though none of its tests ran */
export function readReport(path) {
  if (!existsSync(path)) throw new UserError('vitest ended without a report; see above.')
  return JSON.parse(readFileSync(path, 'utf8')).testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(ROOT, name)
    const results = assertionResults.map(({ status: how, fullName: test }) => {
      return { file, test, how: how === 'passed' || how === 'failed' ? how : 'skipped' }
    })
    const unexplained = status === 'failed' && !results.some(({ how }) => how === 'failed')
    return unexplained ? [...results, { file, test: 'the file itself', how: 'failed' }] : results
  })
}
