// Starts Witness.java: Kafka's Java clients behind a socket, for a whole test run.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { removeDirectory, runDirectory } from './directories.mjs'
import { javaArguments } from './node.mjs'

/**
 * @param {import('./obtain.mjs').Kafka} kafka
 * @returns {Promise<{ port: number, stop(): Promise<void> }>}
 */
export async function startWitness(kafka) {
  const directory = runDirectory()
  const home = join(directory, 'witness')
  mkdirSync(join(home, 'tmp'), { recursive: true })
  const java = javaArguments(kafka, { log: join(home, 'witness.log'), temporary: join(home, 'tmp') })
  const errors = openSync(join(home, 'stderr.log'), 'a')
  const child = spawn(kafka.java, [...java, 'Witness'], { stdio: ['pipe', 'pipe', errors], detached: true })
  closeSync(errors)
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const port = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`The Java witness ended (exit code ${code}); see ${home}`)))
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      const match = /^listening (\d+)$/m.exec(text)
      if (match) resolve(Number(match[1]))
    })
  })
  // A test process that has nothing else to do may end; the pipe then ends the witness.
  child.unref()
  child.stdin.unref?.()
  child.stdout.unref?.()
  return {
    port,
    async stop() {
      child.ref()
      child.kill('SIGKILL')
      await exited
      removeDirectory(directory)
    },
  }
}
