// What the main job's verification of running statistics finds.
import { describe, expect, it } from 'vitest'
import { Aggregate, statisticsFor } from '../../examples/flights/aggregates.mjs'
import { verifyExactlyOnce } from '../../examples/flights/verification.mjs'

const flights = [
  { delay: 20, distance: 100 },
  { delay: -5, distance: 240 },
  { delay: 90, distance: 800 },
  { delay: 'unknown', distance: 800 },
]

function aggregateOf(records: object[]): Aggregate {
  const aggregate = new Aggregate(statisticsFor(flights[0], 'distance'))
  for (const record of records) aggregate.add('key', record)
  return aggregate
}

const history = { updates: 4, backwards: 0, committed: 2, aborted: 1 }
const reports = { sent: flights.length, delivered: flights.length, failed: 0 }
const commits = { partitions: 1, problems: [] as string[] }

function problems(found: object[], more: { history?: object; reports?: object; commits?: object } = {}): string[] {
  const all = { history: { ...history, ...more.history }, reports: { ...reports, ...more.reports } }
  return verifyExactlyOnce(aggregateOf(flights), aggregateOf(found), all.history, all.reports, {
    ...commits,
    ...more.commits,
  })
    .filter(({ ok }: { ok: boolean }) => !ok)
    .map(({ name, detail }: { name: string; detail: string }) => `${name}: ${detail}`)
}

describe('the verification of statistics', () => {
  it('finds nothing when all is well', () => {
    expect(problems(flights)).toEqual([])
  })

  it('finds what is lost, counted twice, and wrong though the number is right', () => {
    expect(problems(flights.slice(1))).toEqual(['once: 1 lost', 'statistics: wrong for 0'])
    expect(problems([...flights, flights[2]])).toEqual(['once: 1 counted twice', 'statistics: wrong for 3'])
    expect(problems([flights[0], flights[0], ...flights.slice(2)])).toEqual(['statistics: wrong for 0'])
  })

  it('finds updates that go back, deliveries that failed, and a group that is behind', () => {
    expect(problems(flights, { history: { backwards: 1 } })).toEqual([
      'history: 1 of 4 updates go back behind their predecessors',
    ])
    expect(problems(flights, { history: { committed: 0 } })).toEqual(['transactions: none was committed'])
    expect(problems(flights, { reports: { delivered: 3 } })).toEqual(['delivered: 1 without a report'])
    expect(problems(flights, { commits: { problems: ['behind'] } })).toEqual(['commits: behind'])
  })
})
