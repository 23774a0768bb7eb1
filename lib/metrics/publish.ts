// For a Publisher: how long each send took, and what came of it.
import { KafkaError } from '../index.js'
import type { PublishMiddleware } from '../processor.js'
import type { OpenTelemetryMetrics } from './open-telemetry.js'
import type { PrometheusMetrics } from './prometheus.js'

/**
 * Measures what is sent through a Publisher.
 *
 * ```ts
 * const metrics = prometheus(register)
 * const publisher = new Publisher(producer).use(measurePublish(metrics))
 * ```
 */
export function measurePublish(metrics: PrometheusMetrics | OpenTelemetryMetrics): PublishMiddleware {
  const { sources } = metrics
  return (next) => async (record, context) => {
    const began = performance.now()
    let code: string | undefined
    try {
      return await next(record, context)
    } catch (error) {
      code = error instanceof KafkaError ? error.code : '_OTHER'
      throw error
    } finally {
      sources.delivery(record.topic, (performance.now() - began) / 1000, code)
    }
  }
}
