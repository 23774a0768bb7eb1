// The producer of context.send, dead letters and retry topics: the program's, or one of its own made on first use.
import {
  type ConsumerConfig,
  type DeliveryReport,
  KafkaError,
  Producer,
  type ProducerConfig,
  type ProducerRecord,
} from '../index.js'
import { producerConfigOf } from './settings.js'
import type { ProcessorOptions } from './types.js'

export class Sender {
  readonly #config: ConsumerConfig
  readonly #options: Pick<ProcessorOptions, 'producer' | 'tokenProvider' | 'logger'>
  readonly #onError: (error: KafkaError) => void
  #own: Producer | undefined
  #closed = false

  constructor(config: ConsumerConfig, options: ProcessorOptions, onError: (error: KafkaError) => void) {
    this.#config = config
    this.#options = options
    this.#onError = onError
  }

  /** The one in use, if there is one yet. */
  get producer(): Producer | undefined {
    return this.#options.producer instanceof Producer ? this.#options.producer : this.#own
  }

  send(record: ProducerRecord): Promise<DeliveryReport> {
    return (this.producer ?? this.#open()).send(record)
  }

  #open(): Producer {
    if (this.#closed) throw new KafkaError('_STATE', 'the processor has stopped: nothing is sent any more')
    const { producer, tokenProvider, logger } = this.#options
    const config = producerConfigOf(this.#config, {
      // A dead letter is not to be doubled by a retry, nor to wait for company.
      'enable.idempotence': true,
      'linger.ms': 1,
      ...(producer as ProducerConfig | undefined),
    })
    this.#own = new Producer(config, { tokenProvider, logger, onError: this.#onError })
    return this.#own
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#own?.close()
  }
}
