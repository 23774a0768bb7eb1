// Failures that nothing helps: kept in a topic of their own, with where they come from and why.
import type { HeadersInput, Message, ProducerRecord } from '../index.js'
import { BatchFailure } from './router.js'
import { checkNames, invalid } from './settings.js'
import { textOf } from './text.js'
import type { HandlerContext, ProcessorMessage, UniversalMiddleware } from './types.js'
import { type Item, isAbandoned, isBatch, type Next, universal } from './universal.js'

export interface DeadLetterOptions {
  /** Where a message goes: a name, or a function of the message. `<topic>.dlq` without it. */
  topic?: string | ((message: ProcessorMessage, error: unknown) => string)
  /** Which failures: all without it. The others go on to the next middleware, and in the end stop `run()`. */
  when?: (error: unknown, message: ProcessorMessage) => boolean
  /** More headers, after those of the message and of this. */
  headers?: (message: ProcessorMessage, error: unknown) => HeadersInput
}

/** The headers that are added. All are text. */
export const deadLetterHeaders = {
  topic: 'dead-letter.topic',
  partition: 'dead-letter.partition',
  offset: 'dead-letter.offset',
  timestamp: 'dead-letter.timestamp',
  error: 'dead-letter.error',
  attempts: 'dead-letter.attempts',
  time: 'dead-letter.time',
} as const

/** On a message in a retry topic: from when on it is to be tried again (milliseconds since 1970), and how often it was. */
export const retryHeaders = { due: 'retry.due', number: 'retry.number' } as const

const added = new Set<string>([...Object.values(deadLetterHeaders), ...Object.values(retryHeaders)])

export type Header = readonly [name: string, value: string | Buffer | null]

/** A message's headers without those that dead letters and retries have added. */
export function ownHeaders(message: Message): Header[] {
  return [...message.headers].filter(([name]) => !added.has(name))
}

// Characters: a letter must not be refused for the length of its error.
const longest = 1000

function shortened(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** The letter: key, value and headers byte for byte as they were, and the headers that say why. */
export function letterOf(
  message: ProcessorMessage,
  error: unknown,
  context: HandlerContext,
  topic: string,
): ProducerRecord & { headers: Header[] } {
  const names = deadLetterHeaders
  // Through retry topics, where it first came from stays, and attempts add up.
  const retried = message.headers.has(retryHeaders.number)
  const before = (name: string) => (retried ? message.headers.get(name)?.toString() : undefined)
  const why: Header[] = [
    [names.topic, before(names.topic) ?? context.topic],
    [names.partition, before(names.partition) ?? String(message.partition)],
    [names.offset, before(names.offset) ?? String(message.offset)],
    [names.timestamp, before(names.timestamp) ?? String(message.timestamp ?? '')],
    [names.error, shortened(textOf(error))],
    [names.attempts, String(Number(before(names.attempts) ?? 0) + context.attempt)],
    [names.time, new Date().toISOString()],
  ]
  const own = retried ? ownHeaders(message) : [...message.headers]
  return { topic, key: message.key, value: message.value, headers: [...own, ...why] }
}

/**
 * Sends what fails to another topic, and counts it as handled once it is delivered there: the offset does not move
 * before. When the delivery itself fails, so does the message. Of a batch only what failed goes, if the handler said which
 * (`message.ack.fail`); otherwise ever smaller batches show which it is, so the handler sees the good ones again.
 */
export function deadLetter(options: DeadLetterOptions = {}): UniversalMiddleware {
  checkNames(options, ['topic', 'when', 'headers'], 'deadLetter()')
  const { topic, when, headers } = options
  if (topic !== undefined && typeof topic !== 'function' && (typeof topic !== 'string' || topic === '')) {
    throw invalid('topic of deadLetter() is a name, or a function from a message to a name')
  }
  if (when !== undefined && typeof when !== 'function') {
    throw invalid('when of deadLetter() is a function from an error and a message to a boolean')
  }
  if (headers !== undefined && typeof headers !== 'function') {
    throw invalid('headers of deadLetter() is a function from a message and an error to headers')
  }
  const send = async (message: ProcessorMessage, error: unknown, context: HandlerContext): Promise<void> => {
    if (when && !when(error, message)) throw error
    const to = typeof topic === 'function' ? topic(message, error) : (topic ?? `${context.topic}.dlq`)
    const letter = letterOf(message, error, context, to)
    if (headers) letter.headers.push(...pairsOf(headers(message, error)))
    await context.send(letter)
    context.emit({ type: 'deadLetter', topic: context.topic, to, error })
  }
  const traits = { name: 'deadLetter', catches: when === undefined, needsFailures: true }
  return universal(traits, (next) => (item, context) => attempt(next, item, context, send))
}

type Send = (message: ProcessorMessage, error: unknown, context: HandlerContext) => Promise<void>

/** @internal Calls; what fails of it is sent, message by message. Throws what is not to be, or cannot be sent. */
export async function attempt(next: Next, item: Item, context: HandlerContext, send: Send): Promise<void> {
  try {
    await next(item, context)
  } catch (error) {
    if (isAbandoned(error, context)) throw error
    if (error instanceof BatchFailure) {
      await each(error.failures, (failure) => send(failure.message, failure.error, context))
    } else if (!isBatch(item)) {
      await send(item, error, context)
    } else if (item.length === 1) {
      await each([{ message: item[0], error }], ({ message }) => send(message, error, context))
    } else {
      const middle = item.length >> 1
      await inTurn([item.slice(0, middle), item.slice(middle)], context, (half) => attempt(next, half, context, send))
    }
  }
}

type Failure = BatchFailure['failures'][number]

/** Those that are not taken care of have failed, and only those: what comes next does not see the others again. */
async function each(failures: readonly Failure[], send: (failure: Failure) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(failures.map(send))
  const left = failures.flatMap(({ message }, i) => {
    const result = results[i]
    return result.status === 'rejected' ? [{ message, error: result.reason as unknown }] : []
  })
  if (left.length > 0) throw new BatchFailure(left)
}

async function inTurn(
  halves: readonly (readonly ProcessorMessage[])[],
  context: HandlerContext,
  call: (half: readonly ProcessorMessage[]) => Promise<void>,
): Promise<void> {
  const left: Failure[] = []
  for (const half of halves) {
    try {
      await call(half)
    } catch (error) {
      if (isAbandoned(error, context) || !(error instanceof BatchFailure)) throw error
      left.push(...error.failures)
    }
  }
  if (left.length > 0) throw new BatchFailure(left)
}

function pairsOf(headers: HeadersInput): Header[] {
  const pairs = Symbol.iterator in headers ? [...(headers as Iterable<Header>)] : Object.entries(headers)
  return pairs as Header[]
}
