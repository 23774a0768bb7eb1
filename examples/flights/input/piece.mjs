// What the readers of formats yield: a record, or what is wrong with a place of the file.

/**
 * @typedef {{ line: number, record: Record<string, unknown>, value: string }} Accepted the value is the message's
 * @typedef {{ line: number, problem: string, text: string }} Rejected
 * @typedef {Accepted | Rejected} Piece
 */

/** @returns {Piece} */
export function parseJson(line, text) {
  try {
    const record = JSON.parse(text)
    if (typeof record === 'object' && record !== null && !Array.isArray(record)) return { line, record, value: text }
    const got = record === null ? 'null' : Array.isArray(record) ? 'an array' : `a ${typeof record}`
    return { line, problem: `a record is an object; this is ${got}`, text }
  } catch (error) {
    // Only what is wrong: the message also quotes the text, which is reported by itself.
    const reason = error.message.split(/, "| in JSON|, \.\.\./)[0].replace(/\s+/g, ' ')
    return { line, problem: `not JSON: ${reason}`, text }
  }
}

const shown = 2_000

/** @returns {Rejected} */
export function tooLong(line, beginning, limit) {
  return { line, problem: `longer than a message may be (${limit} bytes)`, text: beginning.slice(0, shown) }
}
