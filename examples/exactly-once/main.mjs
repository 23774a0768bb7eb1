// A small bank, and what exactly once is about: node examples/exactly-once/main.mjs [TRANSFERS]
// Two tellers enter transfers in a ledger; one of them is killed in the middle of it, and started again. In the end each transfer
// is in the ledger once, and the accounts sum up to nothing.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { AdminClient, Producer } from 'odradek'

const transfers = Number(process.argv[2] ?? 20_000)
if (!Number.isSafeInteger(transfers) || transfers < 1) {
  console.error(`error: '${process.argv[2]}' is no number of transfers; give a whole number from 1`)
  process.exit(1)
}
// A bank of its own for each run.
process.env.BANK ??= `bank-${randomBytes(3).toString('hex')}`
const { partitions, topics } = await import('./topics.mjs')
const { verify } = await import('./verify.mjs')

const tellers = new Map()

function startTeller(name) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('teller.mjs', import.meta.url)), name], {
    stdio: 'inherit',
  })
  child.ended = new Promise((resolve) => child.on('exit', resolve))
  tellers.set(name, child)
}

/** A Kafka that is there, or one that is started for the run. */
async function openKafka() {
  if (process.env.KAFKA_BROKERS) return { brokers: process.env.KAFKA_BROKERS, stop: async () => {} }
  const source = await import('../../scripts/kafka/source.mjs')
  console.log('KAFKA_BROKERS is not set: starting a Kafka for the run')
  const kafka = await source.openKafka({ log: console.log })
  process.env.KAFKA_BROKERS = kafka.brokers
  return kafka
}

async function produceTransfers(producer, from, to) {
  const account = () => `account-${Math.floor(Math.random() * 50)}`
  const records = Array.from({ length: to - from }, (_, i) => {
    const transfer = { id: from + i, from: account(), to: account(), amount: 1 + Math.floor(Math.random() * 500) }
    return { key: String(transfer.id), value: JSON.stringify(transfer) }
  })
  const { failures } = await producer.sendBatch(topics.transfers, records)
  if (failures.length > 0) throw failures[0].error
}

/**
 * So that what is behind is known from the beginning. Tried again: on a Kafka that has just been started nobody coordinates
 * groups yet.
 */
async function beginAtBeginning(admin) {
  for (let left = 20; ; left--) {
    try {
      return await admin.resetOffsets(topics.group, topics.transfers, { to: 'beginning' })
    } catch (error) {
      if (left === 0) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** Until the group has committed everything. */
async function settled(admin) {
  for (;;) {
    const { total } = await admin.groupLag(topics.group)
    if (total === 0) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const kafka = await openKafka()
const config = { 'bootstrap.servers': kafka.brokers }
const admin = new AdminClient(config)
const producer = new Producer({ ...config, 'enable.idempotence': true })
try {
  const names = [topics.transfers, topics.ledger]
  for (const { error } of await admin.createTopics(names.map((topic) => ({ topic, numPartitions: partitions })))) {
    if (error && error.code !== 'TOPIC_ALREADY_EXISTS') throw error
  }
  await beginAtBeginning(admin)
  for (const name of ['teller-0', 'teller-1']) startTeller(name)
  const half = Math.ceil(transfers / 2)
  await produceTransfers(producer, 0, half)
  await settled(admin)
  console.log(`${half} transfers are through; teller-1 is killed while the others arrive`)
  const arriving = produceTransfers(producer, half, transfers)
  tellers.get('teller-1').kill('SIGKILL')
  await Promise.all([arriving, tellers.get('teller-1').ended])
  startTeller('teller-1')
  await settled(admin)
  for (const teller of tellers.values()) teller.kill('SIGTERM')
  await Promise.all([...tellers.values()].map(({ ended }) => ended))
  const { accounts, entries, problems } = await verify(kafka.brokers, transfers)
  console.log(`${transfers} transfers, ${entries} entries, ${accounts.size} accounts`)
  for (const problem of problems.slice(0, 10)) console.log(`WRONG: ${problem}`)
  console.log(problems.length === 0 ? 'Each transfer is in the ledger exactly once.' : `${problems.length} problems.`)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  for (const teller of tellers.values()) teller.kill('SIGKILL')
  await Promise.allSettled([producer.close(), admin.close()])
  await kafka.stop()
}
