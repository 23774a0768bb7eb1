// A message's headers: a lazy view over its slab, where native/message_slab.h has packed them.
import { Buffer, isUtf8 } from 'node:buffer'
import { inspect } from 'node:util'

/** A message's headers: ordered pairs. */
export class MessageHeaders implements Iterable<readonly [name: string, value: Buffer | null]> {
  readonly #bytes: Buffer
  readonly #position: number
  readonly #length: number

  /** @internal */
  constructor(bytes: Buffer, position: number, length: number) {
    this.#bytes = bytes
    this.#position = position
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  /** The last value of this name, as Kafka's lastHeader; undefined without one. */
  get(name: string): Buffer | null | undefined {
    const last = this.#of(name).at(-1)
    return last === undefined ? undefined : valueAt(this.#bytes, last)
  }

  /** All values of this name, in their order. */
  getAll(name: string): (Buffer | null)[] {
    return this.#of(name).map((at) => valueAt(this.#bytes, at))
  }

  has(name: string): boolean {
    return this.#of(name).length > 0
  }

  *[Symbol.iterator](): Iterator<readonly [string, Buffer | null]> {
    const bytes = this.#bytes
    let at = this.#position
    for (let i = 0; i < this.#length; i++) {
      yield [bytes.toString('utf8', at + 8, nameEnd(bytes, at)), valueAt(bytes, at)]
      at = headerEnd(bytes, at)
    }
  }

  /** Where those of this name are. No name becomes a string, and no value a Buffer, that nobody asked for. */
  #of(name: string): number[] {
    const bytes = this.#bytes
    const found: number[] = []
    if (typeof name !== 'string') return found
    const wanted = encoded(name)
    // Such a name may stand for bytes that are no UTF-8.
    const decoded = name.includes('\ufffd')
    let at = this.#position
    for (let i = 0; i < this.#length; i++) {
      const is = decoded
        ? bytes.toString('utf8', at + 8, nameEnd(bytes, at)) === name
        : bytes.readInt32LE(at) === wanted.length && startsWith(bytes, at + 8, wanted)
      if (is) found.push(at)
      at = headerEnd(bytes, at)
    }
    return found
  }

  toJSON(): unknown[] {
    return Array.from(this, ([name, value]) => [name, readable(value)])
  }

  [inspect.custom](_depth: number, options: object): string {
    return `MessageHeaders ${inspect(this.toJSON(), options)}`
  }
}

/** @internal Where a message's headers end. */
export function headersEnd(bytes: Buffer, position: number, length: number): number {
  let at = position
  for (let i = 0; i < length; i++) at = headerEnd(bytes, at)
  return at
}

/** @internal As text where it is UTF-8, else `{ base64 }`. */
export function readable(bytes: Buffer | null): unknown {
  if (bytes === null) return null
  return isUtf8(bytes) ? bytes.toString('utf8') : { base64: bytes.toString('base64') }
}

function nameEnd(bytes: Buffer, at: number): number {
  return at + 8 + bytes.readInt32LE(at)
}

function headerEnd(bytes: Buffer, at: number): number {
  return nameEnd(bytes, at) + Math.max(bytes.readInt32LE(at + 4), 0)
}

function valueAt(bytes: Buffer, at: number): Buffer | null {
  const length = bytes.readInt32LE(at + 4)
  // Half the cost of subarray.
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + nameEnd(bytes, at), length)
}

function startsWith(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

// Programs ask for the same few names again and again.
const names = new Map<string, Buffer>()
const mostNames = 256

function encoded(name: string): Buffer {
  let bytes = names.get(name)
  if (!bytes) {
    bytes = Buffer.from(name)
    if (names.size < mostNames) names.set(name, bytes)
  }
  return bytes
}
