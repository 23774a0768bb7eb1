// What is made of the records while they come in: for flights the delay by distance, else what the keys are. Each group of
// records has a state, a plain object: it can be a record of a topic, too.
import { bar, count, n, table } from './text.mjs'

const bandMiles = 250
const lateMinutes = 15
const barWidth = 24
const others = 'others'

/**
 * @typedef {Record<string, number>} State
 * @typedef {object} Statistics
 * @property {(key: string, record: Record<string, unknown>) => string} groupOf
 * @property {(state: State | undefined, record: Record<string, unknown>) => State} add the state with this record counted in
 * @property {(one: State | undefined, other: State) => State} merge
 * @property {(groups: Map<string, State>, display: import('./display.mjs').Display) => string[]} lines
 *
 * @param {Record<string, unknown>} first the first record: what the file is about
 * @returns {Statistics}
 */
export function statisticsFor(first, key) {
  return typeof first.delay === 'number' && typeof first.distance === 'number' ? new Delays() : new Keys(key)
}

export function aggregateFor(first, key) {
  return new Aggregate(statisticsFor(first, key))
}

/** The states of all groups, in memory. */
export class Aggregate {
  statistics
  groups = new Map()

  constructor(statistics) {
    this.statistics = statistics
  }

  add(key, record) {
    const group = this.statistics.groupOf(key, record)
    this.groups.set(group, this.statistics.add(this.groups.get(group), record))
  }

  merge(group, state) {
    this.groups.set(group, this.statistics.merge(this.groups.get(group), state))
  }

  lines(display) {
    return this.statistics.lines(this.groups, display)
  }
}

/** Delay by distance band. */
class Delays {
  groupOf(_key, { delay, distance }) {
    const known = typeof delay === 'number' && typeof distance === 'number' && distance >= 0
    return known ? String(Math.floor(distance / bandMiles)) : others
  }

  add(state, { delay }) {
    const late = delay > lateMinutes ? 1 : 0
    const known = typeof delay === 'number' ? delay : 0
    return this.merge(state, { records: 1, delay: known, late, most: known })
  }

  merge(one, other) {
    if (!one) return { ...other }
    one.records += other.records
    one.delay += other.delay
    one.late += other.late
    one.most = Math.max(one.most, other.most)
    return one
  }

  lines(groups, display) {
    const bands = [...groups].filter(([band]) => band !== others).sort(([a], [b]) => a - b)
    const highest = Math.max(...bands.map(([, { records, late }]) => late / records))
    const rows = bands.map(([band, { records, delay, late, most }]) => {
      const miles = `${n(band * bandMiles)} – ${n((Number(band) + 1) * bandMiles - 1)}`
      const share = late / records
      const percent = `${(share * 100).toFixed(1)} %`
      return [
        miles,
        n(records),
        `${(delay / records).toFixed(1)} min`,
        `${n(most)} min`,
        percent,
        bar(share / highest, barWidth),
      ]
    })
    const head = [' miles', ' flights', ' mean delay', ' longest', ` over ${lateMinutes} min late`, '']
    const rest = groups.get(others)
    const uncounted = rest ? [`  ${count(rest.records, 'record')} without delay and distance`] : []
    return ['', display.title('Delay by distance'), ...table(head, rows), ...uncounted]
  }
}

/** The most frequent keys. */
class Keys {
  #name

  constructor(name) {
    this.#name = name
  }

  groupOf(key) {
    return key
  }

  add(state) {
    return this.merge(state, { records: 1 })
  }

  merge(one, other) {
    if (!one) return { ...other }
    one.records += other.records
    return one
  }

  lines(groups, display) {
    const total = [...groups.values()].reduce((sum, { records }) => sum + records, 0)
    const most = [...groups].sort(([, a], [, b]) => b.records - a.records).slice(0, 10)
    const rows = most.map(([key, { records }]) => [
      key.length > 40 ? `${key.slice(0, 39)}…` : key,
      n(records),
      `${((records / total) * 100).toFixed(1)} %`,
      bar(records / most[0][1].records, barWidth),
    ])
    const all = groups.size
    const shown = all > most.length ? `the ${most.length} most frequent of ${n(all)}` : `all ${n(all)}`
    return [
      '',
      display.title(`Records by ${this.#name} (${shown})`),
      ...table([this.#name, ' records', ' share', ''], rows),
    ]
  }
}
