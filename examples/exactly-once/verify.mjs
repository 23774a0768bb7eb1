// The verifier: reads the ledger as anybody does who reads committed records only, and sums the accounts.
import { AdminClient, Consumer } from 'odradek'
import { topics } from './topics.mjs'

/**
 * @param {string} brokers
 * @param {number} transfers how many there were
 * @returns {Promise<{ accounts: Map<string, number>, entries: number, problems: string[] }>}
 */
export async function verify(brokers, transfers) {
  const accounts = new Map()
  const applied = new Map()
  let entries = 0
  for (const { key, value } of await readToEnd(brokers, topics.ledger)) {
    const { transfer, amount } = JSON.parse(value)
    accounts.set(key, (accounts.get(key) ?? 0) + amount)
    applied.set(transfer, [...(applied.get(transfer) ?? []), amount])
    entries++
  }
  const problems = []
  for (let id = 0; id < transfers; id++) {
    const [one, other, ...more] = applied.get(id) ?? []
    if (other === undefined) problems.push(`transfer ${id} is not, or only half, in the ledger`)
    else if (more.length > 0 || one + other !== 0) problems.push(`transfer ${id} is in the ledger more than once`)
  }
  const sum = [...accounts.values()].reduce((total, balance) => total + balance, 0)
  if (sum !== 0) problems.push(`the accounts sum up to ${sum}, not to 0`)
  return { accounts, entries, problems }
}

/** Everything that is written now, and committed: a transaction that is being ended is waited for. */
async function readToEnd(brokers, topic) {
  const config = { 'bootstrap.servers': brokers }
  const admin = new AdminClient(config)
  const [{ partitions }] = await admin.describeTopics([topic])
  const wanted = partitions.map(({ partition }) => ({ topic, partition, spec: 'latest' }))
  const ends = new Map((await admin.listOffsets(wanted)).map(({ partition, offset }) => [partition, offset]))
  await admin.close()
  const records = []
  const atEnd = new Set()
  const reading = new AbortController()
  const consumer = new Consumer(
    {
      ...config,
      // It takes its partitions by hand: the group is only a name.
      'group.id': `${topic}-verifier`,
      'enable.auto.commit': false,
      'isolation.level': 'read_committed',
      'enable.partition.eof': true,
    },
    {
      onPartitionEof: ({ partition, offset }) => {
        if (offset >= ends.get(partition) && atEnd.add(partition).size === partitions.length) reading.abort()
      },
    },
  )
  try {
    await consumer.assign(partitions.map(({ partition }) => ({ topic, partition, offset: 0 })))
    for await (const message of consumer.messages({ signal: reading.signal })) {
      records.push({ key: message.key.toString(), value: message.text() })
    }
  } catch (error) {
    if (!reading.signal.aborted) throw error
  } finally {
    await consumer.close()
  }
  return records
}
