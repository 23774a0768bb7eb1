// The way in: records become keyed messages that carry the number of their run and their own.
import { Producer } from 'odradek'

/** The header that tells this run's messages from whatever else is in the topic. */
export const runHeader = 'odradek-run'

// What a message costs a broker beside key and value: lengths, and the header.
const overhead = 60

/** About as many bytes as a message takes in a topic. */
export function messageBytes(key, value) {
  return Buffer.byteLength(key) + Buffer.byteLength(value) + overhead
}

export class Ingestion {
  #producer
  #topic
  #run
  #ledger
  #progress
  #batches = new Set()
  /** For each partition, the offset after the last record of this run. */
  ends = new Map()
  firstFailure

  /**
   * @param {{ cluster: import('./cluster.mjs').Cluster, topic: string, run: string, ledger: import('./verification.mjs').Ledger,
   *   progress: import('./progress.mjs').Progress, onError: (error: Error) => void }} options
   */
  constructor({ cluster, topic, run, ledger, progress, onError }) {
    // Idempotence: no message twice, and the order of a key kept, whatever the connection does.
    const config = {
      ...cluster.config,
      'enable.idempotence': true,
      'linger.ms': 5,
      'message.timeout.ms': 30_000,
    }
    this.#producer = new Producer(config, { onError })
    this.#topic = topic
    this.#run = run
    this.#ledger = ledger
    this.#progress = progress
  }

  /** Takes a batch; its reports come in time. @param {import('./input/records.mjs').KeyedRecord[]} records */
  send(records) {
    let bytes = 0
    const messages = records.map(({ key, value }) => {
      const number = this.#ledger.send(key, value)
      bytes += messageBytes(key, value)
      return { key, value, headers: { [runHeader]: `${this.#run}:${number}` } }
    })
    this.#progress.onProduced(messages.length, bytes)
    const batch = this.#producer.sendBatch(this.#topic, messages).then((reports) => {
      this.#take(reports, messages)
      this.#batches.delete(batch)
    })
    this.#batches.add(batch)
  }

  #take(reports, messages) {
    let failed = 0
    let failedBytes = 0
    for (const { error, partition, offset, index } of reports) {
      if (error) {
        this.firstFailure ??= error
        failed++
        failedBytes += messageBytes(messages[index].key, messages[index].value)
      } else if (offset >= (this.ends.get(partition) ?? 0)) {
        this.ends.set(partition, offset + 1)
      }
    }
    this.#progress.onReports(reports.length - failed, failed, failedBytes)
  }

  /** Resolves when every message has its report. Rejects when the signal aborts. */
  async reported(signal) {
    await this.#producer.flush({ signal })
    await Promise.all(this.#batches)
  }

  close() {
    return this.#producer.close({ timeout: 5_000 })
  }
}
