// Prometheus, through the registry of prom-client (or whatever takes metrics of its shape).
import { type DeliveryReports, KafkaError } from '../index.js'
import type { Histogram, Instrument } from './instruments.js'
import { type Observable, Sources } from './sources.js'

/** prom-client's Registry. */
export interface PrometheusRegister {
  registerMetric(metric: never): void
  removeSingleMetric(name: string): void
}

interface Value {
  labels: Record<string, string | number>
  value: number
  metricName?: string
}

/**
 * Puts what it observes into a registry of prom-client. Names are OpenTelemetry's in Prometheus' spelling.
 *
 * ```ts
 * prometheus(register).observe(producer, consumer, app)
 * ```
 *
 * Rates, bytes, broker times and lag by commit come from librdkafka's statistics: set `statistics.interval.ms`, to 5,000
 * for instance. Everything is read when the registry is scraped.
 */
export function prometheus(register: PrometheusRegister): PrometheusMetrics {
  if (typeof register?.registerMetric !== 'function') {
    throw new KafkaError('_INVALID_ARG', 'prometheus() takes a registry of prom-client: it has registerMetric()')
  }
  return new PrometheusMetrics(register)
}

export class PrometheusMetrics {
  readonly #register: PrometheusRegister
  readonly #sources = new Sources()
  readonly #names: string[] = []

  /** @internal */
  constructor(register: PrometheusRegister) {
    this.#register = register
    for (const instrument of this.#sources.instruments) this.#add(new PulledMetric(instrument))
    for (const histogram of [this.#sources.process, this.#sources.operation]) this.#add(new HistogramMetric(histogram))
  }

  #add(metric: PulledMetric | HistogramMetric): void {
    this.#register.registerMetric(metric as never)
    this.#names.push(metric.name)
  }

  observe(...items: Observable[]): this {
    for (const item of items) this.#sources.observe(item)
    return this
  }

  /** For `onDelivery`, and for what `sendBatch` resolves with: counts, and times from produce to report. */
  deliveries(reports: DeliveryReports): void {
    this.#sources.deliveries(reports)
  }

  /** @internal */
  get sources(): Sources {
    return this.#sources
  }

  /** Takes its metrics out of the registry, and lets go of what it observed. */
  stop(): void {
    this.#sources.stop()
    for (const name of this.#names.splice(0)) this.#register.removeSingleMetric(name)
  }
}

const units: Record<string, string> = { s: '_seconds', By: '_bytes' }

/** `kafka.broker.rtt` in `s` is `kafka_broker_rtt_seconds`; counters end in `_total`. */
export function prometheusName({ name, unit, kind }: { name: string; unit: string; kind: string }): string {
  const suffix = units[unit] ?? ''
  const plain = name.replaceAll('.', '_')
  const withUnit = plain.endsWith(suffix) ? plain : plain + suffix
  return kind === 'counter' ? `${withUnit}_total` : withUnit
}

/** What prom-client's registry asks of a metric. */
class PulledMetric {
  readonly name: string
  readonly aggregator = 'sum'
  readonly #instrument: Instrument

  constructor(instrument: Instrument) {
    this.#instrument = instrument
    this.name = prometheusName(instrument)
  }

  async get() {
    const { help, kind } = this.#instrument
    const values: Value[] = []
    for (const [labels, value] of this.#instrument.read()) values.push({ labels, value })
    return { name: this.name, help, type: kind, values, aggregator: this.aggregator }
  }

  reset(): void {}
}

class HistogramMetric {
  readonly name: string
  readonly aggregator = 'sum'
  readonly #histogram: Histogram

  constructor(histogram: Histogram) {
    this.#histogram = histogram
    this.name = prometheusName({ name: histogram.name, unit: histogram.unit, kind: 'histogram' })
  }

  async get() {
    const { help, bounds, series } = this.#histogram
    const values: Value[] = []
    for (const { labels, counts, sum, count } of series.values()) {
      let below = 0
      counts.forEach((some, i) => {
        below += some
        const le = i < bounds.length ? bounds[i] : '+Inf'
        values.push({ labels: { le, ...labels }, value: below, metricName: `${this.name}_bucket` })
      })
      values.push({ labels, value: sum, metricName: `${this.name}_sum` })
      values.push({ labels, value: count, metricName: `${this.name}_count` })
    }
    return { name: this.name, help, type: 'histogram', values, aggregator: this.aggregator }
  }

  reset(): void {
    this.#histogram.series.clear()
  }
}
