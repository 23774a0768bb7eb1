// What turns values into bytes and back.
import type { Message } from '../index.js'

/** Where bytes come from or go to. */
export interface SerializeContext {
  readonly topic: string
  readonly part: 'key' | 'value'
  /** May be added to: some registries write the schema's id there. */
  readonly headers: Record<string, string | Buffer | undefined>
}

export interface DeserializeContext {
  readonly topic: string
  readonly part: 'key' | 'value'
  readonly message: Message
}

export interface Serializer<T> {
  /** Null is a tombstone, and undefined is no key. */
  serialize(value: T, where: SerializeContext): Bytes | Promise<Bytes>
}

export type Bytes = string | Uint8Array | null

export interface Deserializer<T> {
  /** Throws DecodeError for bytes that never will be a value. */
  deserialize(bytes: Buffer | null, where: DeserializeContext): T | Promise<T>
}

export interface Serde<T> extends Serializer<T>, Deserializer<T> {}

/**
 * These bytes are no value, and never will be: a poison message. `permanent` tells `retry()` of odradek/processor not to
 * try again; `deadLetter()` takes care of it.
 */
export class DecodeError extends Error {
  override readonly name: string = 'DecodeError'
  readonly permanent = true
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly part: 'key' | 'value'

  constructor(reason: string, { part, message }: DeserializeContext, options?: { cause?: unknown }) {
    const { topic, partition, offset } = message
    super(`the ${part} of ${topic} [${partition}] at ${offset} does not decode: ${reason}`, options)
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.part = part
  }
}

/** This value cannot be written: it is not what the serializer, or its schema, expects. */
export class EncodeError extends Error {
  override readonly name: string = 'EncodeError'
  readonly permanent = true

  constructor(reason: string, { topic, part }: SerializeContext, options?: { cause?: unknown }) {
    super(`the ${part} for ${topic} cannot be encoded: ${reason}`, options)
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
