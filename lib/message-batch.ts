// A batch as `consumer.batches()` hands it out: an array-like view over rows of one or more slabs.
import { Message, type MessageSlab } from './message.js'
import type { TopicPartitionOffset } from './offset.js'

/** @internal Rows [from, to) of a slab. */
export interface Rows {
  slab: MessageSlab
  from: number
  to: number
}

/** Messages in the order in which they were received: ordered in each partition. */
export class MessageBatch implements Iterable<Message> {
  readonly length: number
  readonly #ranges: readonly Rows[]

  /** @internal */
  constructor(ranges: readonly Rows[]) {
    this.#ranges = ranges
    this.length = ranges.reduce((length, { from, to }) => length + to - from, 0)
  }

  /** The index-th message, from the end if negative; undefined beyond. */
  at(index: number): Message | undefined {
    let left = index < 0 ? index + this.length : index
    if (left < 0) return undefined
    for (const { slab, from, to } of this.#ranges) {
      if (left < to - from) return new Message(slab, from + left)
      left -= to - from
    }
    return undefined
  }

  /** @internal Two batches of about half the messages each. */
  halves(): [MessageBatch, MessageBatch] {
    let left = this.length >> 1
    const halves: [Rows[], Rows[]] = [[], []]
    for (const { slab, from, to } of this.#ranges) {
      const middle = from + Math.min(left, to - from)
      left -= middle - from
      if (middle > from) halves[0].push({ slab, from, to: middle })
      if (to > middle) halves[1].push({ slab, from: middle, to })
    }
    return [new MessageBatch(halves[0]), new MessageBatch(halves[1])]
  }

  forEach(visit: (message: Message, index: number) => void): void {
    let index = 0
    for (const { slab, from, to } of this.#ranges) {
      for (let row = from; row < to; row++) visit(new Message(slab, row), index++)
    }
  }

  map<T>(make: (message: Message, index: number) => T): T[] {
    const made: T[] = []
    this.forEach((message, index) => {
      made.push(make(message, index))
    })
    return made
  }

  filter(test: (message: Message, index: number) => boolean): Message[] {
    const kept: Message[] = []
    this.forEach((message, index) => {
      if (test(message, index)) kept.push(message)
    })
    return kept
  }

  [Symbol.iterator](): IterableIterator<Message> {
    return new BatchIterator(this.#ranges)
  }

  /** What follows this batch: for each partition the offset after its last message, as `commit` takes it. */
  offsets(): TopicPartitionOffset[] {
    return offsetsAfter(this.#ranges)
  }

  toJSON(): unknown[] {
    return this.map((message) => message.toJSON())
  }
}

/** Hand-written: a generator costs as much again for each message. */
class BatchIterator implements IterableIterator<Message> {
  readonly #ranges: readonly Rows[]
  #next = 0
  #slab: MessageSlab | undefined
  #row = 0
  #to = 0

  constructor(ranges: readonly Rows[]) {
    this.#ranges = ranges
  }

  next(): IteratorResult<Message> {
    while (this.#row >= this.#to) {
      if (this.#next >= this.#ranges.length) return { done: true, value: undefined }
      const { slab, from, to } = this.#ranges[this.#next++]
      this.#slab = slab
      this.#row = from
      this.#to = to
    }
    return { done: false, value: new Message(this.#slab as MessageSlab, this.#row++) }
  }

  [Symbol.iterator](): this {
    return this
  }
}

/** @internal For each partition in the rows, the offset after its last one; optionally without forgotten rows. */
export function offsetsAfter(ranges: readonly Rows[], skipForgotten = false): TopicPartitionOffset[] {
  const after = new Map<number, TopicPartitionOffset>()
  for (const { slab, from, to } of ranges) {
    const note = (row: number) => {
      const slot = slab.slot(row)
      const epoch = slab.leaderEpoch(row)
      const { topic, partition } = slab.slots[slot]
      after.set(slot, { topic, partition, offset: slab.offset(row) + 1, leaderEpoch: epoch < 0 ? null : epoch })
    }
    // A partition's messages come in runs: only the last of each is looked at closer.
    let last = -1
    for (let row = from; row < to; row++) {
      if (skipForgotten && slab.forgotten(row)) continue
      if (last >= 0 && slab.slot(last) !== slab.slot(row)) note(last)
      last = row
    }
    if (last >= 0) note(last)
  }
  return [...after.values()]
}
