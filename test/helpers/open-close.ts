// What clients leave behind that were opened and closed in every state (open-close.mjs).
import { expect } from 'vitest'
import { runModule } from './child.js'

const program = JSON.stringify(new URL('open-close.mjs', import.meta.url).href)

/** Opens and closes so many consumers, after some to warm up, and expects that nothing of them stays. */
export async function nothingStaysOf(consumers: number, { warmUp, timeout }: { warmUp: number; timeout: number }) {
  const child = await runModule(
    `const { openAndClose } = await import(${program}); await openAndClose(odradek, ${JSON.stringify({ consumers, warmUp })})`,
    { timeout, args: ['--expose-gc'] },
  )
  expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  const figures = JSON.parse(child.output.trimEnd().split('\n').at(-1) as string)
  console.log(`${consumers} consumers: ${JSON.stringify(figures)}`)
  expect(figures.threads).toBeLessThanOrEqual(0)
  expect(figures.descriptors).toBeLessThanOrEqual(2)
  // The allocators' pools grow, by some 20 MB at once, in one half or the other; what leaks grows in both.
  expect(figures.megabytes).toBeLessThan(60)
  expect(Math.min(figures.inTheSecondHalf, figures.megabytes - figures.inTheSecondHalf)).toBeLessThan(15)
}
