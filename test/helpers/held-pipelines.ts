// Pipelines of one group whose transactions a test holds open, while others of the group come and go.
import { type ConsumerConfig, Producer } from 'odradek'
import { Pipeline, type PipelineTransaction, type Transform } from 'odradek/pipeline'
import { staleMember } from './group-metadata.js'
import { bootstrapServers, createTopic, uniqueGroup, witness } from './kafka.js'
import { waitFor } from './wait.js'
import type { GroupDescription } from './witness.js'

export const partitions = 4

/** The ways in which a group rebalances. */
export const protocols: Record<string, ConsumerConfig> = {
  eager: { 'partition.assignment.strategy': 'range', 'heartbeat.interval.ms': 200 },
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky', 'heartbeat.interval.ms': 200 },
  'KIP-848': { 'group.protocol': 'consumer' },
}

export type End = 'committed' | 'aborted'

/** What all pipelines of a test share. */
export class Stage {
  /** What happened, in order. */
  readonly log: string[] = []
  sent = 0

  private constructor(
    readonly input: string,
    readonly output: string,
    readonly group: string,
  ) {}

  static async open(): Promise<Stage> {
    const [input, output] = [await createTopic('in', { partitions }), await createTopic('out', { partitions })]
    const group = uniqueGroup()
    // For KIP-848, where it is not the member's to say.
    await (await witness()).alterConfig('group', group, { 'consumer.heartbeat.interval.ms': '200' })
    return new Stage(input, output, group)
  }

  /** The next numbers, to each partition as many. */
  async send(count: number): Promise<void> {
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'linger.ms': 0 })
    const records = Array.from({ length: count }, () => ({
      value: String(this.sent),
      partition: this.sent++ % partitions,
    }))
    const { failures } = await producer.sendBatch(this.input, records)
    if (failures.length > 0) throw new Error(`${failures.length} records could not be sent`)
  }

  /** Until the group has committed all that was sent. */
  async allCommitted(): Promise<void> {
    const kafka = await witness()
    await waitFor(`${this.sent} messages are committed`, async () => {
      const offsets = Object.values((await kafka.groupOffsets(this.group))[this.input] ?? {})
      return offsets.reduce((sum, { offset }) => sum + offset, 0) === this.sent
    })
  }

  /** Until the group looks like this: its state, and how many partitions each of its members has been given. */
  async until(what: string, looks: (state: string, shares: Record<string, number>) => boolean): Promise<void> {
    const kafka = await witness()
    let last: GroupDescription | undefined
    const condition = async () => {
      last = await kafka.describeGroup(this.group)
      const shares = last.members.map(({ clientId, assignment }) => [clientId, assignment[this.input]?.length ?? 0])
      return looks(last.state, Object.fromEntries(shares))
    }
    await waitFor(what, condition).catch((error) => {
      throw new Error(`${error.message}; the group: ${JSON.stringify(last)}; ${this.log.join('; ')}`)
    })
  }

  /** The numbers of the output, as Kafka's own consumer reads them. */
  async outcome(isolation: 'read_committed' | 'read_uncommitted' = 'read_committed'): Promise<number[]> {
    const records = await (await witness()).consume({ topic: this.output, isolation })
    return records.map(({ value }) => Number(value)).sort((a, b) => a - b)
  }
}

/** A pipeline that copies, partition by partition, and logs what becomes of it. */
export class HeldPipeline {
  readonly #stage: Stage
  readonly #name: string
  readonly #stop = new AbortController()
  readonly #pipeline: Pipeline
  readonly #running: Promise<unknown>
  #hold: { held: () => void; end: Promise<End>; release: (end: End) => void } | undefined
  #holding = false

  constructor(stage: Stage, name: string, consumer: ConsumerConfig) {
    this.#stage = stage
    this.#name = name
    const rebalance = (what: string) => (list: { partition: number }[]) => {
      if (list.length > 0) this.#log(`${what} ${list.map(({ partition }) => partition).sort()}`)
    }
    this.#pipeline = new Pipeline({
      config: { 'bootstrap.servers': bootstrapServers(), 'client.id': name, 'linger.ms': 0 },
      consumer,
      group: stage.group,
      topics: stage.input,
      maxLatency: 20,
      backoff: { initial: 20, max: 200 },
      signal: this.#stop.signal,
      onAssigned: rebalance('assigned'),
      onRevoked: rebalance('revoked'),
      onLost: rebalance('lost'),
      transform: (batch, context) => this.#transform(batch, context),
      onTransaction: (transaction) => this.#ended(transaction),
    })
    this.#running = this.#pipeline.run()
    this.#running.catch((error) => this.#log(`failed: ${error}`))
  }

  get metrics() {
    return this.#pipeline.metrics
  }

  /** Keeps its next transaction open. Resolves when that has begun. */
  hold(): Promise<void> {
    return new Promise((held) => {
      let release: (end: End) => void = () => {}
      const end = new Promise<End>((resolve) => {
        release = resolve
      })
      this.#hold = { held, end, release }
    })
  }

  /** Lets the transaction at hand end so. */
  release(end: End): void {
    this.#hold?.release(end)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  #log(what: string): void {
    this.#stage.log.push(`${this.#name} ${what}`)
  }

  async #transform(...[batch, { tx }]: Parameters<Transform>) {
    const records = batch.map((m) => ({ topic: this.#stage.output, partition: m.partition, value: m.value }))
    if (!this.#hold) return records
    const { held, end } = this.#hold
    this.#holding = true
    this.#log('holds')
    held()
    const how = await end
    this.#hold = undefined
    if (how === 'committed') return records
    // Its records are there; the offsets of one who is no member cannot be, so that it has to be aborted.
    await tx.sendBatch(records)
    await tx.sendOffsets(batch.offsets(), staleMember(this.#stage.group)).catch(() => {})
    return []
  }

  #ended({ committed }: PipelineTransaction): void {
    if (this.#holding) this.#log(committed ? 'committed' : 'aborted')
    this.#holding = false
  }
}
