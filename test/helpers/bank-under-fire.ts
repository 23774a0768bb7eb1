// The test itself, apart from its length: test/stress/bank.test.ts, test/broker/bank.test.ts.
import { expect, it } from 'vitest'
import { Bank, type Fault } from './bank.js'

export interface Fire {
  faults: number
  /** How many strike at the same time. */
  together?: number
  /** Milliseconds of a teller's session and transactions. */
  session?: number
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

function show({ kind, victim, lasted }: Fault): string {
  return `${kind} (${victim}) for ${seconds(lasted)}`
}

/** Defines the test. ODRADEK_BANK_FAULTS, ODRADEK_BANK_TOGETHER and ODRADEK_BANK_SEED take precedence. */
export function bankUnderFire({ faults: defaultFaults, together: defaultTogether = 1, session }: Fire): void {
  const seed = Number(process.env.ODRADEK_BANK_SEED ?? 20261121)
  const faults = Number(process.env.ODRADEK_BANK_FAULTS ?? defaultFaults)
  const together = Number(process.env.ODRADEK_BANK_TOGETHER ?? defaultTogether)
  it(`loses and doubles no transfer over ${faults} faults`, { timeout: 180_000 + faults * 60_000 }, async () => {
    await using bank = await Bank.open({ seed, session })
    while (bank.faults.length < faults) {
      const struck = await bank.strike(Math.min(together, faults - bank.faults.length))
      const after = seconds(struck[0].recovered)
      console.log(`fault ${bank.faults.length}: ${struck.map(show).join(', ')}, recovered after ${after}`)
    }
    const { entries, wrong } = await bank.close()
    const ends = bank.tellers.flatMap((teller) => teller.ends)
    const recovery = bank.faults.map(({ recovered }) => recovered).sort((a, b) => a - b)
    const at = (share: number) => seconds(recovery[Math.floor((recovery.length - 1) * share)])
    console.log(`seed ${seed}: ${faults} faults, recovered after ${at(0.5)} (median), ${at(1)} (longest)`)
    console.log(`${bank.made} transfers, ${entries} entries; tellers ended: ${ends.join(', ')}`)
    expect(wrong).toEqual([])
    // A teller ends by its own doing only when it was fenced, or told to.
    expect(ends.filter((end) => !/: (0|3)$/.test(end))).toEqual([])
  })
}
