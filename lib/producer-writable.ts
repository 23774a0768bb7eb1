// A producer as a Node stream: records or values in, back-pressure from the queue.
import { Writable } from 'node:stream'
import type { BatchRecord, ProducerRecord, RecordBytes } from './record.js'

/** How chunks become records. Without a topic, chunks are whole records. */
export interface WritableOptions<Chunk> {
  /** The topic of all chunks, or of each. */
  topic?: string | ((chunk: Chunk) => string)
  key?: (chunk: Chunk) => RecordBytes
  /** The chunk itself without it: a string, a Buffer, … */
  value?: (chunk: Chunk) => RecordBytes
  headers?: (chunk: Chunk) => BatchRecord['headers']
  /** Chunks that wait while the queue is full; Node's default without it. */
  highWaterMark?: number
}

/** @internal What of a producer a stream needs. */
export interface Sender {
  send(record: ProducerRecord): Promise<unknown>
  roomOrWait(): Promise<void> | undefined
}

/**
 * @internal A record counts as written when the producer has taken it, and the stream ends when each has its report. The
 * first delivery that fails destroys the stream with its error.
 */
export function writableOf<Chunk>(sender: Sender, options: WritableOptions<Chunk>): Writable {
  let underway = 0
  let failure: Error | undefined
  let settled: (() => void) | undefined
  const sent = (error?: Error) => {
    underway--
    failure ??= error
    if (error && !stream.destroyed) stream.destroy(error)
    if (underway === 0) settled?.()
  }
  const stream = new Writable({
    objectMode: true,
    highWaterMark: options.highWaterMark,
    write(chunk: Chunk, _encoding, callback) {
      underway++
      sender.send(recordOf(chunk, options)).then(() => sent(), sent)
      const wait = sender.roomOrWait()
      if (wait) wait.then(() => callback(), callback)
      else callback()
    },
    final(callback) {
      if (underway === 0) return callback(failure)
      settled = () => callback(failure)
    },
  })
  return stream
}

function recordOf<Chunk>(chunk: Chunk, { topic, key, value, headers }: WritableOptions<Chunk>): ProducerRecord {
  if (topic === undefined) return chunk as ProducerRecord
  return {
    topic: typeof topic === 'function' ? topic(chunk) : topic,
    key: key?.(chunk),
    value: value ? value(chunk) : (chunk as RecordBytes),
    headers: headers?.(chunk),
  }
}
