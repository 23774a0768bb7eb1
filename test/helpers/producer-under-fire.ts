// An idempotent producer while brokers are killed, stopped and paused, leaders move and connections are cut in the middle of
// batches: nothing lost, doubled or reordered, as Kafka's own consumer reads it. Long: test/stress/producer-faults.test.ts,
// short: test/broker/producer-faults.test.ts.
import { AdminClient, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { randomOf } from './bank.js'
import { startCluster, uniqueTopic, witness } from './kafka.js'
import { TcpProxy } from './tcp-proxy.js'
import { waitFor } from './wait.js'
import type { Witness } from './witness.js'

type Cluster = Awaited<ReturnType<typeof startCluster>>
const partitions = 3
const kinds = ['cut', 'kill', 'deaf', 'leader', 'cut all', 'stop', 'pause'] as const
type Kind = (typeof kinds)[number]

interface Struck {
  cluster: Cluster
  proxies: readonly TcpProxy[]
  kafka: Witness
  topic: string
  random: (below: number) => number
}

/** Defines the test. ODRADEK_PRODUCER_FAULTS and ODRADEK_PRODUCER_SEED take precedence. */
export function producerUnderFire({ faults: defaultFaults }: { faults: number }): void {
  const seed = Number(process.env.ODRADEK_PRODUCER_SEED ?? 20261121)
  const faults = Number(process.env.ODRADEK_PRODUCER_FAULTS ?? defaultFaults)
  it(`keeps every record, once and in order, over ${faults} faults`, {
    timeout: 240_000 + faults * 60_000,
  }, async () => {
    const cluster = await startCluster({
      brokers: 3,
      listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } },
      config: { 'min.insync.replicas': 2 },
    })
    const proxies: TcpProxy[] = []
    try {
      for (const address of cluster.listeners.PROXIED.split(',')) {
        const port = Number(address.split(':')[1])
        proxies.push(await TcpProxy.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port }))
      }
      const kafka = (await witness()).at(cluster.brokers)
      const topic = uniqueTopic('faults')
      await kafka.createTopic(topic, { partitions, replication: 3 })
      const struck = { cluster, proxies, kafka, topic, random: randomOf(seed) }
      const source = new Source(cluster.listeners.PROXIED, topic)
      try {
        await source.goesOn('the beginning')
        for (const kind of deal(faults, struck.random)) {
          await strike(kind, struck)
          await source.goesOn(kind)
        }
      } finally {
        await source.end()
      }
      expect(source.failures).toEqual([])
      await expectAll(kafka, topic, source.sent)
      console.log(`seed ${seed}: ${faults} faults, ${source.sent.reduce((sum, count) => sum + count)} records`)
    } finally {
      for (const proxy of proxies) proxy.close()
      await cluster.stop()
    }
  })
}

/** Sends numbered records to each partition, all the time. */
class Source {
  readonly sent: number[] = Array.from({ length: partitions }, () => 0)
  readonly failures: unknown[] = []
  readonly #producer: Producer
  readonly #timer: NodeJS.Timeout
  #delivered = 0

  constructor(brokers: string, topic: string) {
    this.#producer = new Producer({
      'bootstrap.servers': brokers,
      'enable.idempotence': true,
      'message.timeout.ms': 240_000,
      'socket.timeout.ms': 3000,
      'reconnect.backoff.max.ms': 500,
    })
    this.#timer = setInterval(() => this.#send(topic), 5)
  }

  #send(topic: string): void {
    // What waits at the end has to be delivered in time, however slow the machine is.
    if (this.#producer.length.messages > 20_000) return
    for (let i = 0; i < 18; i++) {
      const partition = i % partitions
      this.#producer.send({ topic, partition, value: String(this.sent[partition]++) }).then(
        () => this.#delivered++,
        (error) => this.failures.push(error),
      )
    }
  }

  async goesOn(after: string): Promise<void> {
    const from = this.#delivered
    await waitFor(`deliveries after ${after}`, () => this.#delivered > from + 1000, 120_000)
  }

  async end(): Promise<void> {
    clearInterval(this.#timer)
    await this.#producer.flush({ timeout: 120_000 }).catch((error) => this.failures.push(error))
    await this.#producer.close()
  }
}

/** Each kind comes up before one comes up again. */
function deal(count: number, random: (below: number) => number): Kind[] {
  const dealt: Kind[] = []
  let left: Kind[] = []
  while (dealt.length < count) {
    if (left.length === 0) left = [...kinds]
    dealt.push(...left.splice(random(left.length), 1))
  }
  return dealt
}

async function strike(kind: Kind, { cluster, proxies, kafka, topic, random }: Struck): Promise<void> {
  const victim = (await kafka.describeTopic(topic)).partitions[random(partitions)].leader - 1
  const node = cluster.nodes[victim]
  switch (kind) {
    case 'cut':
      return proxies[victim].cut()
    case 'cut all':
      for (const proxy of proxies) proxy.cut()
      return
    case 'deaf':
      // Requests arrive and are written, their answers are lost.
      proxies[victim].traffic = 'deaf'
      await pause(100 + random(1000))
      proxies[victim].traffic = 'open'
      return
    case 'kill':
    case 'stop':
      await node[kind]()
      await pause(random(1000))
      return node.start()
    case 'pause':
      // It has the requests and does not answer: they time out here, and may be written all the same.
      node.pause()
      await pause(3000 + random(2000))
      return node.resume()
    case 'leader': {
      await using admin = new AdminClient({ 'bootstrap.servers': cluster.brokers })
      // To where it was before the faults; when it is there, from there and back.
      const elected = await admin.electLeaders('preferred')
      if (elected.some(({ error }) => !error)) return
      await node.stop()
      await node.start()
      await admin.electLeaders('preferred')
    }
  }
}

async function expectAll(kafka: Witness, topic: string, sent: readonly number[]): Promise<void> {
  const log = await kafka.consume({ topic, timeout: 120_000 })
  for (const [partition, count] of sent.entries()) {
    const values = log.filter((record) => record.partition === partition).map(({ value }) => Number(value))
    // The index of the first that is out of place, lost or doubled.
    expect(values.findIndex((value, i) => value !== i)).toBe(-1)
    expect(values.length).toBe(count)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
