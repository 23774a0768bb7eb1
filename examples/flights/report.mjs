// What is said before and after the run.
import { relative } from 'node:path'
import { librdkafka } from 'odradek'
import { bytes, count, n } from './text.mjs'

// A rate of a few records says nothing.
const enoughForRate = 1_000

export function openingLines({ file, topic, cluster, to }) {
  const size = file.bytes > 0 ? ` (${bytes(file.bytes)})` : ''
  return [
    `odradek on librdkafka ${librdkafka.version}, Node ${process.versions.node}`,
    `${file.name}${size} → topic ${topic}, ${cluster.title} → ${to}`,
    '',
  ]
}

/** @param {import('./verification.mjs').Check[]} checks */
export function checkLines(checks, display) {
  if (checks.length === 0) return []
  const width = Math.max(...checks.map(({ name }) => name.length))
  const line = ({ name, ok, detail }) =>
    `  ${ok ? display.good('✓') : display.bad('✗')} ${name.padEnd(width)}  ${ok ? detail : display.bad(detail)}`
  return ['', display.title('Verification'), ...checks.map(line)]
}

export function closingLines({ interrupted, ok, records, milliseconds, rejects, total }, display) {
  const lines = ['']
  if (rejects.count > 0) {
    lines.push(`${count(rejects.count, 'record')} could not be read and set aside: ${relative('.', rejects.path)}`)
  }
  if (interrupted) lines.push(display.title(interruptedLine(interrupted, ok, records, total)))
  else if (!ok) lines.push(display.bad('The verification failed.'))
  else {
    const rate = records >= enoughForRate ? `: ${n((records * 1_000) / milliseconds)} per second` : ''
    const time = `${(milliseconds / 1_000).toFixed(2)} s`
    lines.push(display.title(`${count(records, 'record')} delivered, consumed and verified in ${time}${rate}.`))
  }
  return lines
}

function interruptedLine({ signal }, ok, records, total) {
  if (records === 0) return `Ended by ${signal} before the first record was produced.`
  const done = ok ? 'all delivered, consumed and committed' : 'and the verification failed'
  const left = total > records ? `; about ${n(Number((total - records).toPrecision(2)))} are left` : ''
  return `Ended by ${signal} after ${count(records, 'record')}: ${done}${left}.`
}
