// What a consumer has received: the slab being handed out, at most one answer behind it, and which of it the
// application is through with.
import { MessageSlab, type PartitionSlot } from './message.js'
import { offsetsAfter, type Rows } from './message-batch.js'
import { nameOf, type TopicPartition, type TopicPartitionOffset } from './offset.js'

/** @internal */
export class Inbox {
  slab: MessageSlab | undefined
  /** The next row to hand out. */
  row = 0
  /** Rows below may be handed out without looking further: no error among them, and nobody wants attention. */
  limit = 0

  /** Whether to keep what `handed` answers. */
  tracking = false

  readonly slots: PartitionSlot[] = []
  readonly #behind: MessageSlab[] = []
  #handed: Rows[] = []
  #slabHandedFrom = 0
  // With tracking: for each partition what the application was through with, and the first offset it was handed.
  readonly #passed = new Map<string, TopicPartitionOffset>()
  readonly #first = new Map<string, TopicPartitionOffset>()

  receive(memory: ArrayBuffer, count: number, newSlots: PartitionSlot[] | null, hasErrors: boolean): void {
    if (newSlots) this.slots.push(...newSlots)
    this.#behind.push(new MessageSlab(memory, count, this.slots, hasErrors))
  }

  /** Whether there is a row to hand out, an error's included. Goes on to the next slab at the end of one. */
  advance(): boolean {
    while (!this.slab || this.row >= this.slab.count) {
      this.#keepHanded()
      const next = this.#behind.shift()
      this.slab = next
      this.row = 0
      this.#slabHandedFrom = 0
      if (!next) {
        this.limit = 0
        return false
      }
    }
    this.relimit()
    return true
  }

  /** Whether an error of this kind is among what was received last. */
  has(errno: number): boolean {
    const slab = this.#behind.at(-1)
    if (!slab?.hasErrors) return false
    for (let row = 0; row < slab.count; row++) if (slab.error(row) === errno) return true
    return false
  }

  /** Nothing waits behind the slab in hand. */
  get lastSlab(): boolean {
    return this.#behind.length === 0
  }

  relimit(): void {
    const { slab } = this
    if (!slab) return
    let limit = slab.hasErrors ? this.row : slab.count
    while (limit < slab.count && slab.error(limit) === 0) limit++
    this.limit = limit
  }

  /** Hands out up to `max` rows of at most `maxBytes` bytes, from one slab; `atLeast` of them however large they are. */
  take(max: number, maxBytes: number, atLeast = 1): Rows {
    const slab = this.slab as MessageSlab
    const from = this.row
    let to = Math.min(this.limit, from + max)
    if (maxBytes < Number.MAX_SAFE_INTEGER) {
      let bytes = 0
      for (let row = from; row < to; row++) {
        bytes += slab.size(row)
        if (bytes > maxBytes && row >= from + atLeast) to = row
      }
    }
    this.row = to
    return { slab, from, to }
  }

  /**
   * The application is through with what it was handed, but for the last `inHand` rows; returns what to store for it:
   * for each partition the offset after the last such message.
   */
  settle(inHand: number): TopicPartitionOffset[] {
    this.#keepHanded()
    let keep = inHand
    const kept: Rows[] = []
    while (keep > 0 && this.#handed.length > 0) {
      const rows = this.#handed.pop() as Rows
      const taken = Math.min(keep, rows.to - rows.from)
      keep -= taken
      kept.unshift({ slab: rows.slab, from: rows.to - taken, to: rows.to })
      if (rows.to - taken > rows.from) this.#handed.push({ ...rows, to: rows.to - taken })
    }
    const offsets = offsetsAfter(this.#handed, true)
    if (this.tracking) for (const after of offsets) this.#passed.set(nameOf(after), after)
    this.#handed = kept
    return offsets
  }

  /**
   * For each partition the offset after the last message handed out, what is in the application's hands included, since
   * it was assigned or sought.
   */
  handed(): TopicPartitionOffset[] {
    this.#keepHanded()
    const offsets = new Map(this.#passed)
    for (const after of offsetsAfter(this.#handed, true)) offsets.set(nameOf(after), after)
    return [...offsets.values()]
  }

  /** For the same partitions the first offset handed out. */
  firstHanded(): TopicPartitionOffset[] {
    this.#keepHanded()
    return [...this.#first.values()]
  }

  /** What was handed out of these partitions is not the application's to settle any more: lost, or sought away from. */
  forgetHanded(partitions: readonly TopicPartition[] | null): void {
    this.#keepHanded()
    const names = partitions && namesOf(partitions)
    for (const known of [this.#passed, this.#first]) {
      for (const name of known.keys()) if (!names || names.has(name)) known.delete(name)
    }
    for (const { slab, from, to } of this.#handed) {
      for (let row = from; row < to; row++) {
        if (!names || names.has(nameOf(slab.slots[slab.slot(row)]))) slab.forget(row)
      }
    }
  }

  #keepHanded(): void {
    const { slab } = this
    if (!slab || this.row <= this.#slabHandedFrom) return
    // An error's row is nothing that was handed out.
    let from = this.#slabHandedFrom
    for (let row = slab.hasErrors ? from : this.row; row <= this.row; row++) {
      if (row < this.row && slab.error(row) === 0) continue
      if (row > from) this.#keepRows({ slab, from, to: row })
      from = row + 1
    }
    this.#slabHandedFrom = this.row
  }

  #keepRows(rows: Rows): void {
    this.#handed.push(rows)
    if (!this.tracking) return
    const { slab, from, to } = rows
    let last = -1
    for (let row = from; row < to; row++) {
      const slot = slab.slot(row)
      if (slot === last) continue
      last = slot
      const { topic, partition } = slab.slots[slot]
      const name = nameOf(slab.slots[slot])
      if (!this.#first.has(name)) this.#first.set(name, { topic, partition, offset: slab.offset(row) })
    }
  }

  /** For each partition the first offset that has not been handed out. */
  unread(): TopicPartitionOffset[] {
    const first = new Map<number, TopicPartitionOffset>()
    const look = (slab: MessageSlab, from: number) => {
      for (let row = from; row < slab.count; row++) {
        const slot = slab.slot(row)
        if (first.has(slot) || slab.error(row) !== 0) continue
        first.set(slot, { ...slab.slots[slot], offset: slab.offset(row) })
      }
    }
    if (this.slab) look(this.slab, this.row)
    for (const slab of this.#behind) look(slab, 0)
    return [...first.values()]
  }

  /**
   * Removes what has not been handed out of the given partitions, or of all; returns for each partition the first
   * offset removed.
   */
  drop(partitions: readonly TopicPartition[] | null): TopicPartitionOffset[] {
    const wanted = partitions && namesOf(partitions)
    const first = new Map<number, TopicPartitionOffset>()
    const remove = (slab: MessageSlab, from: number) => {
      slab.remove(from, (row) => {
        const slot = slab.slot(row)
        const { topic, partition } = slab.slots[slot]
        if (wanted && !wanted.has(nameOf(slab.slots[slot]))) return false
        const offset = slab.offset(row)
        if (slab.error(row) === 0 && !first.has(slot)) first.set(slot, { topic, partition, offset })
        return true
      })
    }
    if (this.slab) remove(this.slab, this.row)
    for (const slab of this.#behind) remove(slab, 0)
    // An interruption stays one.
    if (this.limit > this.row) this.relimit()
    return [...first.values()]
  }
}

function namesOf(partitions: readonly TopicPartition[]): Set<string> {
  return new Set(partitions.map(nameOf))
}
