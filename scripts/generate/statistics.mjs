// The tables of STATISTICS.md.
import { splitRow } from './configuration.mjs'
import { Problem } from './source.mjs'

/** @returns {Map<string, { name: string, type: string, description: string }[]>} the fields of each section */
export function parseStatistics(/** @type {string} */ markdown) {
  const sections = new Map()
  let fields = []
  for (const line of markdown.split('\n')) {
    if (line.startsWith('#')) {
      fields = []
      sections.set(line.replace(/^#+\s*/, '').toLowerCase(), fields)
    }
    const cells = splitRow(line)
    if (cells.length !== 4 || cells[0] === 'Field' || /^-+$/.test(cells[0])) continue
    const [name, type, , description] = cells
    fields.push({ name, type, description: description.replaceAll('·', '').replaceAll('  ', ' ').trim() })
  }
  for (const [name, section] of sections) if (section.length === 0) sections.delete(name)
  if (sections.size < 8) throw new Problem(`only ${sections.size} tables in STATISTICS.md: has its format changed?`)
  return sections
}
