// A line for each message.
import type { Logger } from '../index.js'
import { checkNames, invalid } from './settings.js'
import { textOf } from './text.js'
import type { UniversalMiddleware } from './types.js'
import { firstOf, isAbandoned, isBatch, universal } from './universal.js'

export interface LoggingOptions {
  /** pino's shape, console's too. */
  logger: Logger
  /** Of lines about success: `'debug'` without it. Failures are errors. */
  level?: 'debug' | 'info'
}

/** Logs each message, or batch, when it is through; used before `retry()`, each attempt. */
export function logging(options: LoggingOptions): UniversalMiddleware {
  checkNames(options, ['logger', 'level'], 'logging()')
  const { logger, level = 'debug' } = options ?? {}
  if (typeof logger?.error !== 'function' || typeof logger[level] !== 'function') {
    throw invalid("logger of logging() is an object with error, warn, info and debug; level is 'debug' or 'info'")
  }
  return universal({ name: 'logging' }, (next) => async (item, context) => {
    const { topic, partition, offset } = firstOf(item)
    const began = performance.now()
    const fields = () => {
      const duration = Math.round((performance.now() - began) * 1000) / 1000
      const count = isBatch(item) ? { count: item.length } : {}
      return { topic, partition, offset, ...count, attempt: context.attempt, duration }
    }
    try {
      const result = await next(item, context)
      logger[level](fields(), 'handled')
      return result
    } catch (error) {
      if (isAbandoned(error, context)) logger[level]({ ...fields(), error: textOf(error) }, 'abandoned')
      else logger.error({ ...fields(), error: textOf(error) }, 'failed')
      throw error
    }
  })
}
