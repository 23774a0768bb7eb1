// The stock, in SQLite. (`better-sqlite3` has the same API.) Idempotent: an order's id is its primary key.
import Database from 'libsql'
import { catalogue } from './order.mjs'

const schema = `
  CREATE TABLE IF NOT EXISTS stock (
    product   TEXT PRIMARY KEY,
    available INTEGER NOT NULL CHECK (available >= 0)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS orders (
    id       TEXT PRIMARY KEY,
    product  TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('reserved', 'rejected'))
  ) STRICT;`

export class Stock {
  #file
  #db

  constructor(file) {
    this.#file = file
  }

  /**
   * Opened when it is needed, and again after each failure: a statement that has failed would keep the connection from
   * committing.
   */
  #open() {
    if (this.#db) return this.#db
    const db = new Database(this.#file)
    // What is committed survives kill -9, and a power failure.
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.exec(schema)
    const add = db.prepare('INSERT INTO stock VALUES (?, ?) ON CONFLICT DO NOTHING')
    for (const [product, available] of catalogue) add.run(product, available)
    this.#db = db
    return db
  }

  #with(use) {
    try {
      return use(this.#open())
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Reserves what is there for each order that was not seen yet: all of them in one transaction, or none. */
  reserve(orders) {
    this.#with((db) => {
      const take = db.prepare('UPDATE stock SET available = available - ? WHERE product = ? AND available >= ?')
      const note = db.prepare('INSERT INTO orders VALUES (?, ?, ?, ?)')
      const seen = db.prepare('SELECT 1 FROM orders WHERE id = ?')
      db.transaction(() => {
        for (const { id, product, quantity } of orders) {
          if (seen.get(id)) continue
          const { changes } = take.run(quantity, product, quantity)
          note.run(id, product, quantity, changes === 1 ? 'reserved' : 'rejected')
        }
      })()
    })
  }

  order(id) {
    return this.#with((db) => db.prepare('SELECT id, product, quantity, state FROM orders WHERE id = ?').all(id)[0])
  }

  products() {
    return this.#with((db) => db.prepare('SELECT product, available FROM stock ORDER BY product').all())
  }

  close() {
    this.#db?.close()
    this.#db = undefined
  }
}
