// The main job: a file into a topic, out again by a group of consumers, and the proof that nothing was lost on the way.
import { randomBytes } from 'node:crypto'
import { KafkaError } from 'odradek'
import { aggregateFor } from './aggregates.mjs'
import { openCluster } from './cluster.mjs'
import { Group } from './consuming.mjs'
import { openDisplay } from './display.mjs'
import { RecordFile } from './input/records.mjs'
import { onSignals } from './interruption.mjs'
import { Interrupted, Problem } from './problem.mjs'
import { Ingestion } from './producing.mjs'
import { Progress } from './progress.mjs'
import { Rejects } from './rejects.mjs'
import { checkLines, closingLines, openingLines } from './report.mjs'
import { Ledger, verify } from './verification.mjs'

const stalledMs = 20_000
const lingerMs = 500

/**
 * @param {import('./options.mjs').Options} options
 * @returns {Promise<number>} the exit code
 * @throws {Problem} for what the user can mend
 */
export async function run(options) {
  const job = new Job(options)
  const stopListening = onSignals((interrupted) => job.interrupt(interrupted))
  try {
    return await job.run()
  } catch (error) {
    throw error instanceof KafkaError ? new Problem(error.message, { cause: error }) : error
  } finally {
    await job.close()
    stopListening()
  }
}

class Job {
  #options
  #display = openDisplay(process.stdout)
  #stage = 'joining'
  // Aborted when nothing more is to be read: by an interruption or a problem.
  #reading = new AbortController()
  // Aborted when nothing more is to be waited for: by a problem.
  #waiting = new AbortController()
  #ledger = new Ledger()
  #aggregate
  #rejects
  #file
  #cluster
  #progress
  #troubles = new Set()
  #ingestion
  #group
  #stallTimer
  #begunAt
  #endedAt

  constructor(options) {
    this.#options = options
    this.#rejects = new Rejects(options.rejects, (text) => this.#display.note(`  ${text}`))
    this.#file = new RecordFile(options.file, { key: options.key, onReject: (piece) => this.#rejects.add(piece) })
  }

  /** Reads no further; `run` brings the rest to its end. */
  interrupt(interrupted) {
    if (this.#reading.signal.aborted || this.#endedAt) return
    this.#display.note(`  ${interrupted.message}: reading no further, bringing the rest to its end`)
    this.#stage = 'ending'
    this.#reading.abort(interrupted)
  }

  #fail(problem) {
    this.#waiting.abort(problem)
    this.#reading.abort(problem)
  }

  /** Of the clients: librdkafka mends what is not fatal by itself. */
  #onError(error) {
    if (error.fatal) this.#fail(error)
    else if (this.#stage !== 'joining' && !this.#troubles.has(error.code)) {
      this.#troubles.add(error.code)
      this.#display.note(`  connection: ${error.message}`)
    }
  }

  async run() {
    try {
      if ((await this.#open()) && (await this.#join())) await this.#ingest()
    } finally {
      this.#endedAt = performance.now()
      this.#display.stop()
    }
    return this.#conclude()
  }

  /** Whether everything is there for the run; it is not when it was interrupted before that. */
  async #open() {
    const { topic } = this.#options
    const { signal } = this.#reading
    try {
      this.#cluster = await openCluster(process.env.KAFKA_BROKERS, topic, signal)
    } catch (error) {
      if (signal.reason instanceof Interrupted) return false
      throw error
    }
    this.#progress = new Progress(this.#cluster.maxAhead)
    const run = randomBytes(4).toString('hex')
    const onError = (error) => this.#onError(error)
    const shared = { cluster: this.#cluster, topic, run, progress: this.#progress, onError }
    this.#ingestion = new Ingestion({ ...shared, ledger: this.#ledger })
    const onFailure = (error) => this.#fail(error)
    const onRecord = (message, number) => this.#receive(message, number)
    this.#group = new Group({ ...shared, onFailure, onRecord })
    const lines = openingLines({ file: this.#file, topic, cluster: this.#cluster, consumers: this.#group.size })
    for (const line of lines) this.#display.line(line)
    this.#display.start(() => this.#status())
    return true
  }

  /** Whether the group is ready, in the same sense. */
  async #join() {
    try {
      await this.#group.start(this.#reading.signal)
    } catch (reason) {
      if (reason instanceof Interrupted) return false
      throw reason
    }
    this.#stage = 'running'
    return true
  }

  async #ingest() {
    this.#begunAt = performance.now()
    this.#stallTimer = setInterval(() => this.#checkStall(), 1_000)
    const { signal } = this.#reading
    for await (const records of this.#file.batches(signal)) {
      this.#aggregate ??= aggregateFor(records[0].record, this.#file.key)
      this.#ingestion.send(records)
      await this.#progress.room(signal)
      if (signal.aborted) break
    }
    try {
      await this.#ingestion.reported(this.#waiting.signal)
      await this.#group.caughtUp(this.#ingestion.ends, this.#waiting.signal)
    } catch (reason) {
      // What is missing then is what the verification says.
      if (!(reason instanceof Stalled)) throw reason
      this.#display.note(`  ${reason.message}`)
    }
  }

  #receive(message, number) {
    const key = message.key.toString()
    this.#ledger.receive(key, message.value, number)
    this.#aggregate.add(key, message.json())
  }

  #checkStall() {
    const { changedAt, inFlight, lag } = this.#progress
    if (performance.now() - changedAt > stalledMs) this.#fail(new Stalled(inFlight, lag))
  }

  /** @returns {import('./display.mjs').Status} */
  #status() {
    const { produced, delivered, consumed, inFlight, lag } = this.#progress
    const { bytes, bytesRead } = this.#file
    const total = bytesRead >= bytes ? produced : Math.round((produced * bytes) / Math.max(1, bytesRead))
    const rejected = this.#rejects.count
    return { stage: this.#stage, total, produced, delivered, consumed, inFlight, lag, rejected }
  }

  async #conclude() {
    const { reason } = this.#reading.signal
    const interrupted = reason instanceof Interrupted ? reason : undefined
    const display = this.#display
    const sent = this.#ledger.sent
    if (sent > 0) for (const line of this.#aggregate.lines(display)) display.line(line)
    const checks = sent > 0 ? await this.#verify() : []
    for (const line of checkLines(checks, display)) display.line(line)
    const ok = checks.every((check) => check.ok)
    const milliseconds = this.#endedAt - this.#begunAt
    const { total } = this.#progress ? this.#status() : { total: 0 }
    const facts = { interrupted, ok, records: sent, milliseconds, rejects: this.#rejects, total }
    for (const line of closingLines(facts, display)) display.line(line)
    return interrupted ? interrupted.exitCode : ok ? 0 : 1
  }

  async #verify() {
    const { delivered, failed } = this.#progress
    const { ends, firstFailure } = this.#ingestion
    return verify(this.#ledger, { delivered, failed, firstFailure }, await this.#group.commit(ends))
  }

  async close() {
    clearInterval(this.#stallTimer)
    this.#rejects.close()
    const closed = await Promise.allSettled([this.#group?.close(), this.#ingestion?.close()])
    await this.#cluster?.close()
    for (const { reason } of closed) if (reason) this.#display.note(`  closing: ${reason.message}`)
    // A client that is not closed goes on trying, and the process with it.
    if (closed.some(({ status }) => status === 'rejected')) setTimeout(() => process.exit(), lingerMs).unref()
  }
}

class Stalled extends Problem {
  constructor(inFlight, lag) {
    super(`nothing has moved for ${stalledMs / 1_000} s: ${inFlight} records without a report, ${lag} not consumed`)
  }
}
