// What a pipeline has done so far.
import type { PipelineTransaction } from './pipeline-options.js'

export interface PipelineMetrics {
  /** Transactions. */
  committed: number
  aborted: number
  /** Messages of committed transactions, and the records made of them. */
  messages: number
  records: number
  /** Messages that went to the dead-letter topic. */
  deadLettered: number
  /** Producers replaced after a fatal error. */
  producersReplaced: number
  /** Milliseconds from a batch to its commit. */
  latency: { last: number; max: number; mean: number }
}

/** @internal */
export class PipelineCounters implements Omit<PipelineMetrics, 'producersReplaced'> {
  committed = 0
  aborted = 0
  messages = 0
  records = 0
  deadLettered = 0
  latency = { last: 0, max: 0, mean: 0 }

  count({ committed, messages, records, latency }: PipelineTransaction): void {
    if (!committed) {
      this.aborted++
      return
    }
    this.committed++
    this.messages += messages
    this.records += records
    this.latency.last = latency
    this.latency.max = Math.max(this.latency.max, latency)
    this.latency.mean += (latency - this.latency.mean) / this.committed
  }
}
