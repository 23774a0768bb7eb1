// The bank under fire: processes of a pipeline are killed and paused, brokers and coordinators killed, connections cut,
// while transfers arrive; then Kafka's own console consumer adds up. Replay:
// ODRADEK_BANK_SEED=… ODRADEK_BANK_FAULTS=… npm run test:stress -- test/stress/bank.test.ts
import { expect, it } from 'vitest'
import { Bank } from '../helpers/bank.js'

const seed = Number(process.env.ODRADEK_BANK_SEED ?? 20261121)
const faults = Number(process.env.ODRADEK_BANK_FAULTS ?? 200)

it(`loses and doubles no transfer over ${faults} faults`, { timeout: 120_000 + faults * 60_000 }, async () => {
  await using bank = await Bank.open(seed)
  while (bank.faults.length < faults) {
    const { kind, victim, lasted, recovered } = await bank.strike()
    const seconds = [lasted, recovered].map((ms) => `${(ms / 1000).toFixed(1)} s`)
    console.log(`fault ${bank.faults.length}: ${kind} (${victim}) for ${seconds[0]}, recovered after ${seconds[1]}`)
  }
  const { entries, wrong } = await bank.close()
  const ends = bank.tellers.flatMap((teller) => teller.ends)
  console.log(`seed ${seed}: ${bank.made} transfers, ${entries} entries; ${ends.join(', ')}`)
  expect(wrong).toEqual([])
  // A teller ends by its own doing only when it was fenced, or told to.
  expect(ends.filter((end) => !/: (0|3)$/.test(end))).toEqual([])
})
