// Runs the examples of the documentation: each on clusters and clients that it takes for granted, until it has come to its end or,
// where it goes on for ever, until what it calls was called.
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SchemaRegistryClient } from '@confluentinc/schemaregistry'
import * as odradek from 'odradek'
import * as processing from 'odradek/processor'
import * as serde from 'odradek/serde'
import { Registry } from 'prom-client'
import { z } from 'zod'
import type { Compiled } from './documentation.js'
import { waitFor } from './wait.js'

const AVRO = {
  ...{ type: 'record', name: 'Order' },
  fields: [
    { name: 'id', type: 'string' },
    { name: 'amount', type: 'double' },
  ],
}
const ORDERS = [
  { id: 'a', amount: 1 },
  { id: 'b', amount: 2 },
]

interface Closable {
  close(): Promise<void>
}

/** What an example makes of the package's classes is closed after it, and what it names of the world is there. */
export interface Surroundings {
  brokers: string
  /** Values of the configuration that examples name, and what they are here. */
  files: Record<string, string>
  texts: Record<string, string>
}

/** One example's run. */
class Run {
  readonly #surroundings: Surroundings
  readonly #made: Closable[] = []
  readonly #controller = new AbortController()
  readonly #called = new Map<string, number>()
  #app: processing.Processor | undefined
  #ran = false
  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  calls(name: string): number {
    return this.#called.get(name) ?? 0
  }

  get allCalls(): number {
    return [...this.#called.values()].reduce((sum, count) => sum + count, 0)
  }

  /** A function that an example calls, counted. */
  spy<T>(name: string, result?: T) {
    return (..._: unknown[]): T => {
      this.#called.set(name, this.calls(name) + 1)
      return result as T
    }
  }

  /** The package's classes, whose instances are remembered and whose configuration names what is here. */
  classes<T extends object>(all: T): T {
    const run = this
    const entries = Object.entries(all).map(([name, value]) => {
      if (!/^(Producer|Consumer|AdminClient|TypedProducer|TypedConsumer|MockCluster|Processor)$/.test(name)) {
        return [name, value]
      }
      class Remembered extends (value as unknown as new (...args: object[]) => Closable) {
        constructor(config: object, ...more: object[]) {
          super(run.#here(config, /Consumer|Processor/.test(name)), ...more)
          if ('close' in this) run.#made.push(this)
        }
      }
      Object.defineProperty(Remembered, 'name', { value: name })
      return [name, Remembered]
    })
    return Object.fromEntries(entries) as T
  }

  #here(config: object, reads: boolean): object {
    const { brokers, files } = this.#surroundings
    // What is to be read is there already.
    const beginning = reads ? { 'auto.offset.reset': 'earliest' } : {}
    const servers = (text: unknown) =>
      /^(localhost:9092|broker-1\.example\.com:9094)$/.test(String(text)) ? brokers : text
    return Object.fromEntries(
      Object.entries({ ...beginning, ...config }).map(([key, value]) => [
        key,
        key === 'bootstrap.servers' ? servers(value) : (typeof value === 'string' && files[value]) || value,
      ]),
    )
  }

  async #producer(Producer: typeof odradek.Producer, code: string) {
    const transactional = /ransaction\(/.test(code)
    const id = transactional ? { 'transactional.id': 'ledger' } : {}
    const producer = new Producer({ 'bootstrap.servers': this.#surroundings.brokers, ...id })
    if (transactional && !code.includes('initTransactions')) await producer.initTransactions()
    return producer
  }

  /** What it takes for granted of this package, made when it is asked for. */
  async #client(name: string, code: string): Promise<unknown> {
    const { Producer, Consumer, AdminClient, MockCluster } = this.classes(odradek)
    const bootstrap = { 'bootstrap.servers': this.#surroundings.brokers }
    // Examples give it to producers, too.
    const group = { ...bootstrap, 'group.id': 'inventory' }
    const config = name !== 'config' || /Consumer\(config/.test(code) ? group : bootstrap
    switch (name) {
      case 'config':
        return config
      case 'producer':
        return await this.#producer(Producer, code)
      case 'admin':
        return new AdminClient(bootstrap)
      case 'cluster': {
        const cluster = new MockCluster({ brokers: 3 })
        await cluster.createTopic('orders', { partitions: 6, replicationFactor: 3 })
        return cluster
      }
      case 'consumer': {
        const consumer = new Consumer({ ...config, 'enable.auto.commit': false })
        await consumer.subscribe(['orders'])
        return consumer
      }
      case 'app':
        // In a group of its own: a consumer that nobody reads would hold up its rebalances.
        this.#app = new (this.classes(processing).Processor)({ ...config, 'group.id': 'app' }, { onError: () => {} })
        if (/useBatch/.test(code))
          this.#app.batchTopic('orders', { max: 10, timeout: 100 }, this.spy('handled', Promise.resolve()))
        else if (!/app\.topic\(/.test(code)) this.#app.topic('orders', this.spy('handled', Promise.resolve()))
        // An example may run it itself; else it is run after it.
        this.#ran = /app\.run\(/.test(code)
        return this.#app
      default:
        return undefined
    }
  }

  /** What an example that reads Avro finds. */
  async #write(registry: object) {
    const value = serde.avro<object>(registry, { serializer: { useLatestVersion: true, autoRegisterSchemas: false } })
    const producer = new serde.TypedProducer({ 'bootstrap.servers': this.#surroundings.brokers }, { value })
    await producer.sendBatch(
      'orders',
      ORDERS.map((order) => ({ value: order })),
    )
    await producer.close()
  }

  /** The value of everything that an example may take for granted. */
  async given(name: string, code: string): Promise<unknown> {
    const text = (name: string) => this.#surroundings.texts[name] ?? name
    const schemas = async () => {
      const registry = SchemaRegistryClient.newClient({ baseURLs: ['mock://'] })
      await registry.register('orders-value', { schemaType: 'AVRO', schema: JSON.stringify(AVRO) }, false)
      if (!code.includes('Producer')) await this.#write(registry)
      return registry
    }
    const values: Record<string, () => unknown> = {
      brokers: () => this.#surroundings.brokers,
      createReadStream: () => () => Readable.from(['{"origin":"VIE"}']),
      credential: () => ({
        getToken: async () => ({ accessToken: 'token', expiresOn: new Date(Date.now() + 60_000) }),
      }),
      db: () => ({ insertMany: this.spy('db.insertMany', Promise.resolve()) }),
      failed: () => 0,
      http: () => http,
      order: () => ORDERS[0],
      orders: () => ORDERS,
      orderSchema: () => z.object({ id: z.string(), amount: z.number() }),
      pipeline: () => pipeline,
      readFileSync: () => (name: string) => text(name),
      regionOf: () => this.spy('regionOf', 3),
      register: () => new Registry(),
      registry: schemas,
      SchemaRegistryClient: () => SchemaRegistryClient,
      signal: () => this.signal,
      split2: () => () => new PassThrough(),
      warehouse: () => ({ insert: this.spy('warehouse.insert', Promise.resolve()) }),
      z: () => z,
    }
    for (const name of ['handle', 'reserve', 'loadState', 'flushState'])
      values[name] = () => this.spy(name, Promise.resolve())
    for (const name of ['dropState', 'start', 'end', 'summarize']) values[name] = () => this.spy(name, name)
    if (values[name]) return await values[name]()
    return (await this.#client(name, code)) ?? text(name)
  }

  /** Runs the processor that an example has set up, if it has not itself. */
  async after(): Promise<void> {
    if (this.#app && !this.#ran) await this.#app.run({ signal: this.signal })
  }

  /** Ends what goes on for ever: signals abort, and clients that are closed end the loops over them. */
  async stop(): Promise<void> {
    this.#controller.abort()
    for (const made of this.#made.splice(0).reverse()) await made.close()
  }
}

/** What the compiled examples import instead of the package; `globalThis[KEY]` is the run. */
const KEY = '__odradek_example'
const ENTRIES = { odradek, 'odradek/processor': processing, 'odradek/serde': serde }

function redirect(compiled: Compiled): void {
  for (const [entry, all] of Object.entries(ENTRIES)) {
    // shutdownSignal() is the run's own: nobody sends this process a signal.
    const lines = Object.keys(all).map((name) => `export const ${name} = own.${name}`)
    const own = `const own = globalThis.${KEY}.entry('${entry}')\n`
    writeFileSync(join(compiled.directory, 'run', `${entry.replace('/', '-')}.mjs`), `${own}${lines.join('\n')}\n`)
  }
  for (const file of compiled.files) {
    const text = readFileSync(file, 'utf8')
    const imports = text.replaceAll(/ from '(odradek(?:\/(?:processor|serde))?)'/g, (_, entry: string) => {
      return ` from './${entry.replace('/', '-')}.mjs?${file.match(/(\d+)\.mjs$/)![1]}'`
    })
    writeFileSync(file, imports)
  }
}

export function prepareToRun(compiled: Compiled): void {
  redirect(compiled)
}

/** What the code calls and cannot have come past without. */
const expectedCalls = (code: string): string[] =>
  ['handle', 'reserve', 'summarize', 'start', 'end', 'db.insertMany', 'warehouse.insert'].filter((name) =>
    new RegExp(`(^|[^.\\w])${name.replace('.', '\\.')}\\(`, 'm').test(code),
  )

/** Runs one compiled example to its end; rejects with what it rejects with, or when it does not end. */
export async function runExample(file: string, code: string, surroundings: Surroundings): Promise<void> {
  const run = new Run(surroundings)
  const entry = (name: keyof typeof ENTRIES) => ({
    ...run.classes(ENTRIES[name]),
    ...(name === 'odradek/processor' && { shutdownSignal: () => run.signal }),
  })
  Object.assign(globalThis, { [KEY]: { entry } })
  const { example } = (await import(file)) as { example(given: object): Promise<void> }
  const needed = /function example\(\{ (.*?) \}\)/.exec(readFileSync(file, 'utf8'))?.[1]?.split(', ') ?? []
  const given: Record<string, unknown> = {}
  for (const name of needed.filter(Boolean)) given[name] = await run.given(name, code)
  let over = false
  const expected = expectedCalls(code)
  const ended = example(given)
    .then(() => run.after())
    .finally(() => {
      over = true
    })
  // Its rejection is awaited below.
  ended.catch(() => {})
  try {
    const forEver = /for await|app\.run\(|exactlyOnce\(/.test(code) || needed.includes('app')
    await waitFor(`${file} is over, or has called ${expected}`, () => {
      if (over || !forEver) return over
      if (expected.length === 0) return run.allCalls > 0 || code.includes('deliveries()')
      return expected.every((name) => run.calls(name) > 0)
    })
  } finally {
    await run.stop()
  }
  await ended
}

/** What the embedded cluster does not do. */
export const needsKafka = ({ code }: { code: string }): boolean => /\badmin\.|AdminClient/.test(code)
