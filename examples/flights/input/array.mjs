// A JSON array of objects, read as it comes: the elements are cut out by their brackets and parsed one by one.
import { parseJson, tooLong } from './piece.mjs'

const [space, newline, quote, comma, backslash] = [0x20, 0x0a, 0x22, 0x2c, 0x5c]
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d]

export class JsonArray {
  #rest = ''
  #limit
  #line = 1
  // Where the element begins that is being read; 0 between elements.
  #elementLine = 0
  // 0 before the array, 1 between its elements, more inside of one; -1 after it.
  #depth = 0
  #inString = false
  #escaped = false
  // A string does not end on its line: JSON has no line breaks in strings.
  #broken = false

  constructor(limit) {
    this.#limit = limit
  }

  *push(chunk) {
    let text = this.#rest + chunk
    let from = 0
    for (let at = this.#rest.length; at < text.length && this.#depth >= 0; at++) {
      if (this.#endsBefore(text.charCodeAt(at))) {
        yield* this.#take(text.slice(from, at))
        from = at + 1
      } else if (this.#broken || at - from > this.#limit) {
        const { piece, next } = this.#giveUp(text.slice(from, at + 1))
        yield piece
        text = text.slice(from + next)
        from = 0
        at = -1
      }
    }
    this.#rest = this.#depth >= 0 ? text.slice(from) : text.slice(from, from + this.#limit)
  }

  *end() {
    if (this.#depth === 1) yield* this.#take(this.#rest)
    const unfinished = this.#elementLine > 0
    while (this.#depth >= 0 && this.#elementLine > 0) {
      const { piece, next } = this.#giveUp(this.#rest)
      yield piece
      const rest = this.#rest.slice(next)
      this.#rest = ''
      yield* this.push(rest)
    }
    const text = this.#depth < 0 ? this.#rest.trim() : ''
    if (text !== '') yield { line: this.#line, problem: 'text after the end of the array', text }
    if (this.#depth >= 0 && !unfinished) yield { line: this.#line, problem: 'the array has no end', text }
  }

  /** Whether an element ends before this character. */
  #endsBefore(code) {
    if (this.#inString) {
      this.#scanString(code)
      return false
    }
    if (code <= space) {
      if (code === newline) this.#line++
      return false
    }
    if (this.#elementLine === 0 && this.#depth === 1) this.#elementLine = this.#line
    if (code === quote) this.#inString = true
    else if (code === comma) return this.#depth === 1
    else if (code === openBracket || code === openBrace) return ++this.#depth === 1
    else if (code === closeBracket && this.#depth === 1) {
      this.#depth = -1
      return true
    } else if ((code === closeBracket || code === closeBrace) && this.#depth > 1) this.#depth--
    return false
  }

  #scanString(code) {
    if (code === newline) this.#broken = true
    else if (this.#escaped) this.#escaped = false
    else if (code === backslash) this.#escaped = true
    else if (code === quote) this.#inString = false
  }

  *#take(element) {
    const line = this.#elementLine
    this.#elementLine = 0
    const text = element.trim()
    // Before the array, and between its last comma and its end, there is nothing.
    if (text !== '') yield parseJson(line, text)
  }

  /** An element does not end: its first line is set aside, and reading goes on behind that. */
  #giveUp(text) {
    const start = text.search(/\S/)
    const lineEnd = text.indexOf('\n', start)
    const next = lineEnd < 0 ? text.length : lineEnd + 1
    const line = this.#elementLine
    const first = text.slice(start, next).trimEnd()
    if (lineEnd >= 0) this.#line = line + 1
    this.#elementLine = 0
    this.#depth = 1
    this.#inString = this.#escaped = this.#broken = false
    const problem = { line, problem: 'a record that is not closed', text: first }
    return { piece: first.length > this.#limit ? tooLong(line, first, this.#limit) : problem, next }
  }
}
