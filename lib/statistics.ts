// A client's statistics, whose text is parsed when somebody reads them. Most are not read: they come every second, and those
// of a client with a thousand partitions take milliseconds of the event loop.
import { type Statistics, statisticsFields } from './statistics.generated.js'

const inspect = Symbol.for('nodejs.util.inspect.custom')

/** @internal An object that becomes what the text says when the first of its properties is read. */
export function lazyStatistics(text: string): Statistics {
  const statistics: Record<PropertyKey, unknown> = {}
  const parse = () => {
    const parsed = JSON.parse(text) as Statistics
    for (const name of [...statisticsFields, inspect]) delete statistics[name]
    return Object.assign(statistics, parsed)
  }
  for (const name of statisticsFields) {
    Object.defineProperty(statistics, name, {
      configurable: true,
      enumerable: true,
      get: () => parse()[name],
      set: (value: unknown) => Object.assign(parse(), { [name]: value }),
    })
  }
  Object.defineProperty(statistics, inspect, { configurable: true, value: parse })
  return statistics as unknown as Statistics
}
