// Text, JSON, and JSON that is what it says it is.
import { isUtf8 } from 'node:buffer'
import { KafkaError } from '../index.js'
import { DecodeError, EncodeError, type Serde, textOf } from './types.js'

/** UTF-8 text; null for null. What is not UTF-8 does not decode. */
export function string(): Serde<string | null> {
  return {
    serialize(value, where) {
      if (value === null || value === undefined || typeof value === 'string') return value ?? null
      throw new EncodeError(`it is not a string but ${typeof value}`, where)
    },
    deserialize(bytes, where) {
      if (bytes === null) return null
      if (!isUtf8(bytes)) throw new DecodeError('it is not UTF-8', where)
      return bytes.toString('utf8')
    },
  }
}

/** Bytes as they are. */
export function buffer(): Serde<Buffer | null> {
  return {
    serialize(value, where) {
      if (value === null || value === undefined || value instanceof Uint8Array) return value ?? null
      throw new EncodeError(`it is not a Buffer but ${typeof value}`, where)
    },
    deserialize: (bytes) => bytes,
  }
}

/** See standardschema.dev: what zod, valibot, arktype and others have in common. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * JSON. With a validator (zod, valibot, arktype, … : any Standard Schema) what it does not accept does not decode, and is
 * not sent; `decoded` is what the validator made of it. A null value, a tombstone, is null without being validated.
 *
 * ```ts
 * const order = json(z.object({ id: z.string(), amount: z.number() }))
 * ```
 */
export function json<T = unknown>(): Serde<T | null>
export function json<Input, Output>(schema: StandardSchema<Input, Output>): Serde<Output | null>
export function json(schema?: StandardSchema): Serde<unknown> {
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new KafkaError(
      '_INVALID_ARG',
      "json() takes a Standard Schema (zod, valibot, arktype, …): it has '~standard'",
    )
  }
  return {
    serialize(value, where) {
      if (value === null || value === undefined) return null
      if (!schema) return encoded(value, where)
      return checked(schema, value, (reason) => new EncodeError(reason, where)).then(() => encoded(value, where))
    },
    deserialize(bytes, where) {
      if (bytes === null) return null
      if (!isUtf8(bytes)) throw new DecodeError('it is not UTF-8', where)
      let value: unknown
      try {
        value = JSON.parse(bytes.toString('utf8'))
      } catch (error) {
        throw new DecodeError(textOf(error), where, { cause: error })
      }
      return schema ? checked(schema, value, (reason) => new DecodeError(reason, where)) : value
    },
  }
}

function encoded(value: unknown, where: Parameters<Serde<unknown>['serialize']>[1]): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new EncodeError(textOf(error), where, { cause: error })
  }
  if (text === undefined) throw new EncodeError(`JSON has no ${typeof value}`, where)
  return text
}

async function checked(schema: StandardSchema, value: unknown, error: (reason: string) => Error): Promise<unknown> {
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return result.value
  throw error(result.issues.map(issueText).join('; '))
}

function issueText({ message, path }: StandardIssue): string {
  if (!path || path.length === 0) return message
  const names = path.map((part) => String(typeof part === 'object' ? part.key : part))
  return `${names.join('.')}: ${message}`
}
