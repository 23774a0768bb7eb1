// The main job: a file into a topic, out again by a group of consumers, and the proof that nothing was lost on the way.
import { randomBytes } from 'node:crypto'
import { KafkaError } from 'odradek'
import { Aggregate, aggregateFor, statisticsFor } from './aggregates.mjs'
import { openCluster, openKafkaFor } from './cluster.mjs'
import { Group } from './consuming.mjs'
import { openDisplay } from './display.mjs'
import { ExactlyOnce } from './exactly-once.mjs'
import { RecordFile } from './input/records.mjs'
import { onSignals } from './interruption.mjs'
import { Interrupted, Problem } from './problem.mjs'
import { Ingestion } from './producing.mjs'
import { Progress } from './progress.mjs'
import { Rejects } from './rejects.mjs'
import { checkLines, closingLines, openingLines } from './report.mjs'
import { Ledger, verify, verifyExactlyOnce } from './verification.mjs'

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
  // Of the records received; of those sent, when pipelines aggregate.
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
    try {
      this.#cluster = await this.#openCluster(topic)
    } catch (error) {
      if (this.#reading.signal.reason instanceof Interrupted) return false
      throw error
    }
    this.#progress = new Progress(this.#cluster.maxAhead)
    const run = randomBytes(4).toString('hex')
    const onError = (error) => this.#onError(error)
    const shared = { cluster: this.#cluster, topic, run, progress: this.#progress, onError }
    this.#ingestion = new Ingestion({ ...shared, ledger: this.#ledger })
    const onFailure = (error) => this.#fail(error)
    if (this.#options.exactlyOnce) {
      const statisticsOf = (message) => statisticsFor(message.json(), this.#file.key)
      this.#group = new ExactlyOnce({ ...shared, output: this.#output, onFailure, statisticsOf })
    } else {
      const onRecord = (message, number) => this.#receive(message, number)
      this.#group = new Group({ ...shared, onFailure, onRecord })
    }
    const lines = openingLines({ file: this.#file, topic, cluster: this.#cluster, to: this.#group.title })
    for (const line of lines) this.#display.line(line)
    this.#display.start(() => this.#status())
    return true
  }

  get #output() {
    return `${this.#options.topic}-statistics`
  }

  #openCluster(topic) {
    const [given, { signal }] = [process.env.KAFKA_BROKERS, this.#reading]
    if (!this.#options.exactlyOnce) return openCluster(given, topic, signal)
    return openKafkaFor(given, [topic, this.#output], signal, (line) => this.#display.line(line))
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
      if (this.#options.exactlyOnce) for (const { key, record } of records) this.#aggregate.add(key, record)
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
    const { checks, aggregate } = sent > 0 ? await this.#verify() : { checks: [] }
    for (const line of aggregate?.lines(display) ?? []) display.line(line)
    for (const line of checkLines(checks, display)) display.line(line)
    const ok = checks.every((check) => check.ok)
    const milliseconds = this.#endedAt - this.#begunAt
    const { total } = this.#progress ? this.#status() : { total: 0 }
    const facts = { interrupted, ok, records: sent, milliseconds, rejects: this.#rejects, total }
    for (const line of closingLines(facts, display)) display.line(line)
    return interrupted ? interrupted.exitCode : ok ? 0 : 1
  }

  /** The checks, and what is to be shown of the records. */
  async #verify() {
    const { delivered, failed } = this.#progress
    const { ends, firstFailure } = this.#ingestion
    const reports = { delivered, failed, firstFailure }
    const commits = await this.#group.commit(ends)
    if (!this.#options.exactlyOnce) {
      return { checks: verify(this.#ledger, reports, commits), aggregate: this.#aggregate }
    }
    const { found, history } = await this.#found()
    const sent = { ...reports, sent: this.#ledger.sent }
    return { checks: verifyExactlyOnce(this.#aggregate, found, history, sent, commits), aggregate: found }
  }

  /** What a read_committed reader makes of the statistics: the last update of a group in a partition counts. */
  async #found() {
    const { states, committed, aborted } = await this.#group.results()
    const last = new Map()
    let backwards = 0
    for (const update of states) {
      const name = `${update.partition}/${update.group}`
      const before = last.get(name)
      if (before && (update.before <= before.before || update.state.records <= before.state.records)) backwards++
      last.set(name, update)
    }
    const found = new Aggregate(this.#aggregate.statistics)
    for (const { group, state } of last.values()) found.merge(group, state)
    return { found, history: { updates: states.length, backwards, committed, aborted } }
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
