// odradek/processor: consuming that feels like writing an HTTP service.
export { type CircuitBreakerOptions, circuitBreaker } from './processor/circuit-breaker.js'
export { type DeadLetterOptions, deadLetter, deadLetterHeaders, retryHeaders } from './processor/dead-letter.js'
export { type DeduplicateOptions, type DeduplicationStore, deduplicate } from './processor/deduplicate.js'
export { type LoggingOptions, logging } from './processor/logging.js'
export { Processor } from './processor/processor.js'
export {
  type PublishContext,
  Publisher,
  type PublishHandler,
  type PublishMiddleware,
  type RecordSender,
  withHeaders,
} from './processor/publisher.js'
export { type RateLimitOptions, rateLimit } from './processor/rate-limit.js'
export { type RedriveOptions, type RedriveResult, redrive } from './processor/redrive.js'
export { type Backoff, isTransient, type RetryOptions, retry } from './processor/retry.js'
export { type RetryTopicsOptions, retryTopics } from './processor/retry-topics.js'
export { BatchFailure } from './processor/router.js'
export { type ShutdownSignalOptions, shutdownSignal } from './processor/shutdown-signal.js'
export { AbandonedError } from './processor/task.js'
export { type TimeoutOptions, timeout } from './processor/timeout.js'
export type {
  Acknowledgement,
  BatchHandler,
  BatchMiddleware,
  BatchTopicOptions,
  DeserializeContext,
  ExactlyOnceSettings,
  Guarantee,
  Handler,
  HandlerContext,
  MessageDeserializer,
  Middleware,
  OrderBy,
  Outcome,
  ProcessorCounts,
  ProcessorEvent,
  ProcessorHealth,
  ProcessorMessage,
  ProcessorObserver,
  ProcessorOptions,
  ProcessorState,
  TopicOptions,
  UniversalMiddleware,
} from './processor/types.js'
