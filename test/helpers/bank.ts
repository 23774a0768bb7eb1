// A bank whose tellers are killed, paused and cut off: what its test drives. Everything that is random comes of the seed.
import { Producer } from 'odradek'
import { type Audit, audit, hangingTransactions, openTransactions } from './bank-audit.js'
import { Deck, type FaultKind, type Node, strike } from './bank-faults.js'
import { bankGroup, bankTopics, Teller } from './bank-tellers.js'
import { startCluster, witness } from './kafka.js'
import { TcpProxy } from './tcp-proxy.js'
import type { Witness } from './witness.js'

export interface Fault {
  kind: FaultKind
  victim: string
  /** Milliseconds that it lasted. */
  lasted: number
  /** From its end, and that of those that struck with it, until all transfers that had arrived by then were through. */
  recovered: number
}

export interface BankOptions {
  seed: number
  /** Milliseconds after which the group, and the coordinator, give a teller up. */
  session?: number
}

const partitions = 8
const accounts = 100
const perSecond = 200
const arrival = 50
const pollEvery = 100
const recoveryLimit = 120_000
// For a hunt: ODRADEK_BANK_KINDS=coordinator,cut
const kinds = process.env.ODRADEK_BANK_KINDS?.split(',')
// The brokers listen on the first address; what they tell the tellers of leads over the second, where the proxies are.
const [listening, advertised] = ['127.0.0.1', '127.0.0.2']
const listener = 'PROXIED'

type Cluster = Awaited<ReturnType<typeof startCluster>>

/** mulberry32: small, and good enough for choosing victims. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

export class Bank implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #proxies: readonly TcpProxy[]
  readonly #witness: Witness
  readonly #random: (below: number) => number
  readonly #deck: Deck
  // Apart from the faults', which are to be the same however long they take.
  readonly #transfers: (below: number) => number
  readonly #producer: Producer
  readonly tellers: Teller[]
  readonly faults: Fault[] = []
  made = 0
  // For each partition the end, as far as reports tell.
  readonly #ends: number[] = Array.from({ length: partitions }, () => 0)
  #delivered = 0
  #arriving: NodeJS.Timeout | undefined
  readonly #failures: unknown[] = []

  private constructor(cluster: Cluster, proxies: readonly TcpProxy[], kafka: Witness, options: BankOptions) {
    const { seed, session = 4000 } = options
    this.#cluster = cluster
    this.#proxies = proxies
    this.#witness = kafka
    this.#random = randomOf(seed)
    this.#deck = new Deck(this.#random, kinds)
    this.#transfers = randomOf(seed + 1)
    this.#producer = new Producer({
      'bootstrap.servers': cluster.brokers,
      'enable.idempotence': true,
      'message.timeout.ms': 0,
    })
    this.tellers = Array.from({ length: 4 }, (_, i) => new Teller(i, cluster.listeners[listener], session))
  }

  /** Three brokers, four tellers, and transfers that arrive all the time. Resolves when the first are through. */
  static async open(options: BankOptions): Promise<Bank> {
    const cluster = await startCluster({
      brokers: 3,
      listeners: { [listener]: { protocol: 'PLAINTEXT', host: advertised } },
      config: { 'transaction.state.log.min.isr': 2 },
    })
    try {
      const proxies = await openProxies(cluster.listeners[listener])
      const kafka = (await witness()).at(cluster.brokers)
      for (const topic of Object.values(bankTopics)) await kafka.createTopic(topic, { partitions, replication: 3 })
      return await new Bank(cluster, proxies, kafka, options).#begin()
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  async #begin(): Promise<this> {
    this.#arriving = setInterval(() => this.#arrive(), arrival)
    try {
      await this.#recovered()
      return this
    } catch (error) {
      return await this.#explain(error).finally(() => this[Symbol.asyncDispose]())
    }
  }

  #arrive(): void {
    for (let i = 0; i < (perSecond * arrival) / 1000; i++) {
      const random = this.#transfers
      const [from, to, amount, partition] = [random(accounts), random(accounts), 1 + random(500), random(partitions)]
      const value = JSON.stringify({ id: this.made++, from: `a${from}`, to: `a${to}`, amount })
      this.#producer.send({ topic: bankTopics.transfers, partition, value }).then(
        ({ offset }) => {
          this.#delivered++
          this.#ends[partition] = Math.max(this.#ends[partition], offset + 1)
        },
        (error) => this.#failures.push(error),
      )
    }
  }

  /** Strikes so often at once, each at a random moment of the bank's work, and waits until it has recovered. */
  async strike(together = 1): Promise<Fault[]> {
    try {
      for (const teller of this.tellers) teller.dismiss()
      await this.#everybodyWorks()
      const struck = await Promise.all(this.#deck.deal(together).map((kind) => this.#strike(kind, this.#random(500))))
      const over = performance.now()
      await this.#recovered()
      const recovered = performance.now() - over
      const faults = struck.map((fault) => ({ ...fault, recovered }))
      this.faults.push(...faults)
      return faults
    } catch (error) {
      return await this.#explain(error)
    }
  }

  async #strike(kind: FaultKind, delay: number): Promise<Omit<Fault, 'recovered'>> {
    await pause(delay)
    const from = performance.now()
    const victim = await strike(kind, {
      tellers: this.tellers,
      random: this.#random,
      nodes: this.#cluster.nodes as Node[],
      proxies: this.#proxies,
      witness: this.#witness,
      takenOver: (clientId) => this.#takenOver(clientId),
    })
    return { kind, victim, lasted: performance.now() - from }
  }

  // --- What is waited for

  /** Each teller has partitions: so a fault hits somebody who works. */
  async #everybodyWorks(): Promise<void> {
    const names = new Set(this.tellers.map(({ name }) => name))
    await this.#until('every teller has partitions', async () => {
      const { state, members } = await this.#witness.describeGroup(bankGroup)
      const busy = members.filter(({ assignment }) => Object.values(assignment).flat().length > 0)
      const working = new Set(busy.map(({ clientId }) => clientId.split('/')[0]))
      return state === 'Stable' && working.size === names.size
    })
  }

  /** The group has given a process's partitions to others, who go on. */
  async #takenOver(clientId: string): Promise<void> {
    await this.#until(`the group gives ${clientId} up`, async () => {
      const { state, members } = await this.#witness.describeGroup(bankGroup)
      return state === 'Stable' && !members.some((member) => member.clientId === clientId)
    })
    await this.#recovered()
  }

  /** Every transfer that has arrived by now is through, in every partition. */
  async #recovered(): Promise<void> {
    const arrived = this.made
    await this.#until('transfers are produced', () => this.#delivered >= arrived)
    const ends = [...this.#ends]
    await this.#until('all transfers that arrived are through', async () => {
      const offsets = (await this.#witness.groupOffsets(bankGroup))[bankTopics.transfers] ?? {}
      return ends.every((end, partition) => end === 0 || (offsets[partition]?.offset ?? 0) >= end)
    })
  }

  async #until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + recoveryLimit
    let trouble: unknown
    for (;;) {
      try {
        if (await condition()) return
      } catch (error) {
        // A broker that restarts does not answer at once.
        trouble = error
      }
      if (performance.now() > deadline) {
        throw new Error(`not within ${recoveryLimit / 1000} s: ${what}${trouble ? ` (${trouble})` : ''}`)
      }
      await pause(pollEvery)
    }
  }

  // --- The end

  /** No more transfers; all are through; the tellers go home; the audit begins. */
  async close(): Promise<Audit> {
    try {
      clearInterval(this.#arriving)
      await this.#producer.close({ timeout: recoveryLimit })
      await this.#recovered()
      await Promise.all(this.tellers.map((teller) => teller.stop()))
      // Those of tellers that were killed time out.
      let open: string[] = []
      const ended = async () => {
        open = await openTransactions(this.#witness)
        return open.length === 0
      }
      await this.#until('no transaction is open', ended).catch(() => {})
      open.push(...(await hangingTransactions(this.#cluster.nodes, this.#cluster.tools)))
      const { entries, wrong } = await audit(this.made, this.#cluster.tools)
      const lost = this.#failures.map((error) => `not produced: ${error}`)
      return { entries, wrong: [...lost, ...open.map((text) => `hanging transaction: ${text}`), ...wrong] }
    } catch (error) {
      return await this.#explain(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#arriving)
    for (const teller of this.tellers) teller.abandon()
    await this.#producer.close({ timeout: 1000 }).catch(() => {})
    for (const proxy of this.#proxies) proxy.close()
    await this.#cluster.stop()
  }

  /** Throws the error with all that can be found out about the state of things. */
  async #explain(error: unknown): Promise<never> {
    const tell = async (what: string, ask: Promise<unknown>) => {
      const answer = await ask.catch((failure) => String(failure))
      return `${what}: ${typeof answer === 'string' ? answer : JSON.stringify(answer)}`
    }
    const { transfers, ledger } = bankTopics
    const report = await Promise.all([
      tell('group', this.#witness.describeGroup(bankGroup)),
      tell('its offsets', this.#witness.groupOffsets(bankGroup)),
      tell('ends of transfers', this.#witness.endOffsets(transfers)),
      tell('ends of the ledger', this.#witness.endOffsets(ledger)),
      tell('last stable offsets of the ledger', this.#witness.endOffsets(ledger, 'read_committed')),
      tell('open transactions', openTransactions(this.#witness)),
      tell('transactions (kafka-transactions list)', this.#cluster.tools('kafka-transactions', ['list'])),
      ...this.tellers.map((teller) => teller.describe()),
    ])
    const made = `transfers made ${this.made}, delivered ${this.#delivered}, failed ${this.#failures.length}`
    throw new Error([String(error), made, ...report].join('\n'), { cause: error })
  }
}

function openProxies(addresses: string): Promise<TcpProxy[]> {
  const ports = addresses.split(',').map((address) => Number(address.split(':')[1]))
  return Promise.all(ports.map((port) => TcpProxy.open({ host: advertised, port }, { host: listening, port })))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
