// The 1,000 consumers of test/lifecycle/open-close.test.ts; more of them: ODRADEK_CONSUMERS=…
import { it } from 'vitest'
import { nothingStaysOf } from '../helpers/open-close.js'

const consumers = Number(process.env.ODRADEK_CONSUMERS ?? 1000)
const timeout = 60_000 + consumers * 1500

it(`leaves nothing behind of ${consumers} consumers`, { timeout: timeout + 10_000 }, async () => {
  await nothingStaysOf(consumers, { warmUp: 96, timeout })
})
