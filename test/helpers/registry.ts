// A real schema registry for tests: Apicurio, which speaks Confluent's API, in memory, from Maven's repository.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { findJava } from '../../scripts/kafka/java.mjs'
import { freePorts } from '../../scripts/kafka/ports.mjs'
import { withLock } from '../../scripts/lib/lock.mjs'
import { CACHE, run } from '../../scripts/lib/run.mjs'
import { waitFor } from './wait.js'

const VERSION = '2.6.13.Final'
const SHA256 = '3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba'
const DIRECTORY = join(CACHE, `apicurio-${VERSION}`)
const STAMP = join(DIRECTORY, 'verified')

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function obtain(): Promise<string> {
  const jar = () => join(DIRECTORY, readdirSync(DIRECTORY).find((name) => name.endsWith('-runner.jar')) as string)
  await withLock('apicurio', async () => {
    if (existsSync(STAMP)) return
    await findJava({ maven: true })
    const part = `${DIRECTORY}.part`
    rmSync(part, { recursive: true, force: true })
    rmSync(DIRECTORY, { recursive: true, force: true })
    mkdirSync(part, { recursive: true })
    const artifact = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
    const goal = ['dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${part}`]
    const options = { log: 'apicurio', what: `Fetching Apicurio Registry ${VERSION} (142 MB) with Maven` }
    await run('mvn', ['--batch-mode', '--quiet', ...goal], options)
    const archive = join(part, `apicurio-registry-app-${VERSION}-all.tar.gz`)
    const found = await sha256(archive)
    if (found !== SHA256) throw new Error(`Apicurio ${VERSION} has SHA-256 ${found}, expected ${SHA256}: not used`)
    await run('tar', ['-xzf', archive, '-C', part], { ...options, append: true })
    rmSync(archive)
    renameSync(part, DIRECTORY)
    writeFileSync(STAMP, SHA256)
  })
  return jar()
}

export interface Registry {
  /** Confluent's API. */
  url: string
  stop(): Promise<void>
  /** The same again, on the same port, empty. */
  start(): Promise<void>
}

/** Starts a registry; a few seconds. */
export async function startRegistry(): Promise<Registry> {
  const jar = await obtain()
  const { java } = await findJava()
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`
  let stopChild = async () => {}
  const start = async () => {
    const args = ['-Xmx256m', '-XX:TieredStopAtLevel=1', `-Dquarkus.http.port=${port}`, '-Dquarkus.http.host=127.0.0.1']
    const child = spawn(java, [...args, '-jar', jar], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => (output = (output + chunk).slice(-4000)))
    const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()))
    // When the test dies, so does the registry.
    const end = () => child.kill('SIGKILL')
    process.once('exit', end)
    stopChild = async () => {
      process.off('exit', end)
      child.kill('SIGKILL')
      await exited
    }
    const answers = async () => {
      if (child.exitCode !== null) throw new Error(`Apicurio ended with ${child.exitCode}:\n${output}`)
      return await fetch(`${url}/subjects`).then(
        ({ ok }) => ok,
        () => false,
      )
    }
    await waitFor('Apicurio answers', answers, 90_000)
  }
  await start()
  return { url, start, stop: () => stopChild() }
}
