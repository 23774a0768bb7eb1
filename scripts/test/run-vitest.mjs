// Runs vitest with its usual output, and a JSON report for the closing line.
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ROOT } from '../lib/run.mjs'

/** @returns {Promise<number>} vitest's exit code */
export function runVitest(argv, report) {
  const cli = join(dirname(createRequire(join(ROOT, 'package.json')).resolve('vitest/package.json')), 'vitest.mjs')
  const args = [cli, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...argv]
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit' })
  // Ctrl-C reaches the child by the terminal; this process waits for it to clean up.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}
