// Whether what came out is what went in: every record once, in the order of its key, with the same bytes.
import { isDeepStrictEqual } from 'node:util'
import { crc32 } from 'node:zlib'
import { count, n } from './text.mjs'

/**
 * Keeps account of what was sent and what was received. The checksum of a key goes through its values in their order, so
 * that it is equal only when they are the same values in the same order.
 */
export class Ledger {
  #keys = new Map()
  // How often each record was received, by its number.
  #times = new Uint8Array(1 << 16)
  sent = 0
  received = 0
  #disordered = 0
  #unknown = 0

  /**
   * @param {string} key
   * @param {Buffer | string} value
   * @returns {number} the number of the record in this run
   */
  send(key, value) {
    let entry = this.#keys.get(key)
    if (!entry) {
      entry = { sent: 0, received: 0, last: -1 }
      this.#keys.set(key, entry)
    }
    entry.sent = crc32(value, entry.sent)
    if (this.sent === this.#times.length) this.#grow()
    return this.sent++
  }

  /**
   * @param {string} key
   * @param {Buffer} value
   * @param {number} record the number that `send` gave
   */
  receive(key, value, record) {
    this.received++
    const entry = this.#keys.get(key)
    if (!entry || !(record < this.sent)) {
      this.#unknown++
      return
    }
    entry.received = crc32(value, entry.received)
    if (this.#times[record] < 255) this.#times[record]++
    if (record <= entry.last) this.#disordered++
    else entry.last = record
  }

  #grow() {
    const more = new Uint8Array(this.#times.length * 2)
    more.set(this.#times)
    this.#times = more
  }

  /** What is to be said in the end. */
  summary() {
    const missing = []
    let repeated = 0
    for (let record = 0; record < this.sent; record++) {
      if (this.#times[record] === 0) missing.push(record)
      else repeated += this.#times[record] - 1
    }
    let equal = 0
    for (const { sent, received } of this.#keys.values()) if (sent === received) equal++
    return { missing, repeated, disordered: this.#disordered, unknown: this.#unknown, keys: this.#keys.size, equal }
  }
}

/**
 * @typedef {{ name: string, ok: boolean, detail: string }} Check
 * @typedef {{ partitions: number, problems: string[] }} Commits how many partitions got records, and where the group's commit
 *   is not behind the last of them
 * @param {Ledger} ledger
 * @param {{ delivered: number, failed: number, firstFailure?: Error }} reports
 * @param {Commits} commits
 * @returns {Check[]}
 */
export function verify(ledger, reports, commits) {
  const { sent } = ledger
  const { missing, repeated, disordered, unknown, keys, equal } = ledger.summary()
  return [
    deliveredCheck({ sent, ...reports }),
    check(
      'once',
      missing.length + repeated + unknown === 0,
      `${count(ledger.received, 'record')} received, each exactly once`,
      [
        missing.length > 0 && `${n(missing.length)} lost (${list(missing)})`,
        repeated > 0 && `${n(repeated)} received again`,
        unknown > 0 && `${n(unknown)} that were never sent`,
      ],
    ),
    check('order', disordered === 0, `kept in each of ${count(keys, 'key')}`, [
      disordered > 0 && `${count(disordered, 'record')} behind a later one of the same key`,
    ]),
    check('checksums', equal === keys, `equal for ${n(equal)} of ${count(keys, 'key')}`, []),
    commitsCheck(commits),
  ]
}

/**
 * The same for running statistics: what their last updates come to is what was sent, each record counted once.
 * @param {import('./aggregates.mjs').Aggregate} sent what the records sent come to
 * @param {import('./aggregates.mjs').Aggregate} found what the last updates of the groups in the partitions come to
 * @param {{ updates: number, backwards: number, committed: number, aborted: number }} history
 * @param {{ sent: number, delivered: number, failed: number, firstFailure?: Error }} reports
 * @param {Commits} commits
 * @returns {Check[]}
 */
export function verifyExactlyOnce(sent, found, history, reports, commits) {
  const total = (groups) => [...groups.values()].reduce((sum, { records }) => sum + records, 0)
  const counted = total(found.groups)
  const wrong = [...new Set([...sent.groups.keys(), ...found.groups.keys()])].filter(
    (group) => !isDeepStrictEqual(sent.groups.get(group), found.groups.get(group)),
  )
  const { updates, backwards, committed, aborted } = history
  return [
    deliveredCheck(reports),
    check('once', counted === reports.sent, `${count(counted, 'record')} counted, each exactly once`, [
      counted < reports.sent && `${n(reports.sent - counted)} lost`,
      counted > reports.sent && `${n(counted - reports.sent)} counted twice`,
    ]),
    check('statistics', wrong.length === 0, `equal for ${count(sent.groups.size, 'group')}`, [
      wrong.length > 0 && `wrong for ${wrong.slice(0, 3).join(', ')}${wrong.length > 3 ? ', …' : ''}`,
    ]),
    check(
      'history',
      backwards === 0,
      `${count(updates, 'update')} read with read_committed, none of them behind its predecessor`,
      [backwards > 0 && `${n(backwards)} of ${n(updates)} updates go back behind their predecessors`],
    ),
    check('transactions', committed > 0, `${n(committed)} committed, ${n(aborted)} aborted`, ['none was committed']),
    commitsCheck(commits),
  ]
}

function deliveredCheck({ sent, delivered, failed, firstFailure }) {
  const good = `${count(delivered, 'record')} of ${n(sent)} reported as written`
  return check('delivered', delivered === sent && failed === 0, good, [
    failed > 0 && `${n(failed)} failed: ${firstFailure?.message}`,
    sent > delivered + failed && `${n(sent - delivered - failed)} without a report`,
  ])
}

function commitsCheck({ partitions, problems }) {
  return check(
    'commits',
    problems.length === 0,
    `at the end of ${count(partitions, 'partition')}`,
    problems.slice(0, 3),
  )
}

function check(name, ok, good, problems) {
  const said = problems.filter(Boolean)
  return { name, ok, detail: ok || said.length === 0 ? good : said.join('; ') }
}

function list(records) {
  const first = records.slice(0, 3).map((record) => n(record + 1))
  return `number ${first.join(', ')}${records.length > first.length ? ', …' : ''}`
}
