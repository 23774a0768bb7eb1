// Middleware for sending: the same idea on the producer's side.
import type { DeliveryReport, Producer, ProducerRecord } from '../index.js'
import { invalid } from './settings.js'

export interface PublishContext {
  readonly signal: AbortSignal | undefined
}

/** Sends a record. */
export type PublishHandler = (record: ProducerRecord, context: PublishContext) => Promise<DeliveryReport>

/** Wraps sending. */
export type PublishMiddleware = (next: PublishHandler) => PublishHandler

/** Whatever sends records: a Producer, a transaction's `tx`, a handler's context. */
export interface RecordSender {
  send(record: ProducerRecord, options?: { signal?: AbortSignal }): Promise<DeliveryReport>
}

/**
 * A producer whose records go through middleware first. What is used first is outermost: it sees the record first, and
 * the report last.
 *
 * ```ts
 * const publisher = new Publisher(producer).use(tracePublish()).use(withHeaders(() => ({ tenant })))
 * await publisher.send({ topic: 'orders', value })
 * ```
 */
export class Publisher implements RecordSender {
  readonly #middleware: PublishMiddleware[] = []
  readonly #last: PublishHandler
  #handler: PublishHandler

  constructor(sender: Producer | RecordSender) {
    if (typeof sender?.send !== 'function') throw invalid('a Publisher is made of a Producer, or whatever has send()')
    this.#last = (record, { signal }) => (signal ? sender.send(record, { signal }) : sender.send(record))
    this.#handler = this.#last
  }

  use(middleware: PublishMiddleware): this {
    if (typeof middleware !== 'function')
      throw invalid('use() takes a middleware: a function from a sender to a sender')
    this.#middleware.push(middleware)
    this.#handler = this.#middleware.reduceRight((next, wrap) => wrap(next), this.#last)
    return this
  }

  send(record: ProducerRecord, { signal }: { signal?: AbortSignal } = {}): Promise<DeliveryReport> {
    try {
      return Promise.resolve(this.#handler(record, { signal }))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Each through the middleware; settles when all have, in their order. Failures are values. */
  sendAll(
    records: readonly ProducerRecord[],
    options: { signal?: AbortSignal } = {},
  ): Promise<PromiseSettledResult<DeliveryReport>[]> {
    return Promise.allSettled(records.map((record) => this.send(record, options)))
  }
}

/** Adds headers to every record, after its own. */
export function withHeaders(
  headers: (record: ProducerRecord) => Readonly<Record<string, string | Buffer | null>>,
): PublishMiddleware {
  if (typeof headers !== 'function') throw invalid('withHeaders() takes a function from a record to headers')
  return (next) => (record, context) =>
    next({ ...record, headers: [...headerPairs(record), ...Object.entries(headers(record))] }, context)
}

/** A record's headers as pairs, whichever way they were given. */
export function headerPairs({
  headers,
}: ProducerRecord): (readonly [string, string | Uint8Array | null | undefined])[] {
  if (!headers) return []
  const pairs = Symbol.iterator in headers ? [...headers] : Object.entries(headers)
  return pairs as (readonly [string, string | Uint8Array | null | undefined])[]
}
