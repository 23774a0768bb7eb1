// What an independent reader, Kafka's own console consumer, finds in the ledger; and what the brokers say of transactions.
import { bankTopics } from './bank-tellers.js'
import type { Witness } from './witness.js'

export interface Transfer {
  id: number
  partition: number
}

interface Entry {
  transfer: number
  account: string
  delta: number
  /** partition:offset of the transfer */
  from: string
  by: string
}

type Tool = (name: string, args: string[], options?: { timeout?: number }) => Promise<string>

// The console consumer ends when it has waited so long for one more.
const idle = 8_000
const shown = 20

export interface Audit {
  entries: number
  wrong: string[]
}

/** Nothing wrong, one hopes. @param made how many transfers there were, numbered from 0 */
export async function audit(made: number, tool: Tool): Promise<Audit> {
  const lines = await tool(
    'kafka-console-consumer',
    [
      '--topic',
      bankTopics.ledger,
      '--isolation-level',
      'read_committed',
      '--from-beginning',
      '--timeout-ms',
      String(idle),
    ],
    { timeout: 120_000 },
  )
  const entries = lines
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Entry)
  const wrong = [...wrongTransfers(made, entries), ...wrongSums(entries)]
  return {
    entries: entries.length,
    wrong: wrong.length > shown ? [...wrong.slice(0, shown), `${wrong.length} in all`] : wrong,
  }
}

function wrongTransfers(made: number, entries: readonly Entry[]): string[] {
  const byTransfer = new Map<number, Entry[]>()
  for (const entry of entries) {
    const known = byTransfer.get(entry.transfer)
    if (known) known.push(entry)
    else byTransfer.set(entry.transfer, [entry])
  }
  const wrong: string[] = []
  for (let id = 0; id < made; id++) {
    const [first, second, ...more] = byTransfer.get(id) ?? []
    byTransfer.delete(id)
    if (second && more.length === 0 && first.delta + second.delta === 0 && first.from === second.from) continue
    const found = [first, second, ...more].filter(Boolean).map(({ delta, from, by }) => `${delta} of ${from} by ${by}`)
    wrong.push(`transfer ${id}: ${found.join(', ') || 'lost'}`)
  }
  for (const id of byTransfer.keys()) wrong.push(`transfer ${id} was never made`)
  return wrong
}

function wrongSums(entries: readonly Entry[]): string[] {
  const sum = entries.reduce((total, { delta }) => total + delta, 0)
  return sum === 0 ? [] : [`the accounts sum up to ${sum}`]
}

/** Partitions that a transaction still holds open, of the ledger and of the groups' offsets. */
export async function openTransactions(witness: Witness): Promise<string[]> {
  const open: string[] = []
  for (const topic of [bankTopics.ledger, '__consumer_offsets']) {
    const { partitions } = await witness.describeTopic(topic)
    for (const { partition } of partitions) {
      for (const { producerId, transactionStart } of await witness.describeProducers(topic, partition)) {
        if (transactionStart !== null)
          open.push(`producer ${producerId} in ${topic} [${partition}] from ${transactionStart}`)
      }
    }
  }
  return open
}

/** The same by Kafka's own tool, which counts those only that are open for many minutes. */
export async function hangingTransactions(nodes: readonly { id: number }[], tool: Tool): Promise<string[]> {
  const found = await Promise.all(
    nodes.map(({ id }) =>
      tool('kafka-transactions', ['find-hanging', '--broker-id', String(id)], { timeout: 120_000 }),
    ),
  )
  // A heading, and a row for each.
  return found.flatMap((text) => text.trim().split('\n').slice(1))
}
