// A bank whose tellers are killed, paused and cut off: what its test drives. Everything that is random comes of the seed.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Producer } from 'odradek'
import { waitFor } from './wait.js'
import type { Witness } from './witness.js'

export interface Node {
  id: number
  kill(): Promise<unknown>
  start(): Promise<unknown>
}

export interface Fault {
  kind: 'kill' | 'zombie' | 'broker'
  victim: number
  /** Milliseconds until everything that had arrived when it struck, and a second's transfers more, was through. */
  recovered: number
}

const tellerFile = fileURLToPath(new URL('bank-teller.mjs', import.meta.url))
const accounts = 100
const transfers = 'transfers'
const ledger = 'ledger'
const group = 'bank'
// Transfers on all partitions: when they are through, nobody's partitions wait for a teller that is gone or paused.
const takenOver = 200
const recoveryLimit = 90_000

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

class Teller {
  readonly #index: number
  readonly #bootstrap: string
  #child: ChildProcess
  #stopping = false
  /** How its processes ended, but for those that were killed. */
  readonly ends: string[] = []
  output = ''

  constructor(index: number, bootstrap: string) {
    this.#index = index
    this.#bootstrap = bootstrap
    this.#child = this.#spawn()
  }

  #spawn(): ChildProcess {
    const config = { 'bootstrap.servers': this.#bootstrap }
    // Half of them with an id that stays, which fences their own zombies; half with one for each run.
    const transactionalId = this.#index % 2 === 0 ? `teller-${this.#index}` : undefined
    const args = [tellerFile, JSON.stringify({ config, group, transfers, ledger, transactionalId })]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    const keep = (chunk: Buffer) => {
      this.output = (this.output + chunk).slice(-20_000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL') this.ends.push(`teller ${this.#index}: ${signal ?? code}`)
      if (!this.#stopping) this.#child = this.#spawn()
    })
    return child
  }

  get state(): string {
    return `pid ${this.#child.pid}, exit ${this.#child.exitCode}, signal ${this.#child.signalCode}, ends ${this.ends}`
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  pause(): () => void {
    const child = this.#child
    child.kill('SIGSTOP')
    return () => child.kill('SIGCONT')
  }

  async stop(): Promise<void> {
    this.#stopping = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
}

export class Bank {
  readonly #witness: Witness
  readonly #nodes: readonly Node[]
  readonly #random: (below: number) => number
  readonly #producer: Producer
  readonly tellers: Teller[]
  readonly faults: Fault[] = []
  #made = 0
  #arriving: NodeJS.Timeout | undefined
  readonly #failures: unknown[] = []

  constructor(bootstrap: string, nodes: readonly Node[], witness: Witness, seed: number, tellers = 4) {
    this.#witness = witness
    this.#nodes = nodes
    this.#random = randomOf(seed)
    this.#producer = new Producer({
      'bootstrap.servers': bootstrap,
      'enable.idempotence': true,
      'message.timeout.ms': 0,
    })
    this.tellers = Array.from({ length: tellers }, (_, i) => new Teller(i, bootstrap))
  }

  static async createTopics(witness: Witness): Promise<void> {
    for (const topic of [transfers, ledger]) await witness.createTopic(topic, { partitions: 8, replication: 3 })
  }

  /** Transfers arrive all the time; resolves when the first are through. */
  async open(perSecond = 200): Promise<void> {
    const each = 50
    this.#arriving = setInterval(() => {
      for (let i = 0; i < (perSecond * each) / 1000; i++) this.#transfer()
    }, each)
    await this.#through(takenOver)
  }

  #transfer(): void {
    const [from, to, amount] = [this.#random(accounts), this.#random(accounts), 1 + this.#random(500)]
    const value = JSON.stringify({ id: this.#made++, from: `a${from}`, to: `a${to}`, amount })
    this.#producer.send({ topic: transfers, value }).catch((error) => this.#failures.push(error))
  }

  /** Strikes, and waits until what had arrived by then, and a little more, is through. */
  async strike(): Promise<Fault> {
    await this.#settled()
    const dice = this.#random(10)
    const from = performance.now()
    const before = this.#made + takenOver
    const fault: Fault = { kind: dice < 5 ? 'kill' : dice < 8 ? 'zombie' : 'broker', victim: 0, recovered: 0 }
    if (fault.kind === 'broker') {
      const node = this.#nodes[this.#random(this.#nodes.length)]
      fault.victim = node.id
      await node.kill()
      await node.start()
    } else {
      fault.victim = this.#random(this.tellers.length)
      const teller = this.tellers[fault.victim]
      if (fault.kind === 'kill') teller.kill()
      else {
        // Woken when the others have taken over, so after its session and its transaction have timed out.
        const resume = teller.pause()
        await this.#through(before)
        resume()
      }
    }
    await this.#through(before)
    fault.recovered = performance.now() - from
    this.faults.push(fault)
    return fault
  }

  /** Each teller has partitions: so a fault hits somebody who works. */
  async #settled(): Promise<void> {
    const working = async () => {
      const { state, members } = await this.#witness.describeGroup(group)
      const busy = members.filter(({ assignment }) => Object.values(assignment).flat().length > 0)
      return state === 'Stable' && busy.length === this.tellers.length
    }
    await waitFor('every teller has partitions', () => working().catch(() => false), recoveryLimit)
  }

  async #through(count: number): Promise<void> {
    await waitFor(
      `${count} transfers are through`,
      async () => (await this.#committed().catch(() => 0)) >= count,
      recoveryLimit,
    )
  }

  async #committed(): Promise<number> {
    const offsets = (await this.#witness.groupOffsets(group))[transfers] ?? {}
    return Object.values(offsets).reduce((sum, { offset }) => sum + offset, 0)
  }

  /** No more transfers; all are through; the tellers go home. */
  async close(): Promise<void> {
    clearInterval(this.#arriving)
    await this.#producer.close({ timeout: 60_000 })
    await this.#through(this.#made)
    await Promise.all(this.tellers.map((teller) => teller.stop()))
  }

  /** For the report of a failure: who is in the group, and what each teller said last. */
  async describe(): Promise<string> {
    const members = await this.#witness.describeGroup(group).catch(String)
    const said = this.tellers.map((teller, i) => `teller ${i}: ${teller.state}\n${teller.output.slice(-4000)}`)
    return [JSON.stringify(members), ...said].join('\n')
  }

  abandon(): void {
    clearInterval(this.#arriving)
    void this.#producer.close({ timeout: 0 })
    for (const teller of this.tellers) {
      void teller.stop()
      teller.kill()
    }
  }

  /** What an independent reader finds wrong: nothing, one hopes. */
  async audit(): Promise<{ transfers: number; wrong: string[] }> {
    const wrong = this.#failures.map((error) => `not produced: ${error}`)
    const entries = new Map<number, number[]>()
    const balances = new Map<string, number>()
    for (const { key, value } of await this.#witness.consume({ topic: ledger, isolation: 'read_committed' })) {
      const { transfer, delta } = JSON.parse(String(value))
      const known = entries.get(transfer)
      if (known) known.push(delta)
      else entries.set(transfer, [delta])
      balances.set(String(key), (balances.get(String(key)) ?? 0) + delta)
    }
    for (let id = 0; id < this.#made; id++) {
      const deltas = entries.get(id) ?? []
      if (deltas.length !== 2 || deltas[0] + deltas[1] !== 0) wrong.push(`transfer ${id}: ${JSON.stringify(deltas)}`)
    }
    const sum = [...balances.values()].reduce((total, balance) => total + balance, 0)
    if (sum !== 0) wrong.push(`the accounts sum up to ${sum}`)
    wrong.push(...(await this.#hanging()))
    return { transfers: entries.size, wrong }
  }

  async #hanging(): Promise<string[]> {
    const wrong: string[] = []
    for (let partition = 0; partition < 8; partition++) {
      for (const { producerId, transactionStart } of await this.#witness.describeProducers(ledger, partition)) {
        if (transactionStart !== null)
          wrong.push(`hanging transaction of producer ${producerId} in ledger [${partition}]`)
      }
    }
    return wrong
  }
}
