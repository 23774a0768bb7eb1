// Customers of examples/orders who insist, and the database as witness of what became of their orders.
import Database from 'libsql'
import { expect } from 'vitest'
import { Example, root, scratch } from './example.js'
import { waitFor } from './wait.js'

interface Row {
  id: string
  product: string
  quantity: number
  state: string
}

export class Shop {
  readonly program: Example
  readonly #database = `${scratch()}/stock.db`
  readonly #ordersPort: number
  readonly #inventoryPort: number
  readonly #run = Math.random().toString(36).slice(2)
  #next = 0
  #open = true
  /** Ids to quantities: what was answered with 202. */
  readonly confirmed = new Map<string, number>()
  /** Answers other than 202, and connections that broke: each is tried again. */
  refused = 0

  constructor(brokers: string, firstPort: number) {
    this.#ordersPort = firstPort
    this.#inventoryPort = firstPort + 1
    this.program = new Example([`${root}examples/orders/main.mjs`], {
      KAFKA_BROKERS: brokers,
      ORDERS_PORT: String(this.#ordersPort),
      INVENTORY_PORT: String(this.#inventoryPort),
      DATABASE: this.#database,
    })
  }

  async ready(): Promise<void> {
    for (const [port, path] of [
      [this.#ordersPort, 'healthz'],
      [this.#inventoryPort, 'readyz'],
      [this.#inventoryPort, 'stock'],
    ]) {
      await waitFor(`${path} of port ${port}`, () => this.#get(Number(port), String(path)), 60_000)
    }
  }

  #get(port: number, path: string): Promise<boolean> {
    return fetch(`http://localhost:${port}/${path}`).then(
      ({ ok }) => ok,
      () => false,
    )
  }

  /** Customers who order one thing after the other, and again until it is confirmed, until `leave()`. */
  customers(count: number): Promise<void[]> {
    return Promise.all(Array.from({ length: count }, () => this.#customer()))
  }

  async #customer(): Promise<void> {
    while (this.#open) {
      const id = `${this.#run}-${this.#next++}`
      const quantity = 1 + (this.#next % 3)
      const body = JSON.stringify({ id, product: 'apple', quantity })
      while (!(await this.#order(body))) this.refused++
      this.confirmed.set(id, quantity)
      // Some are not sure, and order again.
      if (this.#next % 10 === 0) await this.#order(body)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  async #order(body: string): Promise<boolean> {
    try {
      const response = await fetch(`http://localhost:${this.#ordersPort}/orders`, { method: 'POST', body })
      await response.text()
      if (response.status !== 202 && response.status !== 503) throw new Error(`answered with ${response.status}`)
      if (response.status === 202) return true
    } catch (error) {
      if ((error as Error).message.startsWith('answered')) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
    return false
  }

  leave(): void {
    this.#open = false
  }

  /** kill -9 of a service, which main.mjs starts again. */
  async kill(service: 'orders' | 'inventory'): Promise<void> {
    const pids = [...this.program.output.matchAll(new RegExp(`^${service} .*pid (\\d+)`, 'gm'))]
    const before = this.program.output.length
    process.kill(Number(pids.at(-1)?.[1]), 'SIGKILL')
    await this.program.shows(new RegExp(`^${service} .*pid (\\d+)`, 'm'), before)
  }

  rows(): Row[] {
    const database = new Database(this.#database, { readonly: true })
    try {
      const rows = database.prepare('SELECT * FROM orders WHERE id LIKE ?').all(`${this.#run}-%`) as Row[]
      // At any time, and so in one statement: what is there and what is reserved are together what was there.
      const sold = "SELECT coalesce(sum(quantity), 0) FROM orders WHERE product = 'apple' AND state = 'reserved'"
      const both = `SELECT available + (${sold}) AS total FROM stock WHERE product = 'apple'`
      expect(database.prepare(both).all()).toMatchObject([{ total: 100_000 }])
      return rows
    } finally {
      database.close()
    }
  }

  /** Until each order that was confirmed is reserved; each once, none that nobody ordered, with its quantity. */
  async check(): Promise<void> {
    await waitFor('each confirmed order is reserved', () => this.rows().length >= this.confirmed.size, 90_000)
    const rows = new Map(this.rows().map((row) => [row.id, row]))
    const wrong = [...this.confirmed].filter(([id, quantity]) => {
      const row = rows.get(id)
      return row?.quantity !== quantity || row.state !== 'reserved'
    })
    expect(wrong).toEqual([])
    expect(this.rows()).toHaveLength(this.confirmed.size)
  }
}
