// What may be handled next: topics in turn, and within a topic in the order of arrival, so that no topic's backlog keeps
// another from its places.
interface Queue<Row> {
  /** Those before the head are taken, and kept no longer. */
  rows: (Row | undefined)[]
  head: number
}

export class ReadyRows<Row> {
  readonly #queues = new Map<unknown, Queue<Row>>()
  /** Those with rows, in turn. */
  readonly #ring: Queue<Row>[] = []

  get empty(): boolean {
    return this.#ring.length === 0
  }

  push(topic: unknown, row: Row): void {
    let queue = this.#queues.get(topic)
    if (!queue) {
      queue = { rows: [], head: 0 }
      this.#queues.set(topic, queue)
    }
    if (queue.head === queue.rows.length) this.#ring.push(queue)
    queue.rows.push(row)
  }

  take(): Row | undefined {
    const queue = this.#ring.shift()
    if (!queue) return undefined
    const row = queue.rows[queue.head] as Row
    queue.rows[queue.head++] = undefined
    if (queue.head === queue.rows.length) {
      queue.rows = []
      queue.head = 0
      return row
    }
    if (queue.head === 1024) {
      queue.rows.splice(0, queue.head)
      queue.head = 0
    }
    this.#ring.push(queue)
    return row
  }
}
