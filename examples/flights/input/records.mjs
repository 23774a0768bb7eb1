// The records of a file, in whatever format: keyed, or set aside.
import { createReadStream } from 'node:fs'
import { basename, extname } from 'node:path'
import { checkFile, fileProblem } from '../options.mjs'
import { Problem } from '../problem.mjs'
import { JsonArray } from './array.mjs'
import { Csv } from './csv.mjs'
import { JsonLines } from './lines.mjs'

// Below the default of message.max.bytes, with room for key and headers.
const maxRecordBytes = 990_000
const chunkBytes = 256 * 1024
const batchSize = 1_000
// So many records without the key, and none with it: the name is wrong, not the records.
const enoughToJudge = 1_000

const formats = {
  array: { title: 'JSON array', reader: JsonArray },
  lines: { title: 'JSON lines', reader: JsonLines },
  csv: { title: 'CSV', reader: Csv },
}

/** @typedef {{ key: string, value: string, record: Record<string, unknown> }} KeyedRecord */

export class RecordFile {
  /** The field that becomes the key: known from the first record on. */
  key
  /** Known from the first bytes on. */
  format
  bytesRead = 0
  #onReject
  #keyed = 0
  #keyless = 0
  #lastKeyless

  /**
   * @param {string} path
   * @param {{ key?: string, onReject: (piece: import('./piece.mjs').Rejected) => void }} options
   */
  constructor(path, { key, onReject }) {
    this.path = path
    this.name = basename(path)
    this.key = key
    this.#onReject = onReject
    /** 0 when unknown: a pipe, for example. */
    this.bytes = checkFile(path)
  }

  /**
   * Batches of records, until the end of the file or until the signal aborts.
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<KeyedRecord[]>}
   */
  async *batches(signal) {
    let batch = []
    for await (const { pieces, end } of this.#chunks()) {
      for (const piece of pieces) {
        const record = this.#keyedRecord(piece)
        // About: what is between the records is counted at the end of the chunk.
        if (record) this.bytesRead = Math.min(end, this.bytesRead + record.value.length)
        if (!record || batch.push(record) < batchSize) continue
        yield batch
        batch = []
        if (signal.aborted) return
      }
      this.bytesRead = end
    }
    if (batch.length > 0) yield batch
    if (this.#keyed === 0) throw this.#nothingRead()
  }

  /** The pieces that each chunk of the file brings, and where it ends in the file. */
  async *#chunks() {
    // Leaves out the byte order mark that some programs put before UTF-8.
    const decoder = new TextDecoder()
    let reader
    let end = 0
    try {
      for await (const chunk of createReadStream(this.path, { highWaterMark: chunkBytes })) {
        const text = decoder.decode(chunk, { stream: true })
        reader ??= this.#readerFor(text)
        end += chunk.length
        yield { pieces: reader.push(text), end }
      }
    } catch (error) {
      throw error.syscall ? fileProblem(this.path, error) : error
    }
    if (!reader) return
    yield { pieces: reader.push(decoder.decode()), end }
    yield { pieces: reader.end(), end }
  }

  #readerFor(text) {
    const first = text.trimStart()[0]
    const extension = extname(this.path).toLowerCase()
    if (extension === '.csv' || extension === '.tsv') this.format = formats.csv
    else if (extension === '.ndjson' || extension === '.jsonl') this.format = formats.lines
    else if (first === '[') this.format = formats.array
    else this.format = first === '{' || extension === '.json' ? formats.lines : formats.csv
    return new this.format.reader(maxRecordBytes)
  }

  /** @returns {KeyedRecord | undefined} */
  #keyedRecord(piece) {
    if ('problem' in piece) return this.#onReject(piece)
    const { line, record, value } = piece
    this.key ??= Object.keys(record)[0]
    const key = record[this.key]
    if (typeof key === 'number' || typeof key === 'boolean' || (typeof key === 'string' && key !== '')) {
      this.#keyed++
      return { key: String(key), value, record }
    }
    if (this.#keyed === 0 && ++this.#keyless === enoughToJudge) throw this.#noKey(record)
    this.#lastKeyless = record
    this.#onReject({ line, problem: keyProblem(this.key, key), text: value })
  }

  #nothingRead() {
    if (this.#lastKeyless) return this.#noKey(this.#lastKeyless)
    if (!this.format) return new Problem(`'${this.path}' is empty: there is nothing to produce.`)
    return new Problem(`'${this.path}' was read as ${this.format.title}, and no record was found in it.`)
  }

  #noKey(record) {
    const fields = Object.keys(record).join(', ') || '(none)'
    return new Problem(`No record of '${this.path}' has a key in the field '${this.key}'. Its fields are: ${fields}.`)
  }
}

function keyProblem(name, key) {
  if (key === undefined) return `no field '${name}' to be the key`
  const what = key === null ? 'null' : key === '' ? 'empty' : `an ${Array.isArray(key) ? 'array' : 'object'}`
  return `the key field '${name}' is ${what}`
}
