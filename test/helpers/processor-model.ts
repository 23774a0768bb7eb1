// Processors in processes of their own that come, go and are killed; and what may be said of what they have handled.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AdminClient, type ConsumerConfig, Producer } from 'odradek'
import type { ProcessorOptions } from 'odradek/processor'
import { bootstrapServers, createTopic, uniqueGroup, witness } from './kafka.js'
import { waitFor } from './wait.js'

export interface Told {
  by: string
  type: 'begin' | 'end' | 'assigned' | 'revoked' | 'lost' | 'error' | 'stopped' | 'died'
  partition: number
  offset: number
  key: string
  attempt: number
  error?: string
}

interface Worker {
  name: string
  child: ChildProcess
  exit: Promise<void>
  killed: boolean
}

export interface ModelOptions {
  partitions: number
  keys: number
  count: number
  options: Omit<Partial<ProcessorOptions>, 'onError'>
  config?: ConsumerConfig
  failures?: number
  delay?: number
  /** Whether handlers send to a topic. */
  output?: boolean
}

/** Numbers from a seed, so that a run can be had again. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

// With KIP-848 these are the brokers' to say.
const quick = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 200 }

export class ProcessorModel {
  readonly group = uniqueGroup('model')
  readonly told: Told[] = []
  readonly workers: Worker[] = []
  readonly topic: string
  readonly output: string | undefined
  readonly #model: ModelOptions
  #count = 0

  private constructor(topic: string, output: string | undefined, model: ModelOptions) {
    this.topic = topic
    this.output = output
    this.#model = model
  }

  static async open(model: ModelOptions): Promise<ProcessorModel> {
    const { partitions } = model
    const topic = await createTopic('model', { partitions })
    await (await witness()).createTopic(`${topic}.dlq`, { partitions: 1 })
    const output = model.output ? await createTopic('model-out', { partitions }) : undefined
    await using producer = new Producer({ 'bootstrap.servers': bootstrapServers() })
    const records = Array.from({ length: model.count }, (_, i) => {
      const key = i % model.keys
      return { key: `k${key}`, value: String(i), partition: key % partitions }
    })
    const { failures } = await producer.sendBatch(topic, records)
    if (failures.length > 0) throw failures[0].error
    const made = new ProcessorModel(topic, output, model)
    if (model.config?.['group.protocol'] === 'consumer') {
      await using admin = new AdminClient({ 'bootstrap.servers': bootstrapServers() })
      const entries = [{ name: 'consumer.session.timeout.ms', value: 6000 }]
      await admin.incrementalAlterConfigs([{ type: 'group', name: made.group, entries }])
    }
    return made
  }

  start(): Worker {
    const { options, config, failures, delay } = this.#model
    const name = `w${++this.#count}`
    const settings = {
      name,
      topic: this.topic,
      output: this.output,
      failures,
      delay,
      options,
      config: {
        'bootstrap.servers': bootstrapServers(),
        'group.id': this.group,
        ...(config?.['group.protocol'] === 'consumer' ? {} : quick),
        'auto.commit.interval.ms': 100,
        ...config,
      },
    }
    const child = fork(fileURLToPath(new URL('./processor-worker.mjs', import.meta.url)), [JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    let rest = ''
    child.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() as string
      for (const line of lines) this.told.push(JSON.parse(line))
    })
    const worker: Worker = {
      name,
      child,
      killed: false,
      exit: new Promise((resolve) => child.on('close', () => resolve())),
    }
    this.workers.push(worker)
    return worker
  }

  async kill(worker: Worker): Promise<void> {
    worker.killed = true
    worker.child.kill('SIGKILL')
    await this.#gone(worker)
  }

  async stop(worker: Worker): Promise<void> {
    worker.child.kill('SIGTERM')
    await this.#gone(worker)
  }

  async #gone(worker: Worker): Promise<void> {
    await worker.exit
    this.workers.splice(this.workers.indexOf(worker), 1)
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => this.stop(worker)))
  }

  of(type: Told['type']): Told[] {
    return this.told.filter((told) => told.type === type)
  }

  /** What went to the dead-letter topic: partition/offset of the messages. */
  async deadLetters(): Promise<string[]> {
    const letters = await (await witness()).consume({ topic: `${this.topic}.dlq` })
    const header = (headers: [string, Buffer | null][], name: string) => String(headers.find(([n]) => n === name)?.[1])
    return letters.map(
      ({ headers }) => `${header(headers, 'dead-letter.partition')}/${header(headers, 'dead-letter.offset')}`,
    )
  }

  async committed(): Promise<Map<number, number>> {
    const offsets = (await (await witness()).groupOffsets(this.group))[this.topic] ?? {}
    return new Map(Object.entries(offsets).map(([partition, { offset }]) => [Number(partition), offset]))
  }

  /** Every message there is: partition/offset. */
  get all(): string[] {
    const { count, keys, partitions } = this.#model
    const next = new Array<number>(partitions).fill(0)
    return Array.from({ length: count }, (_, i) => {
      const partition = (i % keys) % partitions
      return `${partition}/${next[partition]++}`
    })
  }

  async untilCommitted(timeout = 120_000): Promise<void> {
    const { count } = this.#model
    await waitFor(
      `${count} messages are committed`,
      async () => [...(await this.committed()).values()].reduce((sum, offset) => sum + offset, 0) === count,
      timeout,
    )
  }

  /** Commits are only of what was handled, or given to the dead letters. Taken when nobody works. */
  async passedUnhandled(): Promise<string[]> {
    const through = new Set([...this.of('end').map(idOf), ...(await this.deadLetters())])
    const passed: string[] = []
    for (const [partition, offset] of await this.committed()) {
      for (let at = 0; at < offset; at++) if (!through.has(`${partition}/${at}`)) passed.push(`${partition}/${at}`)
    }
    return passed
  }

  /** Where a key's (or partition's) message was begun after a later one, by the same worker since its assignment. */
  disorder(by: 'key' | 'partition'): string[] {
    const last = new Map<string, number>()
    const wrong: string[] = []
    for (const told of this.told) {
      if (told.type === 'assigned') {
        // A new beginning: from what was committed.
        for (const name of [...last.keys()]) if (name.startsWith(`${told.by} `)) last.delete(name)
      }
      if (told.type !== 'begin') continue
      const name = `${told.by} ${told[by]}`
      const before = last.get(name)
      if (before !== undefined && told.offset < before) wrong.push(`${name}: ${told.offset} after ${before}`)
      last.set(name, told.offset)
    }
    return wrong
  }
}

export const idOf = ({ partition, offset }: { partition: number; offset: number }): string => `${partition}/${offset}`

/** How often each occurs. */
export function times(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
