// The producer of a pipeline, replaced when it is of no use any more and a new one would harm nobody.
import { KafkaError } from './errors.js'
import type { PipelineSettings } from './pipeline-options.js'
import { Producer } from './producer.js'

const closeTimeout = 5000

/** @internal */
export class PipelineProducer {
  readonly #settings: PipelineSettings
  #producer: Producer | undefined
  #made = 0

  constructor(settings: PipelineSettings) {
    this.#settings = settings
  }

  /** How often one took another's place. */
  get replaced(): number {
    return Math.max(0, this.#made - 1)
  }

  /**
   * One that can begin a transaction. What its predecessor has left open is over then: resumed, or aborted by the new
   * one's initTransactions, which may take as long as that transaction. Rejects with the signal's reason when it aborts.
   */
  async ready(signal: AbortSignal): Promise<Producer> {
    if (this.#producer?.transactionReady) return this.#producer
    await this.close()
    const { options, producer } = this.#settings
    const { logger, onStatistics, tokenProvider } = options
    // A fatal one is the next transaction's to report.
    const onError = (error: KafkaError) => error.fatal || options.onError?.(error)
    const next = new Producer(producer, { logger, onStatistics, tokenProvider, onError })
    try {
      await next.initTransactions({ signal })
    } catch (error) {
      await next.close({ timeout: closeTimeout }).catch(() => {})
      throw error
    }
    this.#producer = next
    this.#made++
    return next
  }

  /** Whether the pipeline may go on after this error, with a new producer if need be. */
  survives(error: unknown): boolean {
    if (!(error instanceof KafkaError) || !error.fatal) return true
    return error.code !== '_FENCED' || this.#settings.ownId
  }

  async close(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close({ timeout: closeTimeout }).catch(() => {})
  }
}
