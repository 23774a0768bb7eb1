// Metrics as a service has them, with the real packages.
import { metrics } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { Registry } from 'prom-client'
import { openTelemetry, prometheus } from '../dist/metrics.js'

export const withPrometheus = (app) => prometheus(new Registry()).observe(app)

export function withOpenTelemetry(app) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  openTelemetry().observe(app)
}
