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

/** Durations in seconds. Kept as plain arrays: counting one costs some ten nanoseconds. */
export class Histogram {
  readonly name: string
  readonly help: string
  readonly unit = 's'
  readonly bounds: readonly number[]
  readonly series = new Map<string, HistogramSeries>()
  /** OpenTelemetry's own, when there is one: it keeps its buckets itself. */
  forward: ((seconds: number, labels: Labels) => void) | undefined

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.bounds = bounds
  }

  /** `key` names the labels, so that they need not be compared. */
  observe(seconds: number, key: string, labels: () => Labels, times = 1): void {
    let series = this.series.get(key)
    if (!series) {
      series = { labels: labels(), counts: new Float64Array(this.bounds.length + 1), sum: 0, count: 0 }
      this.series.set(key, series)
    }
    const { bounds } = this
    let bucket = 0
    while (bucket < bounds.length && seconds > bounds[bucket]) bucket++
    series.counts[bucket] += times
    series.sum += seconds * times
    series.count += times
    for (let i = 0; this.forward && i < times; i++) this.forward(seconds, series.labels)
  }
}

export interface HistogramSeries {
  readonly labels: Labels
  readonly counts: Float64Array
  sum: number
  count: number
}

// OpenTelemetry's advice for messaging durations, with finer steps below: a local broker answers within a millisecond.
export const durations = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 60,
]

/** Sums by labels. */
export class Counts {
  readonly #values = new Map<string, { labels: Labels; value: number }>()

  add(key: string, labels: () => Labels, by = 1): void {
    const entry = this.#values.get(key)
    if (entry) entry.value += by
    else this.#values.set(key, { labels: labels(), value: by })
  }

  *read(): Iterable<readonly [Labels, number]> {
    for (const { labels, value } of this.#values.values()) yield [labels, value]
  }
}
