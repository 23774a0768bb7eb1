// What built-in middleware is made of: one function that wraps handlers of messages and of batches alike.

import type { DeliveryReport, ProducerRecord } from '../index.js'
import { BatchFailure } from './router.js'
import { AbandonedError } from './task.js'
import type {
  HandlerContext,
  MiddlewareTraits,
  ProcessorEvent,
  ProcessorMessage,
  UniversalMiddleware,
} from './types.js'

/** A message or a batch of them. */
export type Item = ProcessorMessage | readonly ProcessorMessage[]
export type Next = (item: Item, context: HandlerContext) => unknown

export function universal(traits: MiddlewareTraits, wrap: (next: Next) => Next): UniversalMiddleware {
  return Object.assign((next: Next) => wrap(next), { universal: traits }) as unknown as UniversalMiddleware
}

export function isBatch(item: Item): item is readonly ProcessorMessage[] {
  return Array.isArray(item)
}

/** The first of a batch stands for it. */
export function firstOf(item: Item): ProcessorMessage {
  return isBatch(item) ? item[0] : item
}

/** What failed of the item: all of it, or the messages of a batch whose handler said which. */
export function failedPart(item: Item, error: unknown): Item {
  return error instanceof BatchFailure ? error.failures.map(({ message }) => message) : item
}

/** Whether this is no failure of the message's: it is handled elsewhere, or again. */
export function isAbandoned(error: unknown, context: HandlerContext): boolean {
  return error instanceof AbandonedError || context.abandoned
}

/** A context with another signal. */
export class SignalContext implements HandlerContext {
  readonly #context: HandlerContext
  readonly signal: AbortSignal

  constructor(context: HandlerContext, signal: AbortSignal) {
    this.#context = context
    this.signal = signal
  }

  get abandoned(): boolean {
    return this.#context.abandoned
  }

  get attempt(): number {
    return this.#context.attempt
  }

  set attempt(attempt: number) {
    this.#context.attempt = attempt
  }

  get messages(): readonly ProcessorMessage[] {
    return this.#context.messages
  }

  get topic(): string {
    return this.#context.topic
  }

  send(record: ProducerRecord): Promise<DeliveryReport> {
    return this.#context.send(record)
  }

  sleep(ms: number): Promise<void> {
    return this.#context.sleep(ms)
  }

  emit(event: ProcessorEvent): void {
    this.#context.emit(event)
  }
}
