// From rounds to the figures that are shown.

export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function spread(values) {
  const finite = values.filter((value) => Number.isFinite(value))
  if (finite.length === 0) return undefined
  return { median: median(finite), least: Math.min(...finite), most: Math.max(...finite) }
}

const figures = ['rate', 'cpu', 'rssKiB', 'loopDelayP99', 'loopDelayMax', 'p50', 'p99']
const compared = ['rate', 'cpu', 'p50', 'p99']

/**
 * Medians over the rounds, and of the ratios to the baseline *of the same round*: what disturbs the machine for a while
 * then disturbs both.
 * @param {object[]} rounds a result or `{ error }` for each round
 * @param {object[]} baseline
 */
export function summarize(rounds, baseline) {
  const good = rounds.filter((round) => !round.error)
  const values = Object.fromEntries(figures.map((name) => [name, spread(good.map((round) => round[name]))]))
  const ratio = (name) => spread(rounds.map((round, i) => round[name] / baseline[i]?.[name]))
  return {
    ...values,
    ratios: Object.fromEntries(compared.map((name) => [name, ratio(name)])),
    rounds: good.length,
    errors: rounds.filter((round) => round.error).map((round) => round.error),
    foreignCpu: Math.max(0, ...rounds.map((round) => round.foreignCpu ?? 0)),
  }
}
