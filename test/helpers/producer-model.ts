// Whatever a program does with a producer, and whatever brokers answer: each record settles exactly once, order is kept
// in each partition, a flush waits for what came before it, and nothing is left. Short: test/mock/producer-properties.test.ts,
// long: test/stress/producer-properties.test.ts. Replay with ODRADEK_PRODUCER_SEED and the path that fast-check prints.
import fc from 'fast-check'
import { Consumer, type DeliveryReport, type DeliveryReports, KafkaError, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'

const partitions = 3
const brokers = 2
const seed = process.env.ODRADEK_PRODUCER_SEED ? Number(process.env.ODRADEK_PRODUCER_SEED) : undefined

const transient: Parameters<MockCluster['pushErrors']>[1][number][] = [
  'NOT_LEADER_FOR_PARTITION',
  'REQUEST_TIMED_OUT',
  'NOT_ENOUGH_REPLICAS',
  '_TRANSPORT',
]

const permanent: typeof transient = ['MSG_SIZE_TOO_LARGE', 'TOPIC_AUTHORIZATION_FAILED', 'INVALID_RECORD']

const partition = fc.nat(partitions - 1)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), partition, opaque: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('produce' as const), partition, opaque: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('batch' as const), length: fc.nat(40), bad: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), partition }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('abort batch' as const),
      length: fc.nat(40),
      turn: fc.constantFrom(undefined, 0, 2),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('flush' as const), timeout: fc.constantFrom(0, 5, 2000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abort flush' as const), turn: fc.constantFrom(undefined, 0, 2) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('purge' as const), queue: fc.boolean(), inflight: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('errors' as const),
      errors: fc.array(fc.constantFrom(...transient), { maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), error: fc.constantFrom(...permanent) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leader' as const), partition }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rtt' as const), ms: fc.constantFrom(0, 1, 20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const), ms: fc.constantFrom(0, 3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), timeout: fc.constantFrom(0, 20, 3000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

type Limit = { 'queue.buffering.max.messages': number } | { 'queue.buffering.max.kbytes': number }

/** A producer, and a ledger of what it was given. */
class Run {
  readonly producer: Producer
  readonly #settled = new Map<number, (DeliveryReport | Error)[]>()
  // In the order in which they were given, which for those that were taken is the order of their partition.
  readonly #partitions = new Map<number, number>()
  readonly #underway: Promise<unknown>[] = []
  // Of produce without an opaque nobody can say which report is whose.
  #anonymous = 0
  #anonymousReports = 0
  #next = 0
  #leader = 1

  constructor(
    readonly cluster: MockCluster,
    readonly topic: string,
    limit: Limit,
    /** Of values, bytes, at least. */
    readonly size: number,
  ) {
    this.producer = new Producer(
      {
        'bootstrap.servers': cluster.bootstrapServers,
        'enable.idempotence': true,
        // The embedded cluster looks at sequence numbers only in transactions: with more it would take the second request
        // after refusing the first, which a broker does not. test/stress/producer-faults.test.ts has real ones.
        'max.in.flight': 1,
        'linger.ms': 1,
        'retry.backoff.ms': 5,
        'retry.backoff.max.ms': 20,
        'reconnect.backoff.ms': 1,
        'reconnect.backoff.max.ms': 20,
        ...limit,
      },
      { onDelivery: (reports) => this.#delivered(reports) },
    )
  }

  #delivered(reports: DeliveryReports): void {
    for (const report of reports) {
      if (typeof report.opaque === 'number') this.#settle(report.opaque, report)
      else this.#anonymousReports++
    }
  }

  #settle(id: number, outcome: DeliveryReport | Error): void {
    const outcomes = this.#settled.get(id)
    if (!outcomes) throw new Error(`${id} was never given`)
    outcomes.push(outcome)
  }

  #give(partition: number): { id: number; record: { topic: string; partition: number; value: string } } {
    const id = this.#next++
    this.#settled.set(id, [])
    this.#partitions.set(id, partition)
    return { id, record: { topic: this.topic, partition, value: String(id).padStart(this.size) } }
  }

  #follow<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: Error) => void): void {
    this.#underway.push(promise.then(done, failed))
  }

  async step(step: Step): Promise<void> {
    switch (step.do) {
      case 'send': {
        const { id, record } = this.#give(step.partition)
        const sent = this.producer.send(step.opaque ? { ...record, opaque: id } : record)
        this.#follow(
          sent,
          (report) => this.#settle(id, report),
          (error) => this.#settle(id, error),
        )
        break
      }
      case 'produce':
        this.#produce(step.partition, step.opaque)
        break
      case 'batch':
        this.#batch(step.length, step.bad)
        break
      case 'abort': {
        const controller = new AbortController()
        const { id, record } = this.#give(step.partition)
        const sent = this.producer.send(record, { signal: controller.signal })
        this.#follow(
          sent,
          (report) => this.#settle(id, report),
          (error) => this.#settle(id, error),
        )
        controller.abort(new Error('aborted'))
        break
      }
      case 'abort batch': {
        const controller = new AbortController()
        const { given, sent } = this.#sendBatch(step.length, step.length, controller.signal)
        const failed = (error: Error) => {
          for (const { id } of given) this.#settle(id, error)
        }
        this.#follow(sent, (reports) => this.#settleBatch(given, reports), failed)
        await turn(step.turn)
        controller.abort(new Error('aborted'))
        break
      }
      case 'flush':
        this.#flush(step.timeout)
        break
      case 'abort flush': {
        const controller = new AbortController()
        const flushed = this.producer.flush({ signal: controller.signal })
        this.#follow(
          flushed,
          () => {},
          (error) => expect(error.message).toMatch(/^aborted$|closed/),
        )
        await turn(step.turn)
        controller.abort(new Error('aborted'))
        break
      }
      case 'purge':
        this.#follow(this.producer.purge({ queue: step.queue, inflight: step.inflight }), () => {}, closed)
        break
      case 'errors':
        if (step.errors.length > 0) this.cluster.pushErrors('Produce', step.errors)
        break
      case 'refuse':
        this.cluster.pushErrors('Produce', [step.error])
        break
      case 'leader':
        this.#leader = (this.#leader % brokers) + 1
        this.cluster.partition(this.topic, step.partition).leader(this.#leader)
        break
      case 'rtt':
        this.cluster.brokers.rtt(step.ms)
        break
      case 'turn':
        await turn(step.ms)
        break
      case 'close':
        this.#follow(this.producer.close({ timeout: step.timeout }), () => {}, fail)
    }
  }

  #produce(partition: number, opaque: boolean): void {
    const { id, record } = this.#give(partition)
    try {
      this.producer.produce(opaque ? { ...record, opaque: id } : record)
      if (opaque) return
      this.#anonymous++
    } catch (error) {
      const expected = this.producer.closed ? '_STATE' : '_QUEUE_FULL'
      if (!(error instanceof KafkaError) || error.code !== expected) throw error
      this.#partitions.delete(id)
    }
    this.#settled.delete(id)
  }

  #batch(length: number, bad: number): void {
    const { given, sent } = this.#sendBatch(length, bad)
    const failed = (error: Error) => {
      closed(error)
      for (const { id } of given) this.#settle(id, error)
    }
    this.#follow(sent, (reports) => this.#settleBatch(given, reports), failed)
  }

  #sendBatch(length: number, bad: number, signal?: AbortSignal) {
    const given = Array.from({ length }, (_, i) => this.#give(i % partitions))
    const records = given.map(({ id, record }) => ({ ...record, opaque: id }))
    if (bad < length) {
      records[bad] = { ...records[bad], value: 5 as never }
      this.#partitions.delete(given[bad].id)
    }
    return { given, sent: this.producer.sendBatch(records, signal && { signal }) }
  }

  #settleBatch(given: { id: number }[], reports: DeliveryReports): void {
    expect(reports.length).toBe(given.length)
    for (const report of reports) {
      expect(report.opaque).toBe(given[report.index].id)
      this.#settle(given[report.index].id, report)
    }
  }

  /** What was given before it has its report after it. */
  #flush(timeout: number): void {
    const given = [...this.#settled.keys()]
    const anonymous = this.#anonymous
    const flushed = () => {
      expect(given.filter((id) => this.#settled.get(id)?.length === 0)).toEqual([])
      expect(this.#anonymousReports).toBeGreaterThanOrEqual(anonymous)
    }
    this.#follow(this.producer.flush({ timeout }), flushed, timedOut)
  }

  async end(): Promise<void> {
    const drained = this.producer.drained()
    await this.producer.close({ timeout: 5000 })
    await drained
    await Promise.all(this.#underway)
    expect(this.producer.length).toEqual({ messages: 0, bytes: 0 })
    expect(this.#anonymousReports).toBe(this.#anonymous)
    for (const [id, outcomes] of this.#settled) expect(outcomes.length, `record ${id}`).toBe(1)
    await this.#checkLog()
  }

  /** What was reported as persisted is there, once, where the report says; and in order. */
  async #checkLog(): Promise<void> {
    const log = await readAll(this.cluster, this.topic)
    for (const ids of log) {
      expect(ids).toEqual([...ids].sort((a, b) => a - b))
      expect(new Set(ids).size).toBe(ids.length)
    }
    for (const [id, [outcome]] of this.#settled) {
      if (outcome instanceof Error || outcome.error) continue
      expect(log[outcome.partition][outcome.offset], `record ${id}`).toBe(id)
    }
    for (const [partition, ids] of log.entries()) {
      for (const id of ids) expect(this.#partitions.get(id), `record ${id}`).toBe(partition)
    }
  }
}

function timedOut(error: Error): void {
  if (!(error instanceof KafkaError) || !['_TIMED_OUT', '_STATE'].includes(error.code)) throw error
}

function closed(error: Error): void {
  if (!(error instanceof KafkaError) || error.code !== '_STATE') throw error
}

function fail(error: Error): void {
  throw error
}

async function turn(ms: number | undefined): Promise<void> {
  if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms))
}

/** The ids in each partition, by offset. */
async function readAll(cluster: MockCluster, topic: string): Promise<number[][]> {
  cluster.clearErrors('Produce')
  cluster.brokers.rtt(0)
  await using consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': 'log',
    'auto.offset.reset': 'earliest',
    'enable.partition.eof': true,
    'fetch.wait.max.ms': 5,
  })
  const assignment = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ends = await Promise.all(assignment.map((one) => consumer.watermarks(one)))
  const left = ends.reduce((sum, { high }) => sum + high, 0)
  const log: number[][] = Array.from({ length: partitions }, () => [])
  if (left === 0) return log
  await consumer.assign(assignment.map((one) => ({ ...one, offset: 0 })))
  let read = 0
  for await (const message of consumer) {
    log[message.partition][message.offset] = Number(message.text())
    if (++read === left) break
  }
  return log
}

/** Defines the test. ODRADEK_PRODUCER_RUNS takes precedence. */
export function producerProperties({ runs: defaultRuns }: { runs: number }): void {
  const numRuns = Number(process.env.ODRADEK_PRODUCER_RUNS ?? defaultRuns)
  it(`any sequence of calls settles each record exactly once, in order, with nothing left: ${numRuns} of them`, {
    timeout: 120_000 + numRuns * 10_000,
  }, async () => {
    await using cluster = new MockCluster({ brokers })
    let runs = 0
    const steps = fc.array(step, { minLength: 1, maxLength: 30 })
    const limit = fc.oneof(
      fc.record({ 'queue.buffering.max.messages': fc.constantFrom(1, 3, 20, 100_000) }),
      fc.record({ 'queue.buffering.max.kbytes': fc.constant(1) }),
    )
    const property = fc.asyncProperty(steps, limit, fc.constantFrom(1, 300), async (steps, limit, size) => {
      const topic = `run-${runs++}`
      await cluster.createTopic(topic, { partitions })
      cluster.clearErrors('Produce')
      cluster.brokers.rtt(0)
      const run = new Run(cluster, topic, limit, size)
      try {
        for (const step of steps) await run.step(step)
        await run.end()
      } finally {
        await run.producer.close({ timeout: 0 })
      }
    })
    await fc.assert(property, { numRuns, seed })
  })
}
