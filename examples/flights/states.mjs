// The statistics as anybody finds them in their topic who reads with read_committed.
import { AdminClient, Consumer } from 'odradek'
import { runHeader } from './producing.mjs'

const patience = 30_000

/** Of what is written, committed or not. */
async function endsOf(config, topic, partitions) {
  const admin = new AdminClient(config)
  try {
    const results = await admin.listOffsets(partitions.map((partition) => ({ topic, partition, spec: 'latest' })))
    for (const { error } of results) if (error) throw error
    return new Map(results.map(({ partition, offset }) => [partition, offset]))
  } finally {
    await admin.close()
  }
}

/**
 * All updates of a run, in the order of each partition: the last one of a group is its state. Waits for transactions that are
 * open now: an offset can be committed a moment before the statistics of the same transaction are.
 * @param {object} config how to reach the cluster
 * @param {string} topic
 * @param {Map<number, number>} begins partition -> where to begin
 * @param {string} run
 * @returns {Promise<{ partition: number, group: string, state: import('./aggregates.mjs').State, before: number }[]>} before:
 *   the offset before which all records of the partition are counted in
 */
export async function readStates(config, topic, begins, run) {
  const ends = await endsOf(config, topic, [...begins.keys()])
  const updates = []
  const atEnd = new Set()
  const reading = new AbortController()
  const signal = AbortSignal.any([reading.signal, AbortSignal.timeout(patience)])
  // Of a group of its own, of which it is no member: it takes its partitions by hand.
  const reader = { 'group.id': `${topic}-reader`, 'enable.auto.commit': false, 'auto.offset.reset': 'earliest' }
  const isolation = { 'isolation.level': 'read_committed', 'enable.partition.eof': true, 'fetch.wait.max.ms': 20 }
  const consumer = new Consumer(
    { ...config, ...reader, ...isolation },
    {
      onPartitionEof: ({ partition, offset }) => {
        if (offset >= ends.get(partition) && atEnd.add(partition).size === begins.size) reading.abort()
      },
    },
  )
  try {
    await consumer.assign([...begins].map(([partition, offset]) => ({ topic, partition, offset })))
    for await (const batch of consumer.batches({ signal })) {
      for (const message of batch) {
        if (message.headers.get(runHeader)?.toString() !== run) continue
        const { before, ...state } = message.json()
        updates.push({ partition: message.partition, group: message.key.toString(), state, before })
      }
    }
  } catch (error) {
    if (!reading.signal.aborted) throw error
  } finally {
    await consumer.close({ timeout: 5_000 })
  }
  return updates
}
