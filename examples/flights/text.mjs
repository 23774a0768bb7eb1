// Numbers and tables as people read them.

export const n = (number) => Math.round(number).toLocaleString('en-US')
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`
export const count = (number, noun) => `${n(number)} ${noun}${number === 1 ? '' : 's'}`

export function bytes(size) {
  const step = [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ].find(([unit]) => size >= unit)
  return step ? `${(size / step[0]).toFixed(1)} ${step[1]}` : count(size, 'byte')
}

const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar of up to `width` columns, exact to an eighth of one. */
export function bar(share, width) {
  const units = Math.round(Math.min(Math.max(share, 0), 1) * width * 8)
  return '█'.repeat(units >> 3) + eighths[units & 7]
}

/**
 * Columns: those whose head begins with a space are aligned to the right.
 * @param {string[]} head
 * @param {string[][]} rows
 */
export function table(head, rows) {
  const right = head.map((text) => text.startsWith(' '))
  const names = head.map((text) => text.trim())
  const widths = names.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column].length)))
  const line = (cells) => {
    const padded = cells.map((cell, c) => (right[c] ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
    return `  ${padded.join('   ').trimEnd()}`
  }
  return [line(names), ...rows.map(line)]
}
