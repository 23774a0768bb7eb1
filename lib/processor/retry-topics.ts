// Retries that take hours: through topics, each with its delay, so that nothing waits for them.
import { attempt, letterOf, retryHeaders } from './dead-letter.js'
import { isTransient } from './retry.js'
import { checkNames, integer, invalid } from './settings.js'
import type { HandlerContext, ProcessorMessage, UniversalMiddleware } from './types.js'
import { type Item, isBatch, universal } from './universal.js'

export interface RetryTopicsOptions {
  /** Milliseconds, one for each retry topic in turn. */
  delays: readonly number[]
  /** Names a retry topic; `<topic>.retry.<n>`, from 1, without it. */
  topic?: (topic: string, n: number) => string
  /** Whether it may succeed later. Without it: `isTransient`. */
  retryIf?: (error: unknown) => boolean
}

/**
 * Sends what fails to a retry topic, where the same handler gets it after the delay; and so on, until there is no next
 * one: then the failure goes on to the next middleware, `deadLetter()` as a rule. The retry topics have to exist, and are
 * read by this processor. The order of messages is not kept.
 */
export function retryTopics(options: RetryTopicsOptions): UniversalMiddleware {
  checkNames(options, ['delays', 'topic', 'retryIf'], 'retryTopics()')
  const { delays, retryIf = isTransient } = options ?? {}
  const name = options?.topic ?? ((topic: string, n: number) => `${topic}.retry.${n}`)
  if (!Array.isArray(delays) || delays.length === 0) {
    throw invalid('delays of retryTopics() is an array of milliseconds, one for each retry topic')
  }
  for (const delay of delays) integer(delay, 'a delay of retryTopics()', 0, 0)
  if (typeof name !== 'function')
    throw invalid('topic of retryTopics() is a function from a topic and a number to a name')
  if (typeof retryIf !== 'function') throw invalid('retryIf of retryTopics() is a function from an error to a boolean')
  const aliases = (topic: string) => delays.map((_, i) => name(topic, i + 1))
  const send = async (message: ProcessorMessage, error: unknown, context: HandlerContext) => {
    const tried = numberOf(message)
    if (tried >= delays.length || !retryIf(error)) throw error
    const to = name(context.topic, tried + 1)
    const letter = letterOf(message, error, context, to)
    letter.headers.push(
      [retryHeaders.number, String(tried + 1)],
      [retryHeaders.due, String(Date.now() + delays[tried])],
    )
    await context.send(letter)
    context.emit({ type: 'retryTopic', topic: context.topic, to, error })
  }
  const traits = { name: 'retryTopics', needsFailures: true, aliases }
  return universal(traits, (next) => async (item, context) => {
    await due(item, context)
    await attempt(next, item, context, send)
  })
}

/** Until all are due. */
async function due(item: Item, context: HandlerContext): Promise<void> {
  let latest = 0
  for (const message of isBatch(item) ? item : [item]) {
    const header = message.headers.get(retryHeaders.due)
    if (header) latest = Math.max(latest, Number(header.toString()) || 0)
  }
  const left = latest - Date.now()
  if (left > 0) await context.sleep(left)
}

function numberOf(message: ProcessorMessage): number {
  const header = message.headers.get(retryHeaders.number)
  const number = header ? Number(header.toString()) : 0
  return Number.isInteger(number) && number > 0 ? number : 0
}
