// What could not be read is set aside: a line of JSON for each, with its place in the input.
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Problem } from './problem.mjs'

// The display is no place for thousands of them; the file has them all.
const reported = 10

export class Rejects {
  count = 0
  #path
  #report
  #file

  /**
   * @param {string} path made when the first one comes
   * @param {(text: string) => void} report
   */
  constructor(path, report) {
    this.#path = path
    this.#report = report
  }

  get path() {
    return this.#path
  }

  /** @param {import('./input/piece.mjs').Rejected} piece */
  add({ line, problem, text }) {
    this.#file ??= this.#open()
    writeSync(this.#file, `${JSON.stringify({ line, problem, text })}\n`)
    this.count++
    if (this.count > reported) return
    const excerpt = text.length > 60 ? `${text.slice(0, 60)}…` : text
    this.#report(`line ${line} set aside: ${problem}${excerpt ? `: ${excerpt.replace(/\s+/g, ' ')}` : ''}`)
    if (this.count === reported) this.#report('further ones are counted, not shown')
  }

  #open() {
    try {
      mkdirSync(dirname(this.#path), { recursive: true })
      return openSync(this.#path, 'w')
    } catch (error) {
      throw new Problem(`The file for rejected records, '${this.#path}', cannot be written: ${error.message}`)
    }
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}
