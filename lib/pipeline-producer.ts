// The producer of a pipeline, replaced when it is of no use any more and a new one would harm nobody.
import { KafkaError } from './errors.js'
import type { PipelineSettings } from './pipeline-options.js'
import { Producer } from './producer.js'

const closeTimeout = 5000

/** @internal */
export class PipelineProducer {
  readonly #settings: PipelineSettings
  #producer: Producer | undefined

  constructor(settings: PipelineSettings) {
    this.#settings = settings
  }

  /** One that can begin a transaction. May take as long as the transaction of its predecessor. */
  async ready(): Promise<Producer> {
    if (this.#producer?.transactionReady) return this.#producer
    await this.close()
    const { options, producer } = this.#settings
    const { logger, onStatistics, tokenProvider } = options
    // A fatal one is the next transaction's to report.
    const onError = (error: KafkaError) => error.fatal || options.onError?.(error)
    const next = new Producer(producer, { logger, onStatistics, tokenProvider, onError })
    try {
      await next.initTransactions()
    } catch (error) {
      await next.close({ timeout: closeTimeout }).catch(() => {})
      throw error
    }
    this.#producer = next
    return next
  }

  /** Whether the pipeline may go on after this error, with a new producer if need be. */
  survives(error: unknown): boolean {
    if (!(error instanceof KafkaError) || !error.fatal) return true
    return error.code !== '_FENCED' || this.#settings.ownId
  }

  /** True when the one at hand has to be replaced. */
  get broken(): boolean {
    return this.#producer !== undefined && !this.#producer.transactionReady
  }

  async close(): Promise<void> {
    const producer = this.#producer
    this.#producer = undefined
    await producer?.close({ timeout: closeTimeout }).catch(() => {})
  }
}
