// On the clock, so for a quiet machine (`chrt -f 10 npm run test:stress -- test/stress/cold-start.test.ts` on another): the processor time of
// the same is bounded in test/lifecycle/package.test.ts.
import { expect, it } from 'vitest'

const { coldStarts } = (await import(new URL('../../bench/cold-start.mjs', import.meta.url).href)) as {
  coldStarts(runs: number): { node: number; ways: Record<string, { imported: number; received: number }> }
}

it('has the first message within 150 ms of what Node itself needs, median of 7 cold starts, in a group too', () => {
  const { node, ways } = coldStarts(7)
  console.log(`Node's own start: ${node.toFixed(0)} ms`)
  const received = Object.entries(ways).map(([way, steps]) => [way, Math.round(steps.received)] as const)
  console.log(received.map(([way, milliseconds]) => `${way}: ${milliseconds} ms`).join('; '))
  expect(received).toHaveLength(3)
  for (const [way, milliseconds] of received) expect(milliseconds, way).toBeLessThan(150)
})
