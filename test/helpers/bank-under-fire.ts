// The test itself, apart from its length: test/stress/bank.test.ts, test/broker/bank.test.ts.
import { expect, it } from 'vitest'
import { Bank, type Fault } from './bank.js'
import type { FaultKind } from './bank-faults.js'

export interface Fire {
  faults: number
  /** How many strike at the same time. */
  together?: number
  /** Milliseconds of a teller's session and transactions. */
  session?: number
  /** How much longer than on a machine of its own it may take until all goes on. */
  slack?: number
}

// Milliseconds from the end of a fault until everything that had arrived by then is through: of each kind at most, which is
// two to three times what it took at the longest; of a half of all faults.
const recoveryLimits: Record<FaultKind, number> = {
  // The group waits for the session of the dead to end, and readers for their transaction.
  kill: 20_000,
  zombie: 15_000,
  replace: 15_000,
  broker: 20_000,
  coordinator: 20_000,
  cut: 15_000,
  deaf: 20_000,
  silent: 20_000,
}
const medianLimit = 5000

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

function show({ kind, victim, lasted }: Fault): string {
  return `${kind} (${victim}) for ${seconds(lasted)}`
}

/** Defines the test. ODRADEK_BANK_FAULTS, ODRADEK_BANK_TOGETHER and ODRADEK_BANK_SEED take precedence. */
export function bankUnderFire({
  faults: defaultFaults,
  together: defaultTogether = 1,
  session,
  slack = 1,
}: Fire): void {
  const seed = Number(process.env.ODRADEK_BANK_SEED ?? 20261121)
  const faults = Number(process.env.ODRADEK_BANK_FAULTS ?? defaultFaults)
  const together = Number(process.env.ODRADEK_BANK_TOGETHER ?? defaultTogether)
  it(`loses and doubles no transfer over ${faults} faults`, { timeout: 180_000 + faults * 60_000 }, async () => {
    await using bank = await Bank.open({ seed, session })
    const slow: string[] = []
    while (bank.faults.length < faults) {
      const struck = await bank.strike(Math.min(together, faults - bank.faults.length))
      const after = seconds(struck[0].recovered)
      const text = `fault ${bank.faults.length}: ${struck.map(show).join(', ')}, recovered after ${after}`
      console.log(text)
      if (struck[0].recovered > slack * Math.max(...struck.map(({ kind }) => recoveryLimits[kind]))) slow.push(text)
    }
    const { entries, wrong } = await bank.close()
    const ends = bank.tellers.flatMap((teller) => teller.ends)
    const recovery = bank.faults.map(({ recovered }) => recovered).sort((a, b) => a - b)
    const at = (share: number) => recovery[Math.floor((recovery.length - 1) * share)]
    const [median, longest] = [seconds(at(0.5)), seconds(at(1))]
    console.log(`seed ${seed}: ${faults} faults, recovered after ${median} (median), ${longest} (longest)`)
    console.log(`${bank.made} transfers, ${entries} entries; tellers ended: ${ends.join(', ')}`)
    expect(wrong).toEqual([])
    // A teller ends by its own doing only when it was fenced, or told to.
    expect(ends.filter((end) => !/: (0|3)$/.test(end))).toEqual([])
    expect(slow).toEqual([])
    expect(at(0.5)).toBeLessThan(slack * medianLimit)
  })
}
