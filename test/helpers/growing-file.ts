// The lines of a file that another process appends to: each is read once.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export class GrowingFile {
  readonly lines: string[] = []
  readonly #path: string
  #at = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  /** What has come since it was asked last. A line that is cut off is none yet. */
  more(): string[] {
    let file: number
    try {
      file = openSync(this.#path, 'r')
    } catch {
      return []
    }
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - this.#at)
      const read = readSync(file, bytes, 0, bytes.length, this.#at)
      this.#at += read
      const lines = (this.#rest + bytes.toString('latin1', 0, read)).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.lines.push(line)
      return lines
    } finally {
      closeSync(file)
    }
  }
}
