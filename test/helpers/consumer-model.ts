// A model of one consumer's offsets: what it may hand out next, what counts as handled, what a commit may say. Random
// commands are run against a real consumer, and after each of them the two are compared.
import fc from 'fast-check'
import { type Consumer, type Message, Offset } from 'odradek'

export type Command =
  | { do: 'read' | 'batches' | 'poll' | 'abort'; count: number }
  | { do: 'seek'; partition: number; to: number }
  | { do: 'pause' | 'resume'; partition: number }
  | { do: 'commit' | 'commitMessage' | 'close' | 'resubscribe' }

export const partitions = 3
export const perPartition = 40

const partition = fc.nat({ max: partitions - 1 })
const count = fc.integer({ min: 1, max: 25 })

export const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('read', 'batches', 'poll', 'abort'), count }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('seek'), partition, to: fc.nat({ max: perPartition - 1 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume'), partition }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('commit', 'commitMessage') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close', 'resubscribe') }) },
  ),
  { minLength: 5, maxLength: 30, size: 'max' },
) as fc.Arbitrary<Command[]>

interface Seen {
  partition: number
  offset: number
}

/** One partition, as the model has it. */
class PartitionModel {
  /** The offset that has to come next. */
  next = 0
  /** What the client has stored; undefined for nothing since the assignment. */
  stored: number | undefined
  committed: number | undefined
  paused = false

  get left(): number {
    return this.paused ? 0 : perPartition - this.next
  }

  /** librdkafka commits what is stored when it is ahead of what was committed. */
  commit(): void {
    if (this.stored !== undefined && this.stored > (this.committed ?? -1)) this.committed = this.stored
  }

  /** What is stored is committed when a partition is given up, though it be behind (after a seek). */
  givenUp(): void {
    this.committed = this.stored ?? this.committed
    this.next = this.committed ?? 0
    this.stored = undefined
  }
}

export class ModelRun {
  readonly #model = Array.from({ length: partitions }, () => new PartitionModel())
  readonly #topic: string
  readonly #create: () => Consumer
  #consumer: Consumer
  /** Handed out last, and not handled until something more is asked for. */
  #inHand: Seen[] = []
  #last: Message | undefined

  constructor(topic: string, create: () => Consumer) {
    this.#topic = topic
    this.#create = create
    this.#consumer = create()
  }

  async run(commands: readonly Command[]): Promise<void> {
    try {
      await this.#consumer.subscribe(this.#topic)
      for (const command of commands) {
        await this.#do(command)
        this.#checkPositions(command)
      }
      await this.#readToTheEnd()
      await this.#close()
    } finally {
      await this.#consumer.close()
    }
    await this.#checkCommitted()
  }

  async #do(command: Command): Promise<void> {
    switch (command.do) {
      case 'read':
      case 'batches':
      case 'poll':
      case 'abort':
        return this.#read(command.do, Math.min(command.count, this.#left()))
      case 'seek':
        return this.#seek(command.partition, command.to)
      case 'pause':
      case 'resume':
        return this.#pause(command.partition, command.do === 'pause')
      case 'commit':
        await this.#consumer.commit()
        for (const p of this.#model) p.commit()
        return
      case 'commitMessage':
        return this.#commitMessage()
      case 'close':
        await this.#assigned()
        await this.#close()
        await this.#checkCommitted()
        this.#consumer = this.#create()
        return this.#consumer.subscribe(this.#topic)
      case 'resubscribe':
        await this.#consumer.unsubscribe()
        this.#givenUp()
        return this.#consumer.subscribe(this.#topic)
    }
  }

  #left(): number {
    return this.#model.reduce((sum, { left }) => sum + left, 0)
  }

  /** The application asks: what it had is handled. */
  #asks(): void {
    for (const { partition, offset } of this.#inHand) this.#model[partition].stored = offset + 1
    this.#inHand = []
  }

  #handedOut(messages: readonly Message[]): void {
    for (const { partition, offset } of messages) {
      const p = this.#model[partition]
      if (p.paused) throw new Error(`a message of paused partition ${partition}`)
      if (offset !== p.next) throw new Error(`partition ${partition}: offset ${offset} where ${p.next} has to come`)
      p.next++
    }
    this.#inHand = messages.map(({ partition, offset }) => ({ partition, offset }))
    this.#last = messages.at(-1)?.detach() ?? this.#last
  }

  async #read(how: 'read' | 'batches' | 'poll' | 'abort', count: number): Promise<void> {
    if (count === 0) return
    let left = count
    const take = (messages: readonly Message[]) => {
      this.#asks()
      this.#handedOut(messages)
      left -= messages.length
      return left === 0
    }
    if (how === 'read') {
      for await (const message of this.#consumer) if (take([message])) break
    } else if (how === 'poll') {
      while (left > 0) {
        const message = await this.#consumer.poll(20_000)
        if (!message) throw new Error(`nothing came, though ${left} messages are left: ${this.#describe()}`)
        take([message])
      }
    } else if (how === 'batches') {
      while (left > 0) {
        for await (const batch of this.#consumer.batches({ max: Math.min(left, 7) })) {
          take([...batch])
          break
        }
      }
    } else {
      await this.#readUntilAborted(take)
    }
  }

  #describe(): string {
    const positions = this.#consumer.position().map(({ partition, offset }) => `${partition}@${offset}`)
    return `${JSON.stringify(this.#model)}, assigned and at ${positions}`
  }

  async #readUntilAborted(take: (messages: readonly Message[]) => boolean): Promise<void> {
    const controller = new AbortController()
    try {
      for await (const message of this.#consumer.messages({ signal: controller.signal })) {
        if (take([message])) controller.abort()
      }
    } catch (error) {
      if ((error as Error).name !== 'AbortError') throw error
    }
    this.#asks()
  }

  async #seek(partition: number, to: number): Promise<void> {
    const [{ error }] = await this.#consumer.seek([{ topic: this.#topic, partition, offset: to }])
    if (error) return // not assigned yet
    this.#inHand = this.#inHand.filter((seen) => seen.partition !== partition)
    this.#model[partition].next = to
  }

  async #pause(partition: number, paused: boolean): Promise<void> {
    const list = [{ topic: this.#topic, partition }]
    const [{ error }] = paused ? await this.#consumer.pause(list) : await this.#consumer.resume(list)
    if (!error) this.#model[partition].paused = paused
  }

  /** The offset after the message that was handed out last, whatever was stored. */
  async #commitMessage(): Promise<void> {
    if (!this.#last) return
    const { partition, offset } = this.#last
    if (!this.#consumer.assignment.some((p) => p.partition === partition)) return
    const [{ error }] = await this.#consumer.commit(this.#last)
    if (error) throw error
    const p = this.#model[partition]
    p.committed = offset + 1
    p.stored = offset + 1
  }

  /** What was in hand is not handled. */
  #givenUp(): void {
    this.#inHand = []
    for (const p of this.#model) p.givenUp()
  }

  /** librdkafka does not take back a join that is under way: who closes then is a ghost in the group until it times out. */
  async #assigned(): Promise<void> {
    while (!this.#consumer.isAssigned) {
      if (this.#left() > 0) await this.#read('poll', 1)
      else await this.#consumer.poll(10).then(() => this.#asks())
    }
  }

  async #close(): Promise<void> {
    await this.#consumer.close()
    this.#givenUp()
    for (const p of this.#model) p.paused = false
  }

  async #readToTheEnd(): Promise<void> {
    for (let i = 0; i < partitions; i++) if (this.#model[i].paused) await this.#pause(i, false)
    await this.#read('poll', this.#left())
  }

  #checkPositions(command: Command): void {
    for (const { partition, offset } of this.#consumer.position()) {
      const { next } = this.#model[partition]
      if (offset === Offset.invalid || offset === next) continue
      throw new Error(`after ${JSON.stringify(command)}: position ${offset} of ${partition}, to come is ${next}`)
    }
  }

  async #checkCommitted(): Promise<void> {
    const consumer = this.#create()
    try {
      const list = this.#model.map((_, partition) => ({ topic: this.#topic, partition }))
      for (const { partition, offset } of await consumer.committed(list)) {
        const expected = this.#model[partition].committed ?? Offset.invalid
        if (offset !== expected)
          throw new Error(`partition ${partition}: ${offset} is committed, handled is ${expected}`)
      }
    } finally {
      await consumer.close()
    }
  }
}
