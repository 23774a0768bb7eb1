// Schema Registry: Avro, Protobuf and JSON Schema, through @confluentinc/schemaregistry, which is loaded on first use.
import { KafkaError } from '../index.js'
import {
  type Bytes,
  DecodeError,
  type DeserializeContext,
  EncodeError,
  type Serde,
  type SerializeContext,
  textOf,
} from './types.js'

/** A client of @confluentinc/schemaregistry: `new SchemaRegistryClient({ baseURLs: [url] })`. */
export interface RegistryClient {
  config(): unknown
  register(...args: never[]): Promise<unknown>
  getBySubjectAndId(...args: never[]): Promise<unknown>
}

type Headers = Record<string, Buffer | string | undefined>

/** What the package's serializers and deserializers have in common. */
interface Worker {
  serialize?(topic: string, value: unknown, headers?: Headers): Promise<Buffer>
  deserialize?(topic: string, payload: Buffer, headers?: Headers): Promise<unknown>
}

interface Package {
  [name: string]: new (client: unknown, part: number, config: object, ruleRegistry?: unknown) => Worker
}

export interface RegistryOptions {
  /** As the package's serializers take it: `useLatestVersion`, `autoRegisterSchemas`, `subjectNameStrategy`, … */
  serializer?: object
  /** The same of its deserializers. */
  deserializer?: object
  /** Of the package: for data contract rules. */
  ruleRegistry?: unknown
}

/** The registry could not be asked: nothing is said of the message, and the same may work later. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly retriable = true
}

/**
 * Avro, in Confluent's wire format. Schemas are looked up by the id that the message carries, and for writing by the
 * topic's subject. Needs `@confluentinc/schemaregistry`.
 *
 * ```ts
 * const registry = new SchemaRegistryClient({ baseURLs: ['http://localhost:8081'] })
 * const order = avro<Order>(registry, { serializer: { useLatestVersion: true, autoRegisterSchemas: false } })
 * ```
 */
export function avro<T>(registry: RegistryClient | object, options?: RegistryOptions): Serde<T> {
  return new RegistrySerde<T>('Avro', registry, options)
}

/** Protobuf: values are messages of @bufbuild/protobuf. */
export function protobuf<T>(registry: RegistryClient | object, options?: RegistryOptions): Serde<T> {
  return new RegistrySerde<T>('Protobuf', registry, options)
}

/** JSON with a JSON Schema in the registry. `validate: true` in either config checks values against it. */
export function jsonSchema<T>(registry: RegistryClient | object, options?: RegistryOptions): Serde<T> {
  return new RegistrySerde<T>('Json', registry, options)
}

const optionNames = ['serializer', 'deserializer', 'ruleRegistry']
// SerdeType of the package.
const parts = { key: 0, value: 1 } as const
let loading: Promise<Package> | undefined

async function load(): Promise<Package> {
  loading ??= import('@confluentinc/schemaregistry' as string).catch((error) => {
    loading = undefined
    throw new KafkaError(
      '_NOT_IMPLEMENTED',
      'avro(), protobuf() and jsonSchema() need a package that is not installed: npm install @confluentinc/schemaregistry',
      { cause: error },
    )
  }) as Promise<Package>
  return await loading
}

class RegistrySerde<T> implements Serde<T> {
  readonly #format: 'Avro' | 'Protobuf' | 'Json'
  readonly #registry: object
  readonly #options: RegistryOptions
  readonly #workers = new Map<string, Promise<Worker>>()

  constructor(format: 'Avro' | 'Protobuf' | 'Json', registry: object, options: RegistryOptions = {}) {
    if (typeof (registry as Partial<RegistryClient>)?.getBySubjectAndId !== 'function') {
      throw new KafkaError(
        '_INVALID_ARG',
        'the first argument is a client of @confluentinc/schemaregistry, such as new SchemaRegistryClient({ baseURLs })',
      )
    }
    for (const name of Object.keys(options)) {
      if (!optionNames.includes(name)) {
        throw new KafkaError(
          '_INVALID_ARG',
          `unknown option '${name}' of a registry's serde; there are ${optionNames.join(', ')}`,
        )
      }
    }
    this.#format = format
    this.#registry = registry
    this.#options = options
  }

  #worker(what: 'Serializer' | 'Deserializer', part: 'key' | 'value'): Promise<Worker> {
    const name = `${this.#format}${what}`
    let worker = this.#workers.get(name + part)
    if (!worker) {
      const config = (what === 'Serializer' ? this.#options.serializer : this.#options.deserializer) ?? {}
      worker = load().then((all) => new all[name](this.#registry, parts[part], config, this.#options.ruleRegistry))
      worker.catch(() => this.#workers.delete(name + part))
      this.#workers.set(name + part, worker)
    }
    return worker
  }

  async serialize(value: T, where: SerializeContext): Promise<Bytes> {
    if (value === null || value === undefined) return null
    const worker = await this.#worker('Serializer', where.part)
    try {
      return (await worker.serialize?.(where.topic, value, where.headers)) as Buffer
    } catch (error) {
      if (isUnavailable(error)) throw unavailable(error)
      throw new EncodeError(textOf(error), where, { cause: error })
    }
  }

  async deserialize(bytes: Buffer | null, where: DeserializeContext): Promise<T> {
    if (bytes === null) return null as T
    const worker = await this.#worker('Deserializer', where.part)
    try {
      return (await worker.deserialize?.(where.topic, bytes, headersOf(where))) as T
    } catch (error) {
      if (isUnavailable(error)) throw unavailable(error)
      throw new DecodeError(textOf(error), where, { cause: error })
    }
  }
}

/** The package looks for schema ids in headers; the last of a name counts, as for Kafka. */
function headersOf({ message }: DeserializeContext): Headers {
  const headers: Headers = {}
  for (const [name, value] of message.headers) if (value !== null) headers[name] = value
  return headers
}

// Of Node's network errors, and of axios.
const networkCodes = /^(E(CONN|HOST|NET|PIPE|AI_AGAIN|TIMEDOUT)|ERR_(NETWORK|BAD_RESPONSE|CANCELED)|UND_ERR)/

/** Whether the error is the registry's, or the network's, rather than the message's. */
function isUnavailable(error: unknown): boolean {
  const { status, code, cause, response } = (error ?? {}) as {
    status?: unknown
    code?: unknown
    cause?: unknown
    response?: { status?: unknown }
  }
  const answered = typeof status === 'number' ? status : response?.status
  if (typeof answered === 'number') {
    // Not found (404) and not acceptable (409, 422) are answers. The rest is of the moment, or of our credentials.
    return answered >= 500 || answered === 429 || answered === 408 || answered === 401 || answered === 403
  }
  if (typeof code === 'string' && networkCodes.test(code)) return true
  if (Array.isArray((error as AggregateError)?.errors)) return (error as AggregateError).errors.some(isUnavailable)
  return cause !== undefined && cause !== error && isUnavailable(cause)
}

function unavailable(error: unknown): RegistryError {
  return new RegistryError(`the schema registry cannot be asked: ${textOf(error)}`, { cause: error })
}
