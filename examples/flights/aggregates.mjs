// What is made of the records while they come in: for flights the delay by distance, else what the keys are.
import { bar, count, n, table } from './text.mjs'

const bandMiles = 250
const lateMinutes = 15
const barWidth = 24

/** @param {Record<string, unknown>} first the first record: what the file is about */
export function aggregateFor(first, key) {
  return typeof first.delay === 'number' && typeof first.distance === 'number' ? new Delays() : new Keys(key)
}

/** Delay by distance band. */
class Delays {
  #bands = []
  #others = 0

  add(_key, { delay, distance }) {
    if (typeof delay !== 'number' || typeof distance !== 'number' || distance < 0) {
      this.#others++
      return
    }
    const index = Math.floor(distance / bandMiles)
    this.#bands[index] ??= { flights: 0, delay: 0, late: 0, most: Number.NEGATIVE_INFINITY }
    const band = this.#bands[index]
    band.flights++
    band.delay += delay
    band.most = Math.max(band.most, delay)
    if (delay > lateMinutes) band.late++
  }

  lines(display) {
    const bands = Object.entries(this.#bands)
    const highest = Math.max(...bands.map(([, { flights, late }]) => late / flights))
    const rows = bands.map(([index, { flights, delay, late, most }]) => {
      const miles = `${n(index * bandMiles)} – ${n((Number(index) + 1) * bandMiles - 1)}`
      const share = late / flights
      const percent = `${(share * 100).toFixed(1)} %`
      return [
        miles,
        n(flights),
        `${(delay / flights).toFixed(1)} min`,
        `${n(most)} min`,
        percent,
        bar(share / highest, barWidth),
      ]
    })
    const head = [' miles', ' flights', ' mean delay', ' longest', ` over ${lateMinutes} min late`, '']
    const others = this.#others > 0 ? [`  ${count(this.#others, 'record')} without delay and distance`] : []
    return ['', display.title('Delay by distance'), ...table(head, rows), ...others]
  }
}

/** The most frequent keys. */
class Keys {
  #name
  #records = new Map()
  #total = 0

  constructor(name) {
    this.#name = name
  }

  add(key) {
    this.#records.set(key, (this.#records.get(key) ?? 0) + 1)
    this.#total++
  }

  lines(display) {
    const most = [...this.#records].sort((a, b) => b[1] - a[1]).slice(0, 10)
    const rows = most.map(([key, records]) => [
      key.length > 40 ? `${key.slice(0, 39)}…` : key,
      n(records),
      `${((records / this.#total) * 100).toFixed(1)} %`,
      bar(records / most[0][1], barWidth),
    ])
    const all = this.#records.size
    const shown = all > most.length ? `the ${most.length} most frequent of ${n(all)}` : `all ${n(all)}`
    return [
      '',
      display.title(`Records by ${this.#name} (${shown})`),
      ...table([this.#name, ' records', ' share', ''], rows),
    ]
  }
}
