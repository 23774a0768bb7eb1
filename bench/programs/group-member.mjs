// Members of a group that reads a preloaded topic together, in one thread; as a worker's program, the one of a worker.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { Window } from './common.mjs'
import { touchValue, ways } from './consume.mjs'
import { args, newConsumer, Offset } from './package.mjs'

export const members = 4

/** The partitions were filled in turn. */
const messagesOf = ({ partition }) => Math.ceil((args.messages - partition) / args.partitions)

/**
 * What a member is told of the group, and tells it. Before all are there it starts at the end, where there is nothing;
 * with its last share it waits in the hook for the others.
 */
function newMember({ arrive, fail }) {
  const share = { messages: Number.POSITIVE_INFINITY, reading: false }
  const onRevoked = () => {
    if (share.reading) fail('the group was rebalanced while it read')
  }
  async function onAssigned(assigned) {
    onRevoked()
    const last = assigned.length * members === args.partitions
    if (last) {
      share.messages = assigned.reduce((sum, partition) => sum + messagesOf(partition), 0)
      await arrive()
      share.reading = true
    }
    return assigned.map((partition) => ({ ...partition, offset: last ? Offset.beginning : Offset.end }))
  }
  return { share, consumer: newConsumer({ onAssigned, onRevoked }) }
}

/** As many messages as there are could still be one twice and another never. */
function checkPositions(consumer, fail) {
  for (const at of consumer.position()) {
    if (at.offset === messagesOf(at)) continue
    fail(`partition ${at.partition} was read up to ${at.offset}, not to ${messagesOf(at)}`)
  }
}

async function runMember(read, window, others) {
  const { share, consumer } = newMember(others)
  await consumer.subscribe(args.topic)
  const result = await read(consumer, touchValue, window, share)
  checkPositions(consumer, others.fail)
  // Who leaves gives its partitions to those who still read.
  await others.arrive()
  share.reading = false
  await consumer.close()
  return result
}

/**
 * `count` members, from joining to leaving; what they have read, and when.
 * @param {keyof typeof ways} way
 * @param {{ arrive(): Promise<void>, fail(message: string): void }} others `arrive` resolves when all members of the
 *   group have called it
 */
export async function runMembers(way, count, others) {
  const window = new Window(count)
  const readings = await Promise.all(Array.from({ length: count }, () => runMember(ways[way], window, others)))
  const sum = (name) => readings.reduce((total, reading) => total + reading[name], 0)
  return { count: sum('count'), touched: sum('touched'), window: window.result() }
}

/** group.mjs has the other end. */
async function runWorker() {
  const arrive = () =>
    new Promise((resolve) => {
      parentPort.once('message', resolve)
      parentPort.postMessage({ arrived: true })
    })
  const fail = (failed) => parentPort.postMessage({ failed })
  parentPort.postMessage({ result: await runMembers(workerData, 1, { arrive, fail }) })
}

if (!isMainThread) await runWorker()
