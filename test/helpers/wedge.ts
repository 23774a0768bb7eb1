// Bursts of records and gaps around every interval that a member of a group has, read by one member of each kind of group:
// each record is seen soon after its ack, or the model knows why not.
import { Consumer, type ConsumerConfig, Producer } from 'odradek'
import { expect } from 'vitest'
import { randomOf } from './bank.js'
import { uniqueGroup } from './kafka.js'
import { waitFor } from './wait.js'

interface Options {
  servers: string
  topic: string
  partitions: number
  seconds: number
  /** Milliseconds: max.poll.interval.ms, and session.timeout.ms where the client says it. Gaps are from 0.5 to 1.5 of it. */
  interval: number
  seed?: number
}

type Span = [from: number, to: number]
/** A record that is seen later than this has to be explained. */
const soon = 2000

const protocolsOf = (interval: number) => {
  const classic = {
    'session.timeout.ms': interval,
    'heartbeat.interval.ms': Math.round(interval / 10),
    'max.poll.interval.ms': interval,
  }
  return {
    eager: { ...classic, 'partition.assignment.strategy': 'range' },
    cooperative: { ...classic, 'partition.assignment.strategy': 'cooperative-sticky' },
    'KIP-848': { 'group.protocol': 'consumer', 'max.poll.interval.ms': interval },
  } as const satisfies Record<string, ConsumerConfig>
}

/** One way of reading in one kind of group; without a group it is the witness of what the broker and the machine took. */
class Reader {
  readonly consumer: Consumer
  readonly seen = new Map<number, number>()
  /** Without partitions, and how often it got some. */
  readonly #without: Span[] = [[0, Number.POSITIVE_INFINITY]]
  rebalances = 0
  readonly errors: string[] = []
  readonly reading: Promise<void>

  constructor(config: ConsumerConfig, how: number) {
    this.consumer = new Consumer(
      { 'auto.offset.reset': 'earliest', 'statistics.interval.ms': 100, ...config },
      {
        onStatistics: () => {},
        onError: (error) => this.errors.push(error.message),
        onAssigned: () => {
          this.rebalances++
          const last = this.#without.at(-1)
          if (last) last[1] = performance.now()
        },
        onRevoked: () => void this.#without.push([performance.now(), Number.POSITIVE_INFINITY]),
      },
    )
    this.reading = this.#read(how)
  }

  #see(text: string | null): void {
    // A rebalance may bring a record again.
    const record = Number(text)
    if (!this.seen.has(record)) this.seen.set(record, performance.now())
  }

  async #read(how: number): Promise<void> {
    if (how === 0) for await (const message of this.consumer) this.#see(message.text())
    else if (how === 1) {
      for await (const batch of this.consumer.batches({ max: 100, timeout: 50 })) {
        for (const message of batch) this.#see(message.text())
      }
    } else {
      while (!this.consumer.closed) {
        const message = await this.consumer.poll(300)
        if (message) this.#see(message.text())
      }
    }
  }

  /** Whether it had no partitions at some time between the two. */
  wasWithout(acked: number, seen: number): boolean {
    return this.#without.some(([from, to]) => from < seen && to > acked)
  }
}

/** Times in which this process did not get to run. */
function stalls(): { spans: Span[]; stop(): void } {
  const spans: Span[] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last > 500) spans.push([last, now])
    last = now
  }, 50)
  return { spans, stop: () => clearInterval(timer) }
}

export async function wedge({ servers, topic, partitions, seconds, interval, seed = 20261121 }: Options) {
  const random = randomOf(seed)
  const bootstrap = { 'bootstrap.servers': servers } as const
  const names = Object.keys(protocolsOf(interval))
  const readers = Object.values(protocolsOf(interval)).map(
    (config, i) => new Reader({ ...bootstrap, 'group.id': uniqueGroup(), ...config }, i),
  )
  const control = new Reader(bootstrap, 0)
  await control.consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
  for (const { consumer } of readers) await consumer.subscribe(topic)
  // How long it takes to join is not what is asked here.
  await waitFor('all have joined', () => readers.every(({ consumer }) => consumer.assignment.length === partitions))
  const joined = readers.map(({ rebalances }) => rebalances)
  const clock = stalls()
  const producer = new Producer({ ...bootstrap, 'linger.ms': 0 })
  const acked: number[] = []
  let crossed = 0
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const burst = 1 + random(random(4) === 0 ? 2000 : 20)
    const first = acked.length
    const records = Array.from({ length: burst }, (_, i) => ({
      value: String(first + i),
      partition: random(partitions),
    }))
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
    const now = performance.now()
    for (let i = 0; i < burst; i++) acked.push(now)
    const long = random(3) === 0
    const gap = long ? Math.round(interval * (0.5 + random(1001) / 1000)) : random(200)
    if (gap > interval) crossed++
    await new Promise((resolve) => setTimeout(resolve, gap))
  }
  await producer.close()
  const all = [...readers, control]
  await waitFor('everything is seen', () => all.every(({ seen }) => seen.size === acked.length), 30_000).catch(
    (error) => {
      const missing = all.map(({ seen, errors, consumer }) => {
        return { missing: acked.length - seen.size, errors: errors.slice(0, 5), lag: consumer.lag() }
      })
      throw new Error(`${error.message}; by reader: ${JSON.stringify(missing)}`)
    },
  )
  clock.stop()
  const stalled = (from: number, to: number) => clock.spans.some(([begin, end]) => begin < to && end > from)
  const report = readers.map((reader, i) => {
    const late = [...reader.seen].map(([record, at]) => ({ record, acked: acked[record], at, ms: at - acked[record] }))
    const unexplained = late.filter(({ record, acked, at, ms }) => {
      if (ms <= soon || reader.wasWithout(acked, at) || stalled(acked, at)) return false
      // What the broker or the machine took, whoever reads without a group has to bear, too.
      return (control.seen.get(record) ?? 0) - acked < soon / 2
    })
    return {
      protocol: names[i],
      latest: Math.round(Math.max(...late.map(({ ms }) => ms))),
      rebalances: reader.rebalances - joined[i],
      unexplained: unexplained.slice(0, 5),
    }
  })
  console.log(`${acked.length} records, ${crossed} gaps longer than ${interval} ms: ${JSON.stringify(report)}`)
  await Promise.all(all.map(({ consumer }) => consumer.close()))
  for (const { reading } of all) await reading.catch((error) => expect(error.code).toBe('_STATE'))
  return { report, crossed }
}
