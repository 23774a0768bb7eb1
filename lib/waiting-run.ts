// Sends that came one after another and wait for room: a few words for each, since millions may wait.
import type { DeliveryReport } from './delivery-report.js'
import type { Resolve } from './producer-pending.js'
import type { ProducerRecord } from './record.js'
import type { WaitingSend } from './waiting-sends.js'

const most = 1024

/** @internal What writes them. */
export interface RunHost {
  readonly queue: { readonly hasRoom: boolean }
  ready(topic: number, record: ProducerRecord): boolean
  recordFailed(error: unknown): void
  writeSend(topic: number, record: ProducerRecord, resolve: Resolve<DeliveryReport>, event: undefined): void
}

/** @internal */
export class WaitingRun implements WaitingSend {
  place = 0
  bytes = 0
  readonly #host: RunHost
  readonly #topics: number[] = []
  readonly #sizes: number[] = []
  readonly #records: (ProducerRecord | undefined)[] = []
  readonly #resolves: (Resolve<DeliveryReport> | undefined)[] = []
  #next = 0
  // A balancer, the program's own, may send while it is asked.
  #writing = false

  constructor(host: RunHost) {
    this.#host = host
  }

  get messages(): number {
    return this.#records.length - this.#next
  }

  /** Whether one more can join. */
  get open(): boolean {
    return this.#records.length < most && !this.#writing
  }

  add(topic: number, record: ProducerRecord, size: number, resolve: Resolve<DeliveryReport>): void {
    this.#topics.push(topic)
    this.#sizes.push(size)
    this.#records.push(record)
    this.#resolves.push(resolve)
    this.bytes += size
  }

  write(): boolean {
    this.#writing = true
    try {
      while (this.messages > 0) {
        const topic = this.#topics[this.#next]
        const record = this.#records[this.#next] as ProducerRecord
        if (!this.#host.queue.hasRoom || !this.#host.ready(topic, record)) return false
        const resolve = this.#take()
        try {
          this.#host.writeSend(topic, record, resolve, undefined)
        } catch (error) {
          this.#host.recordFailed(error)
          resolve(Promise.reject(error))
        }
      }
      return true
    } finally {
      this.#writing = false
    }
  }

  reject(error: unknown): void {
    while (this.messages > 0) {
      this.#host.recordFailed(error)
      this.#take()(Promise.reject(error))
    }
  }

  /** The next one leaves, and what it held. */
  #take(): Resolve<DeliveryReport> {
    const index = this.#next++
    const resolve = this.#resolves[index] as Resolve<DeliveryReport>
    this.bytes -= this.#sizes[index]
    this.#records[index] = undefined
    this.#resolves[index] = undefined
    return resolve
  }
}
