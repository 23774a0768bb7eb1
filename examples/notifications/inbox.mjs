// Notifications in SQLite, until their recipients have confirmed them.
import Database from 'libsql'

const schema = `
  CREATE TABLE IF NOT EXISTS notifications (
    number    INTEGER PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    sender    TEXT NOT NULL,
    recipient TEXT NOT NULL,
    message   TEXT NOT NULL,
    time      TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX IF NOT EXISTS pending ON notifications (recipient, number) WHERE delivered = 0;`

export class Inbox {
  #file
  #db

  constructor(file) {
    this.#file = file
  }

  /** With a new connection after each failure: a statement that has failed would keep the old one from committing. */
  #with(use) {
    try {
      if (!this.#db) {
        this.#db = new Database(this.#file)
        this.#db.pragma('journal_mode = WAL')
        this.#db.pragma('synchronous = FULL')
        this.#db.exec(schema)
      }
      return use(this.#db)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** All in one transaction; those that came before are there already. */
  keep(notifications) {
    this.#with((db) => {
      const insert = db.prepare(
        'INSERT INTO notifications (id, sender, recipient, message, time) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      db.transaction(() => {
        for (const { id, sender, recipient, message, time } of notifications) {
          insert.run(id, sender, recipient, message, time)
        }
      })()
    })
  }

  /** What is not confirmed, in order, after this number. */
  pending(recipient, after, limit) {
    const select = `SELECT number, id, sender, message, time FROM notifications
      WHERE recipient = ? AND number > ? AND delivered = 0 ORDER BY number LIMIT ?`
    return this.#with((db) => db.prepare(select).all(recipient, after, limit))
  }

  /** The recipient has everything up to this number. */
  confirm(recipient, number) {
    const update = 'UPDATE notifications SET delivered = 1 WHERE recipient = ? AND number <= ? AND delivered = 0'
    this.#with((db) => db.prepare(update).run(recipient, number))
  }

  close() {
    this.#db?.close()
    this.#db = undefined
  }
}
