// What is measured, whoever it is shown to: numbers that are read when somebody looks, and histograms.
export type Labels = Readonly<Record<string, string>>

/** A number, or one for each set of labels, read when it is asked for. */
export interface Instrument {
  readonly name: string
  readonly kind: 'counter' | 'gauge'
  readonly help: string
  /** UCUM, as OpenTelemetry wants it: `s`, `By`, `{message}`. */
  readonly unit: string
  read(): Iterable<readonly [labels: Labels, value: number]>
}

/** Durations in seconds, counted into plain arrays and read when somebody looks. */
export class Histogram {
  readonly kind = 'histogram'
  readonly name: string
  readonly help: string
  readonly unit = 's'
  readonly bounds: readonly number[]
  readonly #series = new Map<string, HistogramSeries>()
  /** OpenTelemetry's own, when there is one: it takes one time after the other, and keeps its buckets itself. */
  forward: ((seconds: number, labels: Labels) => void) | undefined

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.bounds = bounds
  }

  get series(): Iterable<HistogramSeries> {
    return this.#series.values()
  }

  /** `key` names the labels, so that they need not be compared. */
  seriesOf(key: string, labels: () => Labels): HistogramSeries {
    let series = this.#series.get(key)
    if (!series) {
      series = new HistogramSeries(labels(), this.bounds)
      this.#series.set(key, series)
    }
    return series
  }

  /** All to zero. */
  clear(): void {
    for (const series of this.#series.values()) series.clear()
  }
}

export class HistogramSeries {
  readonly labels: Labels
  readonly counts: Float64Array
  readonly #bounds: readonly number[]
  sum = 0
  count = 0

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels
    this.#bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  add(seconds: number, times: number): void {
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && seconds > bounds[bucket]) bucket++
    this.counts[bucket] += times
    this.sum += seconds * times
    this.count += times
  }

  clear(): void {
    this.counts.fill(0)
    this.sum = 0
    this.count = 0
  }
}

// OpenTelemetry's advice for messaging durations, with finer steps below: a local broker answers within a millisecond.
export const durations = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 60,
]

export interface Count {
  readonly labels: Labels
  value: number
}

/** Sums by labels. */
export class Counts {
  readonly #values = new Map<string, Count>()

  /** The one with this key; a new one is 0. */
  of(key: string, labels: () => Labels): Count {
    let count = this.#values.get(key)
    if (!count) {
      count = { labels: labels(), value: 0 }
      this.#values.set(key, count)
    }
    return count
  }

  add(key: string, labels: () => Labels, by = 1): void {
    this.of(key, labels).value += by
  }

  *read(): Iterable<readonly [Labels, number]> {
    for (const { labels, value } of this.#values.values()) yield [labels, value]
  }
}
