// npm test: sets up what is missing (Kafka included), runs every test, and closes with `N passed, N failed`.
// Without arguments: everything but the stress tests. Arguments are vitest's: npm test -- --project unit, npm test -- test/mock/producer.test.ts
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { main, ROOT } from './lib/run.mjs'
import { ensureReady } from './setup.mjs'
import { checkTypes } from './test/check-types.mjs'
import { readReport } from './test/report.mjs'
import { runVitest } from './test/run-vitest.mjs'

const PROJECTS = ['unit', 'mock', 'lifecycle', 'broker'].flatMap((name) => ['--project', name])
const REPORT = join(ROOT, '.cache', 'test-report.json')
// With more, something is wrong that needs no second look.
const DIAGNOSED = 3

/** @returns {Promise<import('./test/report.mjs').Result[]>} */
async function test(argv) {
  rmSync(REPORT, { force: true })
  const code = await runVitest(argv, REPORT)
  const results = readReport(REPORT)
  // As for an error that no test is to blame for.
  if (code !== 0 && failures(results).length === 0)
    results.push({ file: 'vitest', test: 'its exit code', how: 'failed' })
  return results
}

const failures = (results) => results.filter(({ how }) => how === 'failed')

/**
 * Runs the files that failed once more, alone: whoever looks into it learns whether they always fail. It changes nothing in the
 * result: what has failed has failed. (A test that failed once on a busy machine was a processor that lost messages.)
 */
async function diagnose(first) {
  const files = [...new Set(failures(first).map(({ file }) => file))]
  if (files.length === 0 || files.length > DIAGNOSED || files.includes('vitest')) return
  console.log(`\nOnce more, alone, to see whether it always fails: ${files.join(', ')}\n`)
  const again = new Set(failures(await test([...PROJECTS, ...files])).map(({ test }) => test))
  for (const { file, test } of failures(first)) {
    console.log(`failed${again.has(test) ? ', twice' : ', and not when repeated'}: ${file}: ${test}`)
  }
}

await main(import.meta.url, async (argv) => {
  // The packed tarball is tested on the embedded cluster alone, with the addons of npm run prebuild, or those in the one that is published.
  const packed = argv.join(' ') === '--project package'
  const prebuilt = existsSync(join(ROOT, 'prebuilds')) || Boolean(process.env.ODRADEK_TARBALL)
  await ensureReady({ kafka: !packed, addon: !packed || !prebuilt })
  mkdirSync(join(ROOT, '.cache'), { recursive: true })
  const all = argv.length === 0
  const types = all ? await checkTypes() : { passed: 0, failed: 0 }
  const results = await test(all ? PROJECTS : argv)
  if (all) await diagnose(results)
  const count = (wanted) => results.filter(({ how }) => how === wanted).length
  for (const { file, test } of results.filter(({ how }) => how === 'skipped'))
    console.log(`did not run: ${file}: ${test}`)
  const passed = count('passed') + types.passed
  const failed = count('failed') + types.failed
  const skipped = count('skipped')
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  process.exitCode = failed > 0 ? 1 : 0
})
