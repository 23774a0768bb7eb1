// The test itself, apart from its length: test/stress/bank.test.ts.
import { expect, it } from 'vitest'
import { Bank } from './bank.js'

/** Defines the test. ODRADEK_BANK_FAULTS and ODRADEK_BANK_SEED take precedence. */
export function bankUnderFire(defaultFaults: number): void {
  const seed = Number(process.env.ODRADEK_BANK_SEED ?? 20261121)
  const faults = Number(process.env.ODRADEK_BANK_FAULTS ?? defaultFaults)
  it(`loses and doubles no transfer over ${faults} faults`, { timeout: 180_000 + faults * 60_000 }, async () => {
    await using bank = await Bank.open(seed)
    while (bank.faults.length < faults) {
      const { kind, victim, lasted, recovered } = await bank.strike()
      const seconds = [lasted, recovered].map((ms) => `${(ms / 1000).toFixed(1)} s`)
      console.log(`fault ${bank.faults.length}: ${kind} (${victim}) for ${seconds[0]}, recovered after ${seconds[1]}`)
    }
    const { entries, wrong } = await bank.close()
    const ends = bank.tellers.flatMap((teller) => teller.ends)
    const recovery = bank.faults.map(({ recovered }) => recovered).sort((a, b) => a - b)
    const at = (share: number) => `${(recovery[Math.floor((recovery.length - 1) * share)] / 1000).toFixed(1)} s`
    console.log(`seed ${seed}: ${faults} faults, recovered after ${at(0.5)} (median), ${at(1)} (longest)`)
    console.log(`${bank.made} transfers, ${entries} entries; tellers ended: ${ends.join(', ')}`)
    expect(wrong).toEqual([])
    // A teller ends by its own doing only when it was fenced, or told to.
    expect(ends.filter((end) => !/: (0|3)$/.test(end))).toEqual([])
  })
}
