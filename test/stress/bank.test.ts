// The bank under fire: processes of a pipeline are killed and paused, brokers restarted, while transfers arrive; then Kafka's
// own client adds up. Replay: ODRADEK_BANK_SEED=… ODRADEK_BANK_FAULTS=… npm test -- test/stress/bank.test.ts
import { expect, it } from 'vitest'
import { Bank } from '../helpers/bank.js'
import { startCluster, witness } from '../helpers/kafka.js'

const seed = Number(process.env.ODRADEK_BANK_SEED ?? 20261121)
const faults = Number(process.env.ODRADEK_BANK_FAULTS ?? 20)

it(`loses and doubles no transfer over ${faults} faults`, { timeout: 60_000 + faults * 60_000 }, async () => {
  const config = {
    'transaction.state.log.min.isr': 2,
    // How often the broker looks for transactions that have timed out; ten seconds by default.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
  }
  await using cluster = await startCluster({ brokers: 3, config })
  const kafka = (await witness()).at(cluster.brokers)
  await Bank.createTopics(kafka)
  const bank = new Bank(cluster.brokers, cluster.nodes, kafka, seed)
  try {
    await bank.open()
    while (bank.faults.length < faults) {
      const { kind, victim, recovered } = await bank.strike()
      console.log(`fault ${bank.faults.length}: ${kind} ${victim}, recovered in ${(recovered / 1000).toFixed(1)} s`)
    }
    await bank.close()
  } catch (error) {
    console.log(await bank.describe())
    throw error
  } finally {
    bank.abandon()
  }
  const { transfers, wrong } = await bank.audit()
  console.log(`seed ${seed}: ${transfers} transfers; ${bank.tellers.flatMap(({ ends }) => ends).join(', ')}`)
  expect(wrong).toEqual([])
  // A teller ends by its own doing only when it was fenced, or told to.
  const ends = bank.tellers.flatMap(({ ends }) => ends).filter((end) => !/: (0|3)$/.test(end))
  expect(ends).toEqual([])
})
