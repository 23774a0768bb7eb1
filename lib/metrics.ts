// odradek/metrics: Prometheus, OpenTelemetry, traces.
export { type Meter, OpenTelemetryMetrics, openTelemetry } from './metrics/open-telemetry.js'
export { PrometheusMetrics, type PrometheusRegister, prometheus } from './metrics/prometheus.js'
export { measurePublish } from './metrics/publish.js'
export type { Observable } from './metrics/sources.js'
export { type TracingOptions, tracePublish, tracing } from './metrics/tracing.js'
