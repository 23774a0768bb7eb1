// What becomes of work in hand when another member joins: finished, or, when that takes too long, left to whoever has the
// partition then. (The embedded cluster takes no commit during a rebalance: for these see test/broker/processor.)
import { describe, expect, it } from 'vitest'
import { openBench, start } from '../helpers/processors.js'
import { waitFor } from '../helpers/wait.js'

const { observed, topicOf, committedOf } = openBench()
// Longer than the first takes to give up.
const patient = { 'session.timeout.ms': 4000, 'auto.commit.interval.ms': 100 }
const two = [0, 1].map((partition) => ({ value: String(partition), partition }))

describe('when a partition is revoked', () => {
  it('handlers that take too long are aborted; one that does not heed it keeps nobody waiting', async () => {
    const topic = await topicOf('revoked-late', two, 2)
    const options = { concurrency: 2, drainTimeout: 300 }
    const first = observed('revoked-late', options, patient)
    const reasons: unknown[] = []
    let release: () => void = () => {}
    const stuck = new Promise<void>((resolve) => {
      release = resolve
    })
    let calls = 0
    first.app.topic(topic, async ({ partition }, { signal }) => {
      if (++calls > 2) return
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      if (partition === 1) await stuck
      else await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const running = start(first.app)
    await waitFor('both are at work', () => first.app.health().running === 2)
    const second = observed('revoked-late', options, patient)
    second.app.topic(topic, () => {})
    const joined = start(second.app)
    // The other has its share, though one handler of the first is still busy.
    const assigned = () => [first, second].map(({ app }) => app.health().assigned.length).join()
    await waitFor('each has one', () => assigned() === '1,1')
    await waitFor('all is handled', () => first.app.counts.handled + second.app.counts.handled >= 2)
    expect(reasons).toMatchObject([{ code: '_TIMED_OUT' }, { code: '_TIMED_OUT' }])
    expect(first.app.counts).toMatchObject({ failed: 0, abandoned: 1 })
    // What ends after all counts for nothing.
    release()
    await waitFor('it has ended', () => first.app.counts.abandoned === 2)
    const committed = async () => (await committedOf('revoked-late', topic, 2)).join()
    await waitFor('what was handled in the end is committed', async () => (await committed()) === '1,1')
    await Promise.all([running.stop(), joined.stop()])
  })

  it('what is at work is finished first, and nobody has the partition until then', async () => {
    const topic = await topicOf('revoked-finish', two, 2)
    const first = observed('revoked-finish', { concurrency: 2 }, patient)
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let aborted = 0
    first.app.topic(topic, async (_, { signal }) => {
      signal.addEventListener('abort', () => aborted++)
      await held
    })
    const running = start(first.app)
    await waitFor('both are at work', () => first.app.health().running === 2)
    const second = observed('revoked-finish', {}, patient)
    second.app.topic(topic, () => {})
    const joined = start(second.app)
    const rebalances = () => first.events.flatMap((event) => (event.type === 'rebalance' ? [event.kind] : []))
    await waitFor('the first is asked to give up', () => rebalances().includes('revoked'))
    expect(second.app.health().assigned).toEqual([])
    expect(first.app.health()).toMatchObject({ running: 2 })
    release()
    await waitFor('each has one', () => second.app.health().assigned.length === 1)
    await Promise.all([running.stop(), joined.stop()])
    expect(first.app.counts).toMatchObject({ failed: 0, abandoned: 0 })
    expect(first.app.counts.handled).toBeGreaterThanOrEqual(2)
    expect(aborted).toBe(0)
  })
})
