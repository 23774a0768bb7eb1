// CSV as RFC 4180 has it: a header line, quoted fields with doubled quotes and line breaks inside.
import { Problem } from '../problem.mjs'

// What JSON would write for it: "007" and "+1" stay texts.
const number = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/

export class Csv {
  #limit
  #text = ''
  #line = 1
  #names
  #delimiter = ','

  constructor(limit) {
    this.#limit = limit
  }

  *push(chunk) {
    this.#text += chunk
    yield* this.#rows(false)
  }

  *end() {
    yield* this.#rows(true)
  }

  *#rows(last) {
    const text = this.#text
    let at = 0
    while (at < text.length) {
      if (!this.#names) this.#delimiter = delimiterOf(text.slice(at, endOfLine(text, at)))
      const row = this.#row(text, at, last)
      if (row) {
        yield* this.#take(row, text.slice(at, row.next))
        at = row.next
      } else if (last || text.length - at > this.#limit) {
        // A quote that nothing closes: its line is set aside, and reading goes on with the next.
        const next = endOfLine(text, at) + 1
        yield { line: this.#line++, problem: 'a quote that is not closed', text: text.slice(at, next).trimEnd() }
        at = next
      } else {
        break
      }
    }
    this.#text = text.slice(at)
  }

  *#take({ fields, problem }, text) {
    const line = this.#line
    this.#line += text.includes('"') ? text.split('\n').length - 1 : 1
    const raw = text.trimEnd()
    if (raw === '') return
    if (!this.#names) {
      if (problem) throw new Problem(`Line ${line} is to name the columns, and cannot be read: ${problem}.`)
      this.#names = fields.map((name, index) => name.trim() || `column ${index + 1}`)
      return
    }
    const columns = this.#names.length
    if (problem) yield { line, problem, text: raw }
    else if (fields.length !== columns) {
      const count = fields.length === 1 ? '1 field' : `${fields.length} fields`
      yield { line, problem: `${count}, and the header names ${columns}`, text: raw }
    } else {
      const record = Object.fromEntries(fields.map((field, index) => [this.#names[index], typed(field)]))
      yield { line, record, value: JSON.stringify(record) }
    }
  }

  /** The row that begins here; undefined when the text ends before it does. */
  #row(text, from, last) {
    const fields = []
    let problem
    for (let at = from; ; ) {
      const field = text[at] === '"' ? quoted(text, at, this.#delimiter) : plain(text, at, this.#delimiter)
      if (!field || (field.end >= text.length && !last)) return undefined
      problem ??= field.problem
      fields.push(field.value)
      at = field.end + 1
      if (text[field.end] !== this.#delimiter) return { fields, problem, next: at }
    }
  }
}

function plain(text, from, delimiter) {
  const lineEnd = endOfLine(text, from)
  const next = text.indexOf(delimiter, from)
  const end = next < 0 || next > lineEnd ? lineEnd : next
  const value = end === lineEnd && text[end - 1] === '\r' ? text.slice(from, end - 1) : text.slice(from, end)
  return { value, end, problem: value.includes('"') ? 'a quote inside a field that is not quoted' : undefined }
}

/** Undefined when there is no closing quote. */
function quoted(text, from, delimiter) {
  let close = text.indexOf('"', from + 1)
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  if (close < 0) return undefined
  const value = text.slice(from + 1, close).replaceAll('""', '"')
  const behind = plain(text, close + 1, delimiter)
  return { value, end: behind.end, problem: behind.value === '' ? undefined : 'text behind a closing quote' }
}

function endOfLine(text, from) {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function delimiterOf(header) {
  const count = (delimiter) => header.split(delimiter).length
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best))
}

function typed(field) {
  return number.test(field) ? Number(field) : field
}
