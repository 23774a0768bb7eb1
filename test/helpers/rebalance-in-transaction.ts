// A rebalance that meets an open transaction, one protocol and one end at a time: test/broker/pipeline-rebalances.test.ts.
import { expect } from 'vitest'
import { type End, HeldPipeline, partitions, protocols, Stage } from './held-pipelines.js'

/** Another member joins while a transaction is open, and later one leaves while the other's is. */
export async function rebalanceInTransaction(protocol: string, end: End): Promise<void> {
  const stage = await Stage.open()
  const members = ['first', 'second'].map((name) => () => new HeldPipeline(stage, name, protocols[protocol]))
  const first = members[0]()
  await stage.send(40)
  await stage.allCommitted()

  const firstHolds = first.hold()
  await stage.send(40)
  await firstHolds
  const second = members[1]()
  await stage.until('the group waits for the first', joining[protocol])
  // The transaction is open: what it has read is nobody else's yet.
  expect(stage.log).toEqual(['first assigned 0,1,2,3', 'first holds'])
  first.release(end)
  await stage.until('both have partitions', (state, { first, second }) => {
    return state === 'Stable' && first === partitions / 2 && second === partitions / 2
  })
  await stage.allCommitted()
  expectOrder(stage.log, [/^first holds/, `first ${end}`, /^first revoked/, /^second assigned/])

  const before = stage.log.length
  const secondHolds = second.hold()
  await stage.send(40)
  await secondHolds
  await first.stop()
  await stage.until('the first has left', leaving[protocol])
  expect(stage.log.slice(before).filter((line) => line.startsWith('second'))).toEqual(['second holds'])
  second.release(end)
  await stage.send(40)
  await stage.allCommitted()
  expectOrder(stage.log.slice(before), ['second holds', `second ${end}`, /^second assigned/])
  await second.stop()

  const all = Array.from({ length: stage.sent }, (_, i) => i)
  expect(await stage.outcome()).toEqual(all)
  const aborted = [first.metrics.aborted, second.metrics.aborted]
  expect(aborted).toEqual(end === 'aborted' ? [1, 1] : [0, 0])
  // They were there, and are not seen.
  if (end === 'aborted') expect((await stage.outcome('read_uncommitted')).length).toBeGreaterThan(all.length)
}

type Looks = (state: string, shares: Record<string, number>) => boolean

/** The second has joined, and gets nothing before the first gives it up. */
const joining: Record<string, Looks> = {
  eager: (state, { second }) => state === 'PreparingRebalance' && second === 0,
  // The assignment is made already: it names what the first is to give up first.
  cooperative: (state, { first, second }) => state === 'Stable' && first < partitions && second === 0,
  'KIP-848': (state, { second }) => state === 'Reconciling' && second === 0,
}

/** The first has gone, and what it had is the second's, which does not know, or cannot say so. */
const leaving: Record<string, Looks> = {
  eager: (state, { first, second }) => state === 'PreparingRebalance' && first === undefined && second !== undefined,
  cooperative: (state, { first, second }) => state === 'Stable' && first === undefined && second === partitions,
  'KIP-848': (_, { first, second }) => first === undefined && second === partitions,
}

function expectOrder(log: readonly string[], wanted: readonly (string | RegExp)[]): void {
  let at = -1
  for (const one of wanted) {
    const next = log.findIndex((line, i) => i > at && (typeof one === 'string' ? line === one : one.test(line)))
    expect(next, `${one} in: ${log.join('; ')}`).toBeGreaterThan(at)
    at = next
  }
}
