// Error codes: numbers from the enum of rdkafka.h, names and texts from the table behind rd_kafka_get_err_descs().
import { cBlock, cString, Problem, stripC } from './source.mjs'

const prefix = 'RD_KAFKA_RESP_ERR_'

/** @returns {Map<string, number>} */
export function parseErrorEnum(/** @type {string} */ header) {
  const code = stripC(header)
  const end = code.indexOf('} rd_kafka_resp_err_t;')
  const body = cBlock(code, code.lastIndexOf('typedef enum', end))
  const numbers = new Map()
  let next = 0
  for (const [, name, value] of body.matchAll(/\bRD_KAFKA_RESP_ERR_(\w+)\s*(?:=\s*(-?\d+))?\s*,/g)) {
    const number = value === undefined ? next : Number(value)
    numbers.set(name, number)
    next = number + 1
  }
  return numbers
}

/** @returns {{ name: string, errno: number, description: string }[]} in order of their number */
export function readErrors({ read }) {
  const numbers = parseErrorEnum(read('src/rdkafka.h'))
  const source = read('src/rdkafka.c')
  const table = stripC(cBlock(source, source.indexOf('rd_kafka_err_descs[] = {')))
  const errors = []
  for (const [, name, text] of table.matchAll(
    /_ERR_DESC\(\s*RD_KAFKA_RESP_ERR_(\w+),\s*(NULL|(?:"(?:\\.|[^"\\])*"\s*)+)\)/g,
  )) {
    const errno = numbers.get(name)
    if (errno === undefined) throw new Problem(`${prefix}${name} is described in rdkafka.c but not in rdkafka.h`)
    numbers.delete(name)
    // Without a text it is a marker, such as _BEGIN: librdkafka never reports it.
    if (text !== 'NULL') errors.push({ name, errno, description: cString(text) })
  }
  const missing = [...numbers.keys()].filter((name) => !/^(_BEGIN|_END|END_ALL)$/.test(name))
  if (missing.length > 0) throw new Problem(`no description of ${missing.join(', ')} in rdkafka.c`)
  return errors.sort((a, b) => a.errno - b.errno)
}
