// Many clients, opened and closed in every state: no thread, descriptor or megabyte stays. More of them: test/stress.
import { it } from 'vitest'
import { nothingStaysOf } from '../helpers/open-close.js'

it('leaves no thread, descriptor or memory behind', { timeout: 180_000 }, async () => {
  await nothingStaysOf(160, { warmUp: 48, timeout: 170_000 })
})
