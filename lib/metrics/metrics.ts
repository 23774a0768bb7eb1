// What is observed, whoever the numbers are shown to.
import type { DeliveryReports } from '../index.js'
import { type Observable, Sources } from './sources.js'

/** What `prometheus()` and `openTelemetry()` return. */
export abstract class Metrics {
  /** @internal */
  readonly sources = new Sources()

  /** Producers, consumers, processors, pipelines: from now on their numbers are among the others. */
  observe(...items: Observable[]): this {
    for (const item of items) this.sources.observe(item)
    return this
  }

  /** For `onDelivery`, and for what `sendBatch` resolves with: counts, and times from produce to report. */
  deliveries(reports: DeliveryReports): void {
    this.sources.deliveries(reports)
  }

  /** Lets go of what it observed, and shows nothing any more. */
  stop(): void {
    this.sources.stop()
    this.withdraw()
  }

  /** Takes back what was registered elsewhere. */
  protected abstract withdraw(): void
}
