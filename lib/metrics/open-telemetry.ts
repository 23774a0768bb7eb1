// OpenTelemetry's metrics, through @opentelemetry/api, which is loaded when it is needed.
import { createRequire } from 'node:module'
import { KafkaError } from '../index.js'
import type { Labels } from './instruments.js'
import { Metrics } from './metrics.js'

/** Of @opentelemetry/api: as much as is used here. */
export interface Meter {
  createObservableCounter(name: string, options?: object): ObservableInstrument
  createObservableGauge(name: string, options?: object): ObservableInstrument
  createHistogram(name: string, options?: object): { record(value: number, attributes?: never): void }
}

interface ObservableInstrument {
  addCallback(callback: never): void
  removeCallback(callback: never): void
}

type Result = { observe(value: number, attributes: Labels): void }

/** @internal The package, or an error that says what to install. */
export function loadApi<T>(): T {
  try {
    return createRequire(import.meta.url)('@opentelemetry/api') as T
  } catch (error) {
    throw new KafkaError(
      '_NOT_IMPLEMENTED',
      'this needs a package that is not installed: npm install @opentelemetry/api',
      { cause: error },
    )
  }
}

/**
 * Gives what it observes to OpenTelemetry, with the names of its semantic conventions. Without a meter it is the global
 * one's, of the name `odradek`.
 *
 * ```ts
 * openTelemetry().observe(producer, consumer, app)
 * ```
 */
export function openTelemetry(meter?: Meter): OpenTelemetryMetrics {
  const given = meter ?? loadApi<{ metrics: { getMeter(name: string): Meter } }>().metrics.getMeter('odradek')
  if (typeof given?.createObservableGauge !== 'function') {
    throw new KafkaError('_INVALID_ARG', 'openTelemetry() takes a Meter of @opentelemetry/api, or nothing')
  }
  return new OpenTelemetryMetrics(given)
}

export class OpenTelemetryMetrics extends Metrics {
  readonly #ends: (() => void)[] = []

  /** @internal */
  constructor(meter: Meter) {
    super()
    const { instruments, process, operation } = this.sources
    for (const { name, kind, help, unit, read } of instruments) {
      const options = { description: help, unit }
      const observable =
        kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options)
      const callback = (result: Result) => {
        for (const [labels, value] of read()) result.observe(value, attributes(labels))
      }
      observable.addCallback(callback as never)
      this.#ends.push(() => observable.removeCallback(callback as never))
    }
    for (const histogram of [process, operation]) {
      const { name, help, unit, bounds } = histogram
      const options = { description: help, unit, advice: { explicitBucketBoundaries: bounds } }
      const made = meter.createHistogram(name, options)
      const named = new WeakMap<Labels, Labels>()
      histogram.forward = (seconds, labels) => {
        let own = named.get(labels)
        if (!own) {
          own = attributes(labels)
          named.set(labels, own)
        }
        made.record(seconds, own as never)
      }
    }
  }

  protected override withdraw(): void {
    for (const end of this.#ends.splice(0)) end()
  }
}

/** Prometheus' spelling of the labels back to the conventions': `messaging_destination_name` has dots there. */
function attributes(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [dotted[name] ?? name, value]))
}

const dotted: Record<string, string> = {
  messaging_system: 'messaging.system',
  messaging_client_id: 'messaging.client.id',
  messaging_consumer_group_name: 'messaging.consumer.group.name',
  messaging_operation_name: 'messaging.operation.name',
  messaging_destination_name: 'messaging.destination.name',
  messaging_destination_partition_id: 'messaging.destination.partition.id',
  error_type: 'error.type',
}
