// The main job: a file into a topic, out again by a group of consumers, and the proof that nothing was lost on the way.
import { randomBytes } from 'node:crypto'
import { KafkaError } from 'odradek'
import { aggregateFor } from './aggregates.mjs'
import { openCluster } from './cluster.mjs'
import { ConnectionWatch } from './connection.mjs'
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
  #watch
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
    if (this.#reading.signal.aborted) return
    this.#display.note(`  ${interrupted.message}: reading no further, bringing the rest to its end`)
    this.#stage = 'ending'
    this.#reading.abort(interrupted)
  }

  #fail(problem) {
    this.#waiting.abort(problem)
    this.#reading.abort(problem)
  }

  async run() {
    await this.#open()
    this.#display.start(() => this.#status())
    try {
      if (await this.#join()) await this.#ingest()
    } finally {
      this.#endedAt = performance.now()
      this.#display.stop()
    }
    return this.#conclude()
  }

  async #open() {
    const { topic } = this.#options
    this.#cluster = await openCluster(process.env.KAFKA_BROKERS, topic)
    const { brokers, consumer, maxAhead } = this.#cluster
    const note = (text) => this.#display.note(`  ${text}`)
    this.#watch = new ConnectionWatch({ brokers, topic, note, fail: (problem) => this.#fail(problem) })
    this.#progress = new Progress(maxAhead)
    const onError = (error) => this.#watch.onError(error)
    const shared = { brokers, topic, run: randomBytes(4).toString('hex'), progress: this.#progress, onError }
    this.#ingestion = new Ingestion({ ...shared, ledger: this.#ledger })
    this.#group = new Group({ ...shared, config: consumer, onRecord: (...received) => this.#receive(...received) })
    const lines = openingLines({ file: this.#file, topic, cluster: this.#cluster, consumers: this.#group.size })
    for (const line of lines) this.#display.line(line)
  }

  /** Whether the group is ready; it is not when the run was interrupted before that. */
  async #join() {
    try {
      await this.#group.start(this.#reading.signal)
    } catch (reason) {
      if (reason instanceof Interrupted) return false
      throw reason
    }
    this.#watch.begun()
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
    const facts = { interrupted, ok, records: sent, milliseconds, rejects: this.#rejects, status: this.#status() }
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
    this.#watch?.close()
    this.#rejects.close()
    await Promise.allSettled([this.#group?.close(), this.#ingestion?.close()])
    await this.#cluster?.close()
  }
}

class Stalled extends Problem {
  constructor(inFlight, lag) {
    super(`nothing has moved for ${stalledMs / 1_000} s: ${inFlight} records without a report, ${lag} not consumed`)
  }
}
