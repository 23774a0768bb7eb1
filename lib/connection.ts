// Whether a client's cluster answers, for probes. librdkafka says when all brokers are gone, and not when one is back.
import type { KafkaError } from './errors.js'

const probeTimeout = 1000
const probePause = 1000

/** What `consumer.health()` tells. */
export interface ConsumerHealth {
  /** A broker answers, there is no fatal error, and the consumer is not closed. */
  ok: boolean
  /** Whether a broker answered last; not known, and so false, at the first call: it asks. */
  connected: boolean
  /** Whether there are partitions. A member of a group with more members than partitions has none, and is well. */
  assigned: boolean
  fatalError: KafkaError | undefined
  /** The last error of `onError`; it may have passed. */
  lastError: KafkaError | undefined
  /** When messages last came, in milliseconds since 1970; null before the first. */
  lastMessage: number | null
  /** Messages between positions and ends, as far as they are known without asking. */
  lag: number
}

/** @internal */
export class Connection {
  readonly #probe: (timeout: number) => Promise<unknown>
  #up = false
  #probing: Promise<void> | undefined
  #probed = Number.NEGATIVE_INFINITY

  /** `probe` asks any broker anything. */
  constructor(probe: (timeout: number) => Promise<unknown>) {
    this.#probe = probe
  }

  /** A broker has answered. */
  seen(): void {
    this.#up = true
  }

  /** All brokers are gone. */
  lost(): void {
    this.#up = false
  }

  /** Answers at once; asks, no more than once a second, when it is not known to be up. */
  get up(): boolean {
    if (!this.#up && performance.now() - this.#probed > probePause) this.#ask().catch(() => {})
    return this.#up
  }

  #ask(): Promise<void> {
    this.#probing ??= this.#probe(probeTimeout)
      .then(() => this.seen())
      .finally(() => {
        this.#probing = undefined
        this.#probed = performance.now()
      })
    return this.#probing
  }
}
