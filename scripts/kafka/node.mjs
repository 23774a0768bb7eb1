// One Kafka process: started, stopped, killed, paused. It ends with the process that started it, however that ends.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatProperties } from './config.mjs'
import { notePid } from './directories.mjs'

const LOG4J = fileURLToPath(new URL('log4j2.properties', import.meta.url))
const START_TIMEOUT = 90_000
const STOP_TIMEOUT = 20_000

/** `quick` starts soonest and suits tests; `throughput` lets the compiler do its best, for benchmarks. */
const JVM = {
  quick: ['-Xms96m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
  throughput: ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
}

/** @param {import('./obtain.mjs').Kafka} kafka @param {{ log: string, temporary: string, jvm?: 'quick' | 'throughput' }} options */
export function javaArguments(kafka, { log, temporary, jvm = 'quick' }) {
  const archive = existsSync(kafka.archive) ? [`-XX:SharedArchiveFile=${kafka.archive}`, '-Xlog:cds=off'] : []
  return [
    ...JVM[jvm],
    ...archive,
    '-Xshare:auto',
    '-Djava.awt.headless=true',
    `-Djava.io.tmpdir=${temporary}`,
    `-Dodradek.log=${log}`,
    `-Dlog4j2.configurationFile=${LOG4J}`,
    '-cp',
    kafka.classpath.join(delimiter),
  ]
}

/**
 * @typedef {object} NodeOptions
 * @property {number} id
 * @property {number} port of its plain listener
 * @property {string} directory all that the node writes is in here
 * @property {Record<string, string | number | boolean>} properties
 * @property {string} clusterId
 * @property {string[]} [format] more arguments of Kafka's `format`
 * @property {boolean} [keep] whether the directory stays when the parent dies
 * @property {string[]} [jvmArguments]
 * @property {'quick' | 'throughput'} [jvm]
 */
export class KafkaNode {
  #kafka
  #options
  #child

  /** @param {import('./obtain.mjs').Kafka} kafka @param {NodeOptions} options */
  constructor(kafka, options) {
    this.#kafka = kafka
    this.#options = options
    mkdirSync(join(options.directory, 'tmp'), { recursive: true })
    writeFileSync(join(options.directory, 'server.properties'), formatProperties(options.properties), { mode: 0o600 })
  }

  get id() {
    return this.#options.id
  }

  get port() {
    return this.#options.port
  }

  /** undefined while it is down */
  get pid() {
    return this.#child?.pid
  }

  get log() {
    return join(this.#options.directory, 'server.log')
  }

  /** Settles when the node serves. A node that was stopped or killed comes back with its ports and data. */
  async start() {
    if (this.#child) throw new Error(`Kafka node ${this.id} is running already (pid ${this.pid})`)
    const child = this.#spawn()
    this.#child = child
    if (child.pid) notePid(this.#options.directory, child.pid)
    child.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        if (this.#child === child) this.#child = undefined
        resolve(signal ?? code)
      })
    })
    try {
      await this.#ready(child)
    } catch (error) {
      child.kill('SIGKILL')
      if (this.#child === child) this.#child = undefined
      throw error
    }
  }

  #spawn() {
    const { directory, clusterId, format = [], jvm, jvmArguments = [], keep = false } = this.#options
    const java = javaArguments(this.#kafka, { log: this.log, temporary: join(directory, 'tmp'), jvm })
    const parent = keep ? [] : [`-Dodradek.remove=${directory}`]
    const broker = ['Broker', join(directory, 'server.properties'), clusterId, ...format]
    const errors = openSync(join(directory, 'stderr.log'), 'a')
    // A process group of its own: Ctrl-C in the terminal is for the tests, which then stop us.
    const options = { stdio: ['pipe', 'pipe', errors], detached: true, cwd: directory }
    const child = spawn(this.#kafka.java, [...jvmArguments, ...parent, ...java, ...broker], options)
    closeSync(errors)
    child.stdin.on('error', () => {})
    return child
  }

  #ready(child) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(this.#failure(`did not get ready within ${START_TIMEOUT / 1000} s`)),
        START_TIMEOUT,
      )
      const settle = (action) => {
        clearTimeout(timer)
        action()
      }
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
        if (/^ready$/m.test(text)) settle(resolve)
      })
      child.once('error', (error) => settle(() => reject(this.#failure(`could not be started: ${error.message}`))))
      child.once('exit', (code, signal) => {
        settle(() => reject(this.#failure(`ended (${signal ?? `exit code ${code}`}) before it was ready`)))
      })
    })
  }

  #failure(what) {
    const tail = (name) => {
      const file = join(this.#options.directory, name)
      if (!existsSync(file)) return ''
      const lines = readFileSync(file, 'utf8').trim().split('\n')
      const telling = lines.filter((line) => /ERROR|FATAL|Exception|error/.test(line))
      return (telling.length > 0 ? telling : lines)
        .slice(-6)
        .map((line) => `\n    ${line}`)
        .join('')
    }
    return new Error(`Kafka node ${this.id} ${what}.${tail('stderr.log')}${tail('server.log')}`)
  }

  #running(action) {
    if (!this.#child) throw new Error(`Kafka node ${this.id} is not running, so it cannot be ${action}`)
    return this.#child
  }

  /** A controlled shutdown, as an operator does it. */
  async stop() {
    const child = this.#running('stopped')
    child.kill('SIGCONT')
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT)
    await child.exited
    clearTimeout(timer)
  }

  /** As a power cut does it. */
  async kill() {
    const child = this.#running('killed')
    child.kill('SIGKILL')
    await child.exited
  }

  pause() {
    this.#running('paused').kill('SIGSTOP')
  }

  resume() {
    this.#running('resumed').kill('SIGCONT')
  }
}
