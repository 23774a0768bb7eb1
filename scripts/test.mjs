// npm test: sets up what is missing (Kafka included), runs every test, and closes with `N passed, N failed`.
// Without arguments: everything but the stress tests. Arguments are vitest's: npm test -- --project unit, npm test -- test/mock/producer.test.ts
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { main, ROOT, UserError } from './lib/run.mjs'
import { ensureReady } from './setup.mjs'
import { checkTypes } from './test/check-types.mjs'
import { runVitest } from './test/run-vitest.mjs'

const PROJECTS = ['unit', 'mock', 'lifecycle', 'broker'].flatMap((name) => ['--project', name])
const REPORT = join(ROOT, '.cache', 'test-report.json')

/** What vitest's JSON report says, in numbers and the names of what did not run. */
function summarize() {
  let report
  try {
    report = JSON.parse(readFileSync(REPORT, 'utf8'))
  } catch {
    throw new UserError('vitest ended without a report; see above.')
  }
  const skipped = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status !== 'passed' && status !== 'failed')
      .map(({ fullName }) => `${name.slice(ROOT.length + 1)}: ${fullName}`),
  )
  // A file that could not be loaded counts as a failure, though none of its tests ran.
  const broken = report.testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((result) => result.status === 'failed')
  })
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length, skipped }
}

await main(import.meta.url, async (argv) => {
  // The packed tarball is tested on the embedded cluster alone.
  await ensureReady({ kafka: argv.join(' ') !== '--project package' })
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  rmSync(REPORT, { force: true })
  const types = argv.length === 0 ? await checkTypes() : { passed: 0, failed: 0 }
  const code = await runVitest(argv.length > 0 ? argv : PROJECTS, REPORT)
  const { passed, failed, skipped } = summarize()
  for (const name of skipped) console.log(`did not run: ${name}`)
  const failures = failed + types.failed || (code === 0 ? 0 : 1)
  console.log(
    `\n${passed + types.passed} passed, ${failures} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`,
  )
  process.exitCode = failures > 0 ? 1 : 0
})
