// Traces on the embedded cluster, with the real OpenTelemetry SDK.
import { context as otelContext, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { MockCluster, Producer } from 'odradek'
import { tracePublish, tracing } from 'odradek/metrics'
import { Processor, Publisher } from 'odradek/processor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

let cluster: MockCluster
beforeAll(() => {
  cluster = new MockCluster({ brokers: 1 })
})
afterAll(() => cluster.close())

const producerConfig = () => ({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
const config = (group: string) => ({
  'bootstrap.servers': cluster.bootstrapServers,
  'group.id': group,
  'fetch.wait.max.ms': 20,
})

describe('traces', () => {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const tracer = provider.getTracer('test')

  beforeAll(() => {
    otelContext.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    propagation.setGlobalPropagator(w3c)
    trace.setGlobalTracerProvider(provider)
  })
  afterAll(() => {
    otelContext.disable()
    propagation.disable()
    trace.disable()
  })

  it('are asked for with options that exist', () => {
    expect(() => tracing({ groups: 'a' } as never)).toThrow(
      /unknown option 'groups' of tracing\(\); there are tracer, group/,
    )
    expect(() => tracePublish({ tracer: {} as never })).toThrow(/tracer is a Tracer of @opentelemetry\/api/)
  })

  it('are one from the request over the producer to the handler; for batches by links; failures are errors', async () => {
    await cluster.createTopic('traced', { partitions: 1 })
    await cluster.createTopic('traced-batch', { partitions: 1 })
    const producer = new Producer(producerConfig())
    const publisher = new Publisher(producer).use(tracePublish())
    const send = (topic: string, value: string) =>
      tracer.startActiveSpan('GET /order', async (span) => {
        await publisher.send({ topic, key: 'k', value, headers: { own: '1' } })
        span.end()
        return span.spanContext().traceId
      })
    const good = await send('traced', 'good')
    const batched = [await send('traced-batch', 'a'), await send('traced-batch', 'b')]
    const app = new Processor(config('traced'), { onError: () => {} })
    app.use(tracing({ group: 'traced' })).use((next) => async (message, context) => {
      await next(message, context)
    })
    const within: (string | undefined)[] = []
    app.topic('traced', async (message) => {
      await null
      within.push(trace.getActiveSpan()?.spanContext().traceId)
      expect(message.headers.get('own')?.toString()).toBe('1')
      expect(message.headers.getAll('traceparent')).toHaveLength(1)
      if (message.text() === 'bad') throw new RangeError('bad')
    })
    app.batchTopic('traced-batch', { max: 2 }, () => {})
    const stop = new AbortController()
    const done = app.run({ signal: stop.signal })
    await waitFor('all is handled', () => app.counts.handled === 3)
    const bad = await send('traced', 'bad')
    await expect(done).rejects.toThrow('bad')
    expect(within).toEqual([good, bad])
    const spans = exporter.getFinishedSpans()
    const named = (name: string) => spans.filter((span) => span.name === name)
    const [first, second] = named('process traced')
    const sent = named('send traced')[0]
    expect(first.spanContext().traceId).toBe(good)
    expect(first.parentSpanContext?.spanId).toBe(sent.spanContext().spanId)
    expect(first.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.destination.name': 'traced',
      'messaging.kafka.offset': 0,
      'messaging.kafka.message.key': 'k',
      'messaging.consumer.group.name': 'traced',
    })
    expect(sent.attributes).toMatchObject({ 'messaging.operation.type': 'send', 'messaging.kafka.offset': 0 })
    expect(second.attributes['error.type']).toBe('RangeError')
    expect(second.status.code).toBe(2)
    const [batch] = named('process traced-batch')
    expect(batch.links.map(({ context }) => context.traceId)).toEqual(batched)
    expect(batch.attributes['messaging.batch.message_count']).toBe(2)
    await producer.close()
  })
})

/** W3C's trace context: what an SDK's package would bring. */
const w3c: Parameters<typeof propagation.setGlobalPropagator>[0] = {
  fields: () => ['traceparent'],
  inject(context, carrier, setter) {
    const span = trace.getSpanContext(context)
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-01`)
  },
  extract(context, carrier, getter) {
    const [, traceId, spanId] = String(getter.get(carrier, 'traceparent') ?? '').split('-')
    if (!spanId) return context
    return trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true })
  },
}
