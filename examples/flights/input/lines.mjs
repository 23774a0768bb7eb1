// JSON lines (NDJSON): a record on each line.
import { parseJson, tooLong } from './piece.mjs'

export class JsonLines {
  #rest = ''
  #line = 0
  #limit
  // Inside a line that is too long: its beginning, for the report.
  #beginning

  constructor(limit) {
    this.#limit = limit
  }

  *push(chunk) {
    const text = this.#rest + chunk
    let from = 0
    // What was kept of the last chunk has no line break.
    for (let end = text.indexOf('\n', this.#rest.length); end >= 0; end = text.indexOf('\n', from)) {
      yield* this.#take(text.slice(from, end))
      from = end + 1
    }
    this.#rest = text.slice(from)
    if (this.#rest.length <= this.#limit) return
    this.#beginning ??= this.#rest
    this.#rest = ''
  }

  *end() {
    if (this.#rest !== '' || this.#beginning !== undefined) yield* this.#take(this.#rest)
  }

  *#take(text) {
    const line = ++this.#line
    if (this.#beginning !== undefined || text.length > this.#limit) {
      yield tooLong(line, this.#beginning ?? text, this.#limit)
      this.#beginning = undefined
      return
    }
    const record = text.trim()
    if (record !== '') yield parseJson(line, record)
  }
}
