// Traces: one from whoever sends a record to whoever handles it, through the record's headers.

import { type DeliveryReport, KafkaError, type Message, type ProducerRecord } from '../index.js'
import { headerPairs } from '../processor/publisher.js'
import { checkNames } from '../processor/settings.js'
import { isBatch, universal } from '../processor/universal.js'
import type { PublishMiddleware, UniversalMiddleware } from '../processor.js'
import { loadApi } from './open-telemetry.js'
import type {
  Context,
  Link,
  OpenTelemetryApi,
  Span,
  SpanOptions,
  TextMapGetter,
  TextMapSetter,
  Tracer,
} from './otel-types.js'

export interface TracingOptions {
  /** The global provider's of the name `odradek` without it. */
  tracer?: Tracer
  /** `messaging.consumer.group.name` on spans. */
  group?: string
}

// Of @opentelemetry/api.
const Kind = { producer: 3, consumer: 4 } as const
const failed = 2

const getter: TextMapGetter<Message> = {
  keys: (message) => [...message.headers].map(([name]) => name),
  get: (message, name) => message.headers.get(name)?.toString(),
}

type Carrier = [string, string][]
const setter: TextMapSetter<Carrier> = { set: (carrier, name, value) => void carrier.push([name, value]) }

function prepare(options: TracingOptions, what: string): { api: OpenTelemetryApi; tracer: Tracer } {
  checkNames(options, ['tracer', 'group'], what)
  const { tracer } = options
  const api = loadApi<OpenTelemetryApi>()
  const given = tracer ?? api.trace.getTracer('odradek')
  if (typeof given?.startSpan !== 'function') {
    throw new KafkaError('_INVALID_ARG', 'tracer is a Tracer of @opentelemetry/api')
  }
  return { api, tracer: given }
}

/**
 * A span for each message that is handled, in the trace of whoever sent it; for a batch a span with links to the traces of
 * its messages. It is the active span while the handler runs. Used after `retry()`, it spans all attempts; before it, each.
 */
export function tracing(options: TracingOptions = {}): UniversalMiddleware {
  const { api, tracer } = prepare(options, 'tracing()')
  const group: Record<string, string> =
    options.group === undefined ? {} : { 'messaging.consumer.group.name': options.group }
  return universal({ name: 'tracing' }, (next) => async (item, context) => {
    const active = api.context.active()
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': context.topic,
      ...group,
    }
    let parent: Context = active
    let about: SpanOptions
    if (isBatch(item)) {
      const links = item.map((message) => linkOf(api, message)).filter((link) => link !== undefined)
      about = {
        kind: Kind.consumer,
        links,
        attributes: { ...attributes, 'messaging.batch.message_count': item.length },
      }
    } else {
      parent = api.propagation.extract(active, item, getter)
      about = { kind: Kind.consumer, attributes: { ...attributes, ...ofMessage(item) } }
    }
    const span = tracer.startSpan(`process ${context.topic}`, about, parent)
    return await during(api, span, parent, async () => await next(item, context))
  })
}

function linkOf(api: OpenTelemetryApi, message: Message): Link | undefined {
  const context = api.trace.getSpanContext(api.propagation.extract(api.ROOT_CONTEXT, message, getter))
  if (!context) return undefined
  return { context, attributes: ofMessage(message) }
}

function ofMessage({ partition, offset, key }: Message): Record<string, string | number> {
  const about: Record<string, string | number> = {
    'messaging.destination.partition.id': String(partition),
    'messaging.kafka.offset': offset,
  }
  if (key) about['messaging.kafka.message.key'] = key.toString()
  return about
}

/** For a Publisher: a span for each record that is sent, and its context in the record's headers. */
export function tracePublish(options: TracingOptions = {}): PublishMiddleware {
  const { api, tracer } = prepare(options, 'tracePublish()')
  return (next) => async (record, sending) => {
    const parent = api.context.active()
    const attributes = {
      'messaging.system': 'kafka',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.destination.name': record.topic,
    }
    const span = tracer.startSpan(`send ${record.topic}`, { kind: Kind.producer, attributes }, parent)
    const within = api.trace.setSpan(parent, span)
    return await during(api, span, parent, async () => {
      const report = await next(withContext(api, within, record), sending)
      span.setAttributes(ofReport(report))
      return report
    })
  }
}

function withContext(api: OpenTelemetryApi, context: Context, record: ProducerRecord): ProducerRecord {
  const carrier: Carrier = []
  api.propagation.inject(context, carrier, setter)
  const names = new Set(carrier.map(([name]) => name))
  // Of a record that is handed on, the trace goes on from here.
  const own = headerPairs(record).filter(([name]) => !names.has(name))
  return { ...record, headers: [...own, ...carrier] }
}

function ofReport({ partition, offset }: DeliveryReport): Record<string, string | number> {
  return { 'messaging.destination.partition.id': String(partition), 'messaging.kafka.offset': offset }
}

async function during<T>(api: OpenTelemetryApi, span: Span, parent: Context, call: () => Promise<T>): Promise<T> {
  try {
    return await api.context.with(api.trace.setSpan(parent, span), call)
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    const type = error instanceof KafkaError ? error.code : error instanceof Error ? error.name : typeof error
    span.setAttributes({ 'error.type': type })
    span.recordException(error instanceof Error ? error : text)
    span.setStatus({ code: failed, message: text })
    throw error
  } finally {
    span.end()
  }
}
