// Reading a preloaded topic with this package: in which ways, what is touched of a message, and the check that all was
// read. bench/c/consume.c is the same thing.
import { fail, readPayloads, Window } from './common.mjs'
import { args, newConsumer } from './package.mjs'

const touchBytes = (bytes) => bytes.length + bytes[0]

export const touchValue = ({ value }) => touchBytes(value)

const touchAll = ({ key, value, headers }) =>
  touchBytes(value) + touchBytes(key) + touchBytes(headers.get('trace')) + touchBytes(headers.get('type'))

/** `share.messages` is how many there are; a member of a group knows it when it is assigned. */
async function forAwait(consumer, touch, window, share) {
  let count = 0
  let touched = 0
  for await (const message of consumer) {
    if (count === 0) window.start()
    touched += touch(message)
    if (++count === share.messages) break
  }
  window.stop()
  return { count, touched }
}

async function batches(consumer, touch, window, share) {
  let count = 0
  let touched = 0
  for await (const batch of consumer.batches()) {
    if (count === 0) window.start()
    for (const message of batch) touched += touch(message)
    count += batch.length
    if (count >= share.messages) break
  }
  window.stop()
  return { count, touched }
}

export const ways = { forAwait, batches }

/** Fails unless each of the preloaded messages was read, and touched. */
export function check({ count, touched }, touch) {
  const { keys, values, traces, types, pool } = readPayloads(args)
  const sums = values.map((value, i) => {
    const headers = new Map(Object.entries({ trace: Buffer.from(traces[i]), type: Buffer.from(types[i]) }))
    return touch({ key: Buffer.from(keys[i]), value, headers })
  })
  let expected = 0
  for (let i = 0; i < args.messages; i++) expected += sums[i % pool]
  if (count !== args.messages) fail(`${count} messages were read, not the ${args.messages} there are`)
  if (touched !== expected) fail(`the bytes touched add up to ${touched}, not to ${expected}`)
}

async function consume(read, touch) {
  const window = new Window()
  const consumer = newConsumer()
  await consumer.subscribe(args.topic)
  const reading = await read(consumer, touch, window, args)
  check(reading, touch)
  window.print(reading.count)
  await consumer.close()
}

export const consumeTasks = {
  'consume-for-await': () => consume(forAwait, touchValue),
  'consume-batches': () => consume(batches, touchValue),
  'consume-headers-for-await': () => consume(forAwait, touchAll),
  'consume-headers-batches': () => consume(batches, touchAll),
}
