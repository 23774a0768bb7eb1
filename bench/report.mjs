// The results as a table for people.

// A share of the machine that others took during a run, from which its figures are doubtful.
const NOISY = 0.05

const digits = (value, count) => (value === undefined ? '' : value.toFixed(count))
function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)} k` : value.toFixed(0)
}

function withRange(spread, count = 2) {
  if (!spread) return ''
  return `${spread.median.toFixed(count)} (${spread.least.toFixed(count)}–${spread.most.toFixed(count)})`
}

const columns = {
  rate: [
    ['messages/s', ({ rate: r }) => r && rate(r.median)],
    ['× C', ({ ratios }) => withRange(ratios.rate)],
    ['CPU µs/message', ({ cpu }) => digits(cpu?.median, 3)],
    ['× C', ({ ratios }) => withRange(ratios.cpu)],
    ['peak RSS MB', ({ rssKiB }) => rssKiB && digits(rssKiB.median / 1024, 0)],
    ['loop delay p99 ms', ({ loopDelayP99 }) => digits(loopDelayP99?.median, 1)],
  ],
  p50: [
    ['p50 µs', ({ p50 }) => digits(p50?.median, 0)],
    ['× C', ({ ratios }) => withRange(ratios.p50)],
    ['p99 µs', ({ p99 }) => digits(p99?.median, 0)],
    ['× C', ({ ratios }) => withRange(ratios.p99)],
    ['peak RSS MB', ({ rssKiB }) => rssKiB && digits(rssKiB.median / 1024, 0)],
  ],
}

function layout(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
  )
}

/** One family's table. */
export function table({ family, results }) {
  const shown = columns[family.better]
  const unit = family.unit ?? 'messages'
  const titles = shown.map(([title]) => title.replace('messages', unit).replace('message', unit.slice(0, -1)))
  const rows = [['', ...titles]]
  const notes = []
  for (const { label, summary } of results) {
    const noisy = summary.foreignCpu > NOISY
    rows.push([`${noisy ? '! ' : ''}${label}`, ...shown.map(([, cell]) => cell(summary) || '')])
    for (const error of new Set(summary.errors)) notes.push(`failed: ${label}: ${error}`)
  }
  return [family.title, ...layout(rows).map((line) => `  ${line}`), ...notes.map((note) => `  ${note}`)].join('\n')
}

export function isNoisy(all) {
  return all.some(({ results }) => results.some(({ summary }) => summary.foreignCpu > NOISY))
}

export const noiseNote = `! others took more than ${NOISY * 100} % of this machine in one of the rounds: do not quote these figures.`
