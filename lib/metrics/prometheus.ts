// Prometheus, through the registry of prom-client (or whatever takes metrics of its shape).
import { KafkaError } from '../index.js'
import type { Histogram, Instrument } from './instruments.js'
import { Metrics } from './metrics.js'

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

export class PrometheusMetrics extends Metrics {
  readonly #register: PrometheusRegister
  readonly #names: string[] = []

  /** @internal */
  constructor(register: PrometheusRegister) {
    super()
    this.#register = register
    const { instruments, process, operation } = this.sources
    for (const instrument of instruments) this.#add(new PulledMetric(instrument))
    for (const histogram of [process, operation]) this.#add(new HistogramMetric(histogram))
  }

  #add(metric: Metric<Instrument | Histogram>): void {
    this.#register.registerMetric(metric as never)
    this.#names.push(metric.name)
  }

  protected override withdraw(): void {
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
abstract class Metric<Of extends Instrument | Histogram> {
  readonly name: string
  readonly aggregator = 'sum'
  protected readonly of: Of

  constructor(of: Of) {
    this.of = of
    this.name = prometheusName(of)
  }

  protected abstract values(): Value[]

  async get() {
    const { name, aggregator } = this
    const { help, kind } = this.of
    return { name, help, type: kind, values: this.values(), aggregator }
  }

  /** `register.resetMetrics()`, as tests do: what is read elsewhere stays what it is. */
  reset(): void {}
}

class PulledMetric extends Metric<Instrument> {
  protected override values(): Value[] {
    return Array.from(this.of.read(), ([labels, value]) => ({ labels, value }))
  }
}

class HistogramMetric extends Metric<Histogram> {
  protected override values(): Value[] {
    const { bounds, series } = this.of
    const values: Value[] = []
    for (const { labels, counts, sum, count } of series) {
      let below = 0
      counts.forEach((some, i) => {
        below += some
        const le = i < bounds.length ? bounds[i] : '+Inf'
        values.push({ labels: { le, ...labels }, value: below, metricName: `${this.name}_bucket` })
      })
      values.push({ labels, value: sum, metricName: `${this.name}_sum` })
      values.push({ labels, value: count, metricName: `${this.name}_count` })
    }
    return values
  }

  override reset(): void {
    this.of.clear()
  }
}
