// Members that join, leave, dawdle, pause, seek and commit at random, and one model of what the group as a whole may see:
// no gap ever, order in each partition, nothing of a revoked partition, and repeats only where something explains them.
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  Consumer,
  type ConsumerConfig,
  KafkaError,
  type Logger,
  type Message,
  Producer,
  type TopicPartition,
} from 'odradek'
import { randomOf } from './bank.js'
import { KilledMember, valueAt } from './killed-member.js'
import { waitFor } from './wait.js'

class PartitionModel {
  produced = 0
  /** The offset after the furthest message that somebody was handed. */
  frontier = 0
  /** A commit failed, the partition was lost, or somebody went back: what was handled may come again. */
  mayRepeat = false
  repeats = 0
}

// For a hunt: ODRADEK_GROUP_LOGS=directory keeps what happened, and librdkafka's debug logs of each member.
const logs = process.env.ODRADEK_GROUP_LOGS
const debugContexts = process.env.ODRADEK_GROUP_DEBUG ?? 'cgrp'

function keep(file: string, text: string): void {
  if (logs) appendFileSync(join(logs, `${file}.log`), `${new Date().toISOString().slice(11, 23)} ${text}\n`)
}

function loggerTo(file: string): Logger {
  const write = ({ facility }: { facility: string }, text: string) => keep(file, `${facility} ${text}`)
  return { debug: write, info: write, warn: write, error: write }
}

type How = 'messages' | 'batches' | 'streams'
const ways: readonly How[] = ['messages', 'batches', 'streams']

class Member {
  readonly consumer: Consumer
  readonly #model: GroupModel
  readonly #how: How
  readonly #next = new Map<number, number>()
  // How often something was handed out; and, by partition, how often before it was sought last.
  #handed = 0
  readonly #sought = new Map<number, number>()
  /** Seeks under way, by partition: until they are through, what comes next may be either. */
  readonly #seeking = new Map<number, number>()
  #stop = new AbortController()
  #reading: Promise<void>
  dawdle = 0
  /** Subscribed to something else than the topic of the model. */
  elsewhere = false

  constructor(
    model: GroupModel,
    config: ConsumerConfig,
    readonly name: string,
    how: How,
  ) {
    this.#model = model
    this.#how = how
    const gone = (partitions: TopicPartition[]) => {
      for (const { partition } of model.own(partitions)) this.#next.delete(partition)
    }
    const debug = logs ? ({ debug: debugContexts } as const) : {}
    this.consumer = new Consumer({ ...config, 'client.id': name, ...debug } as ConsumerConfig, {
      ...(logs ? { logger: loggerTo(name) } : {}),
      onAssigned: (partitions) => {
        // -1: where it starts is the group's to say.
        for (const { partition } of model.own(partitions)) this.#next.set(partition, -1)
      },
      onRevoked: async (partitions) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        gone(partitions)
      },
      onLost: (partitions) => {
        model.mayRepeat(partitions)
        gone(partitions)
      },
      onOffsetCommit: (results, error) => model.mayRepeat(results.filter((result) => error ?? result.error)),
      onError: (error) => model.note(`error: ${name}: ${error.message}`),
    })
    this.#reading = this.#read()
  }

  async #read(): Promise<void> {
    const { signal } = this.#stop
    try {
      if (this.#how === 'messages') await this.#readAll(this.consumer.messages({ signal }))
      else if (this.#how === 'batches') {
        for await (const batch of this.consumer.batches({ max: 50, timeout: 20, signal })) {
          await this.#readAll(batch, ++this.#handed)
        }
      } else await this.#readStreams(signal)
    } catch (error) {
      if ((error as Error).name !== 'AbortError') this.#model.wrong.push(`reading: ${error}`)
    }
  }

  async #readAll(messages: AsyncIterable<Message> | Iterable<Message>, handed?: number): Promise<void> {
    for await (const message of messages) {
      this.#handle(message, handed)
      if (this.dawdle > 0) await new Promise((resolve) => setTimeout(resolve, this.dawdle))
    }
  }

  async #readStreams(signal: AbortSignal): Promise<void> {
    const handlers: Promise<void>[] = []
    try {
      for await (const stream of this.consumer.partitionStreams({ max: 50, signal }))
        handlers.push(this.#readAll(stream))
    } finally {
      await Promise.all(handlers)
    }
  }

  #handle(message: Message, handed = ++this.#handed): void {
    const { partition, offset } = message
    if (message.text() !== valueAt(partition, offset)) {
      this.#model.wrong.push(`${partition}@${offset} is '${message.text()?.slice(0, 40)}'`)
    }
    if (handed <= (this.#sought.get(partition) ?? 0)) {
      // Of a batch that was in hand when its partition was sought: what was sought comes after it.
      this.#model.seen(partition, offset)
      this.#model.mayRepeat([{ topic: '', partition }])
      return
    }
    let next = this.#next.get(partition)
    if (offset === this.#seeking.get(partition)) {
      this.#seeking.delete(partition)
      this.#model.mayRepeat([{ topic: '', partition }])
      next = offset
    }
    if (next === undefined) this.#model.wrong.push(`${partition}@${offset} of a partition that is not the member's`)
    else if (next >= 0 && offset !== next) this.#model.wrong.push(`${partition}@${offset} where ${next} has to come`)
    this.#next.set(partition, offset + 1)
    this.#model.seen(partition, offset)
  }

  /** Goes on in another loop, as after a `break`. */
  async readAnew(): Promise<void> {
    this.#stop.abort()
    await this.#reading
    this.#stop = new AbortController()
    this.#reading = this.#read()
  }

  async seekBack(topic: string, partition: number, by: number): Promise<void> {
    const at = this.#next.get(partition)
    if (at === undefined || at < 0) return
    const to = Math.max(0, at - by)
    this.#model.mayRepeat([{ topic, partition }])
    this.#seeking.set(partition, to)
    try {
      const [{ error }] = await this.consumer.seek([{ topic, partition, offset: to }])
      // Some that were sought may have been handed out before this goes on.
      if (error || !this.#next.has(partition) || !this.#seeking.has(partition)) return
    } finally {
      this.#seeking.delete(partition)
    }
    // What was handed out meanwhile comes again, too.
    this.#model.mayRepeat([{ topic, partition }])
    this.#next.set(partition, -1)
    this.#sought.set(partition, this.#how === 'batches' ? this.#handed : 0)
  }

  async leave(): Promise<void> {
    this.#stop.abort()
    await this.#reading
    await this.consumer.close()
  }
}

export class GroupModel implements AsyncDisposable {
  readonly wrong: string[] = []
  readonly notes: string[] = []
  readonly members: Member[] = []
  readonly #partitions: PartitionModel[]
  readonly #topic: string
  readonly #config: ConsumerConfig
  readonly #random: (below: number) => number
  readonly #producer: Producer
  #killed: KilledMember | undefined
  kills = 0
  changes = 0
  #feed: NodeJS.Timeout | undefined
  #joined = 0

  constructor(topic: string, partitions: number, config: ConsumerConfig, seed: number) {
    this.#topic = topic
    this.#partitions = Array.from({ length: partitions }, () => new PartitionModel())
    this.#config = config
    this.#random = randomOf(seed)
    const servers = config['bootstrap.servers']
    this.#producer = new Producer({ 'bootstrap.servers': servers, 'linger.ms': 5, 'enable.idempotence': true })
  }

  note(what: string): void {
    this.notes.push(what)
    keep('model', what)
  }

  mayRepeat(partitions: readonly TopicPartition[]): void {
    for (const { partition } of this.own(partitions)) this.#partitions[partition].mayRepeat = true
  }

  /** Those of the topic that is modelled: members change what they are subscribed to. */
  own(partitions: readonly TopicPartition[]): readonly TopicPartition[] {
    return partitions.filter(({ topic }) => topic === this.#topic || topic === '')
  }

  seen(partition: number, offset: number): void {
    // What a process handled before it lost the partition comes first.
    this.#readKilled()
    this.#see(partition, offset)
  }

  #readKilled(): void {
    for (const line of this.#killed?.lines() ?? []) {
      const [what, number] = line.split(' ')
      if (what === 'repeats') this.#partitions[Number(number)].mayRepeat = true
      else if (what === 'wrong') this.wrong.push(`in a process of its own: ${line}`)
      else this.#see(Number(what), Number(number))
    }
  }

  #see(partition: number, offset: number): void {
    const p = this.#partitions[partition]
    if (offset > p.frontier) this.wrong.push(`gap: ${partition}@${offset}, before it only up to ${p.frontier}`)
    if (offset >= p.frontier) {
      p.frontier = offset + 1
      p.mayRepeat = false
    } else {
      p.repeats++
      if (!p.mayRepeat) this.wrong.push(`${partition}@${offset} again, without a reason`)
    }
  }

  async open(): Promise<void> {
    this.#feed = setInterval(() => this.#produce(20), 20)
    await this.#join()
    await waitFor('the first messages', () => this.#partitions.some(({ frontier }) => frontier > 0), 60_000)
  }

  #produce(count: number): void {
    for (let i = 0; i < count; i++) {
      const partition = this.#random(this.#partitions.length)
      const value = valueAt(partition, this.#partitions[partition].produced)
      try {
        this.#producer.produce({ topic: this.#topic, value, partition })
      } catch (error) {
        // In an outage of minutes.
        if ((error as KafkaError).code === '_QUEUE_FULL') return
        throw error
      }
      this.#partitions[partition].produced++
    }
  }

  async #join(): Promise<void> {
    // Each in another way.
    const how = ways[this.#joined % ways.length]
    const member = new Member(this, this.#config, `${how}-${this.#joined++}`, how)
    keep('model', `${member.name} joins`)
    this.members.push(member)
    await member.consumer.subscribe(this.#topic)
  }

  /** Something happens; then for a moment nothing does. */
  async event(): Promise<void> {
    const { members } = this
    const member = members[this.#random(members.length)]
    const partition = this.#random(this.#partitions.length)
    const list = [{ topic: this.#topic, partition }]
    const dice = this.#random(12)
    keep('model', `dice ${dice}, ${member.name}, partition ${partition}`)
    if (dice < 3 && members.length < 4) await this.#join()
    else if (dice < 5 && members.length > 1) await members.splice(members.indexOf(member), 1)[0].leave()
    else if (dice < 6) await this.#ifOpen(() => member.consumer.pause(list))
    else if (dice < 8) for (const one of members) await this.#ifOpen(() => one.consumer.resume(list))
    else if (dice < 9) await this.#ifOpen(() => member.consumer.commit())
    else if (dice < 10) member.dawdle = member.dawdle > 0 ? 0 : 20
    else if (dice < 11) await member.readAnew()
    else await this.#ifOpen(() => member.seekBack(this.#topic, partition, 1 + this.#random(50)))
    await new Promise((resolve) => setTimeout(resolve, this.#random(400)))
  }

  /** A member subscribes to something else, or to the topic in another way: by name, with another, by a pattern. */
  async changeSubscription(other: string): Promise<void> {
    const member = this.members[this.#random(this.members.length)]
    const ways = [[this.#topic], [this.#topic, other], [new RegExp(`^${this.#topic}$`)], [other]]
    const way = ways[this.#random(this.members.length > 1 ? ways.length : ways.length - 1)]
    keep('model', `${member.name} subscribes to ${way}`)
    member.elsewhere = way[0] === other
    this.changes++
    await this.#ifOpen(() => member.consumer.subscribe(way))
  }

  /** A member in a process of its own joins, handles some, and is killed; its partitions go to the others. */
  async killOne(more = 50): Promise<void> {
    const killed = new KilledMember(this.#topic, this.#config)
    this.#killed = killed
    // It may get no partition, or one that is at rest.
    await waitFor(
      'it handles some',
      () => {
        this.#readKilled()
        return killed.handled >= more
      },
      20_000,
    ).catch(() => {})
    await killed.kill()
    this.#readKilled()
    keep('model', `killed after ${killed.handled} messages`)
    this.#killed = undefined
    if (killed.handled > 0) this.kills++
    killed.forget()
    // What it did not get committed.
    this.mayRepeat(this.#partitions.map((_, partition) => ({ topic: this.#topic, partition })))
  }

  /** In the middle of a rebalance an operation may be refused. */
  async #ifOpen(operation: () => Promise<unknown>): Promise<void> {
    try {
      await operation()
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      this.note(`refused: ${error.message}`)
    }
  }

  /** No more messages; all that were produced are seen; everybody leaves. */
  async settle(): Promise<void> {
    clearInterval(this.#feed)
    await this.#producer.flush({ timeout: 60_000 })
    const all = this.#partitions.map((_, partition) => ({ topic: this.#topic, partition }))
    for (const member of this.members) {
      member.dawdle = 0
      if (member.elsewhere) await this.#ifOpen(() => member.consumer.subscribe(this.#topic))
    }
    const missing = () =>
      this.#partitions.map((p, i) => `${i}: ${p.produced - p.frontier}`).filter((t) => !/: 0$/.test(t))
    await waitFor(
      'everything is seen',
      async () => {
        // A partition may have been paused by whoever gets it back now.
        for (const { consumer } of this.members) await this.#ifOpen(() => consumer.resume(all))
        return missing().length === 0
      },
      60_000,
    ).catch((error) => this.wrong.push(`${error.message}; missing ${missing()}`))
    while (this.members.length > 0) await this.members.pop()?.leave()
  }

  get produced(): number[] {
    return this.#partitions.map(({ produced }) => produced)
  }

  get repeats(): number {
    return this.#partitions.reduce((sum, { repeats }) => sum + repeats, 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#feed)
    await this.#killed?.kill()
    this.#killed?.forget()
    await Promise.all([this.#producer.close(), ...this.members.map((member) => member.leave())])
  }
}
