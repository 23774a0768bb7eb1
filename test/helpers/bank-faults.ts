// What strikes the bank. Each fault resolves when its cause is over; whether the bank has got over it is the bank's to see.
import type { Teller } from './bank-tellers.js'
import type { TcpProxy } from './tcp-proxy.js'
import type { Witness } from './witness.js'

export interface Node {
  id: number
  kill(): Promise<unknown>
  stop(): Promise<unknown>
  start(): Promise<unknown>
}

export interface Struck {
  tellers: readonly Teller[]
  nodes: readonly Node[]
  /** For each node what is between it and the tellers. */
  proxies: readonly TcpProxy[]
  witness: Witness
  random: (below: number) => number
  /** Resolves when others do the work of the process of this client.id: its session and its transaction have timed out. */
  takenOver: (clientId: string) => Promise<void>
}

const weights = { kill: 5, zombie: 2, replace: 1, broker: 1, coordinator: 2, cut: 2, deaf: 2, silent: 1 } as const
export type FaultKind = keyof typeof weights

// Two nodes of three that are down at a time leave no quorum.
const stopsNode: ReadonlySet<FaultKind> = new Set(['broker', 'coordinator'])

/** Kinds by their weights in a random order, so that each comes up before long. */
export class Deck {
  readonly #random: (below: number) => number
  readonly #cards: readonly FaultKind[]
  #left: FaultKind[] = []

  /** @param only names of the kinds to choose from; all without it */
  constructor(random: (below: number) => number, only?: readonly string[]) {
    this.#random = random
    const choice = (Object.keys(weights) as FaultKind[]).filter((kind) => !only || only.includes(kind))
    if (choice.length === 0) throw new Error(`there are no faults but ${Object.keys(weights).join(', ')}`)
    this.#cards = choice.flatMap((kind) => Array.from({ length: weights[kind] }, () => kind))
  }

  /** The next ones, `count` at most, which may strike at the same time. */
  deal(count: number): FaultKind[] {
    const kinds: FaultKind[] = []
    while (kinds.length < count) {
      if (this.#left.length === 0) this.#shuffle()
      const node = kinds.some((kind) => stopsNode.has(kind))
      const next = this.#left.findIndex((kind) => !node || !stopsNode.has(kind))
      if (next < 0) break
      kinds.push(...this.#left.splice(next, 1))
    }
    return kinds
  }

  #shuffle(): void {
    const rest = [...this.#cards]
    while (rest.length > 0) this.#left.push(...rest.splice(this.#random(rest.length), 1))
  }
}

/** Does it, and returns to whom. */
export async function strike(kind: FaultKind, struck: Struck): Promise<string> {
  const teller = struck.tellers[struck.random(struck.tellers.length)]
  const node = struck.random(struck.nodes.length)
  switch (kind) {
    case 'kill':
      teller.kill()
      return teller.name
    case 'zombie':
      return await sleepThrough(teller, teller.clientId, teller.pause(), struck)
    case 'replace':
      // With an id for each run the two get on; with the same one the second fences the first.
      return await sleepThrough(teller, teller.clientId, teller.replace(), struck)
    case 'broker':
      await struck.nodes[node].stop()
      await struck.nodes[node].start()
      return `node ${struck.nodes[node].id}`
    case 'coordinator':
      return await killCoordinator(struck)
    case 'cut':
      for (const proxy of struck.random(2) === 0 ? struck.proxies : [struck.proxies[node]]) proxy.cut()
      return `node ${struck.nodes[node].id}`
    case 'deaf':
    case 'silent':
      struck.proxies[node].traffic = kind
      // Silence outlives sessions and transactions; a moment of deafness is enough to lose the answers of a commit.
      await pause(kind === 'deaf' ? 200 + struck.random(1500) : 5000)
      struck.proxies[node].traffic = 'open'
      return `node ${struck.nodes[node].id}`
  }
}

async function sleepThrough(
  teller: Teller,
  clientId: string,
  resume: () => void,
  { takenOver }: Struck,
): Promise<string> {
  try {
    await takenOver(clientId)
  } finally {
    resume()
  }
  return teller.name
}

async function killCoordinator({ tellers, nodes, witness, random }: Struck): Promise<string> {
  const named = tellers.filter(({ transactionalId }) => transactionalId !== undefined)
  const { transactionalId } = named[random(named.length)]
  const id = await coordinatorOf(witness, transactionalId as string)
  const node = nodes.find((candidate) => candidate.id === id) as Node
  await node.kill()
  await node.start()
  return `node ${id}, of ${transactionalId}`
}

/** The leader of the partition that Kafka keeps this id in: TransactionStateManager.partitionFor. */
async function coordinatorOf(witness: Witness, transactionalId: string): Promise<number> {
  const { partitions } = await witness.describeTopic('__transaction_state')
  let hash = 0
  for (const char of transactionalId) hash = (Math.imul(31, hash) + char.charCodeAt(0)) | 0
  return partitions[Math.abs(hash) % partitions.length].leader
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
