// Of @opentelemetry/api, as much as is used: types of our own, so that ours can be read without the package.
export type Context = object
export type SpanContext = object

export interface Span {
  setAttributes(attributes: Record<string, string | number>): unknown
  recordException(exception: Error | string): void
  setStatus(status: { code: number; message?: string }): unknown
  end(): void
}

export interface Link {
  context: SpanContext
  attributes?: Record<string, string | number>
}

export interface SpanOptions {
  kind?: number
  links?: Link[]
  attributes?: Record<string, string | number>
}

export interface Tracer {
  startSpan(name: string, options?: SpanOptions, context?: Context): Span
}

export interface TextMapGetter<Carrier> {
  keys(carrier: Carrier): string[]
  get(carrier: Carrier, key: string): undefined | string | string[]
}

export interface TextMapSetter<Carrier> {
  set(carrier: Carrier, key: string, value: string): void
}

export interface OpenTelemetryApi {
  ROOT_CONTEXT: Context
  context: { active(): Context; with<T>(context: Context, call: () => T): T }
  propagation: {
    extract<C>(context: Context, carrier: C, getter: TextMapGetter<C>): Context
    inject<C>(context: Context, carrier: C, setter: TextMapSetter<C>): void
  }
  trace: {
    getTracer(name: string): Tracer
    setSpan(context: Context, span: Span): Context
    getSpanContext(context: Context): SpanContext | undefined
  }
}
