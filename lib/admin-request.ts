// The one request that all admin operations are: an operation's name, its arguments, its settings; a result as JSON.
import { checkSignal } from './abort.js'
import { checkFields, checkFlag, checkInteger, checkObject } from './admin-check.js'
import type { OperationOptions } from './client.js'
import { about, KafkaError, type NativeError } from './errors.js'

/** How an admin request is made. `timeout` is for the whole of it (30 s without one). */
export interface AdminOptions extends OperationOptions {
  /** The id of the broker to ask; not for what only the leader of a partition or the coordinator of a group can do. */
  broker?: number
}

/** For what the brokers carry out. */
export interface AdminOperationOptions extends AdminOptions {
  /** How long the brokers wait until the change is known everywhere, in milliseconds; as `timeout` without one. */
  operationTimeout?: number
}

export interface ValidateOptions {
  /** Only check whether it could be done. */
  validateOnly?: boolean
}

export interface AuthorizedOperationsOptions extends AdminOptions {
  /** Ask what this client may do, too. */
  includeAuthorizedOperations?: boolean
}

/** What crosses; checked. */
export interface AdminSettings {
  timeout: number
  operationTimeout?: number
  broker?: number
  validateOnly?: boolean
  requireStableOffsets?: boolean
  authorizedOperations?: boolean
  isolationLevel?: number
  states?: number[]
  types?: number[]
}

/** Makes a request; what the operations in admin-*.ts are given. */
export type Ask = <T>(
  operation: string,
  args: unknown,
  options: AdminOptions,
  settings?: Partial<AdminSettings>,
) => Promise<T>

export const defaultTimeout = 30_000
// librdkafka takes no more.
const maxTimeout = 3_600_000

export function checkTimeout(timeout: number | undefined, what: string): number {
  return timeout === undefined ? defaultTimeout : checkInteger(timeout, `${what}: timeout`, 1, maxTimeout)
}

type Options = AdminOperationOptions &
  ValidateOptions &
  AuthorizedOperationsOptions & { requireStableOffsets?: boolean }
const flags = ['validateOnly', 'includeAuthorizedOperations', 'requireStableOffsets'] as const

/** Options of an operation that has these beside the time and the signal; `validateOnly` is nothing to overlook. */
export function checkOptions<T extends OperationOptions>(options: T, what: string, more: readonly string[] = []): T {
  const given = Object.entries(checkObject(options, `${what}: options`)).filter(([, value]) => value !== undefined)
  checkFields(Object.fromEntries(given), `${what}: options`, ['timeout', 'signal', ...more])
  const { timeout, signal, ...rest } = options as Options
  checkTimeout(timeout, what)
  checkSignal(signal, what)
  for (const flag of flags) checkFlag(rest[flag], `${what}: ${flag}`)
  return options
}

export function settingsOf(what: string, options: AdminOptions, more: Partial<AdminSettings> = {}): AdminSettings {
  const settings: AdminSettings = { ...more, timeout: checkTimeout(options.timeout, what) }
  if (options.broker !== undefined) settings.broker = checkInteger(options.broker, `${what}: broker`, 0)
  return settings
}

export function operationSettings(
  what: string,
  { timeout, operationTimeout }: AdminOperationOptions,
  validateOnly?: boolean,
): Partial<AdminSettings> {
  const wait = operationTimeout ?? checkTimeout(timeout, what)
  const settings = { operationTimeout: checkInteger(wait, `${what}: operationTimeout`, 0, maxTimeout) }
  return validateOnly ? { ...settings, validateOnly } : settings
}

/** Items as they come out of JSON get KafkaErrors for errors, which name what they are of. */
export function withErrors<T extends { error?: KafkaError | undefined }>(items: T[]): T[] {
  for (const item of items) if (item.error) item.error = errorOf(item.error, resourceOf(item))
  return items
}

/** What an item is about: Kafka's texts do not say. */
function resourceOf(item: object): string {
  const { topic, partition, group, user, name } = item as Partial<Record<string, unknown>>
  if (typeof topic === 'string') return typeof partition === 'number' ? `${topic} [${partition}]` : topic
  if (typeof group === 'string') return group
  return typeof user === 'string' ? user : typeof name === 'string' ? name : ''
}

/** In the order in which they were asked for; brokers answer in theirs. */
export function inOrder<T>(items: T[], keys: readonly string[], keyOf: (item: T) => string): T[] {
  const order = new Map(keys.map((key, i) => [key, i]))
  return items.sort((a, b) => (order.get(keyOf(a)) ?? 0) - (order.get(keyOf(b)) ?? 0))
}

export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

/** One deadline for several requests: the options of the next. */
export function within<T extends OperationOptions>(options: T, what: string): () => T & { timeout: number } {
  const deadline = performance.now() + checkTimeout(options.timeout, what)
  return () => ({ ...options, timeout: Math.max(1, Math.round(deadline - performance.now())) })
}

/** The error of some of several things, when what became of the others is known; rejects with what ends the whole. */
export function errorOfSome(error: unknown): KafkaError {
  if (error instanceof KafkaError && error.code !== '_STATE') return error
  throw error
}

/** The error that came out of JSON, of something that has a name. */
export function errorOf(error: unknown, resource = ''): KafkaError {
  const native = error as NativeError
  // KRaft says of a request that may not be made all that it knows of the request.
  const message = /^Request Request\(/.test(native.message) ? '' : native.message
  return about(KafkaError.from({ ...native, message }), resource)
}

// librdkafka puts its function and its own doubts before what a broker said.
const workerNote = /^[A-Z]+ worker [\w ]*failed[\w ]*: /
const responseNote = /^(?:\w+Response response failure|\w+ response error|Error parsing \w+ response): /

/** The error of a request as a whole: a broker's without librdkafka's notes. */
export function asSaid(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.origin !== 'broker') return error
  const { code, message, fatal, retriable, txnRequiresAbort } = error
  const said = message.replace(workerNote, '').replace(responseNote, '')
  return said === message ? error : new KafkaError(code, said, { fatal, retriable, txnRequiresAbort })
}
