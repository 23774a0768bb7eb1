// A consumer in a process of its own that is stopped by SIGTERM in the middle of a topic. At the end it prints how many
// messages of each partition it has handled, and how many of them it left in a way that does not count as handled.
import { setTimeout as sleep } from 'node:timers/promises'
import { Consumer } from '../../dist/index.js'

const { config, topic, how, end } = JSON.parse(process.argv[2])
const handled = {}
const left = {}
let count = 0
let stopping = false
let closing
const controller = new AbortController()
const { signal } = controller
const consumer = new Consumer(config, { onError: (error) => console.log(`error: ${error.message}`) })

process.once('SIGTERM', () => {
  stopping = true
  if (end === 'abort') controller.abort()
  if (end === 'close') closing = consumer.close()
})

const note = (counts, messages) => {
  for (const { partition } of messages) counts[partition] = (counts[partition] ?? 0) + 1
}

/** Handles what it was given; true when that was the last. */
const handle = async (messages, iterator) => {
  await sleep(messages.length)
  note(handled, messages)
  count += messages.length
  if (count - messages.length < 200 && count >= 200) console.log('begun')
  if (!stopping) {
    if (how === 'readable') consumer.storeOffsets(messages[0])
    return false
  }
  if (end === 'close') {
    // In hand until the group is left: nobody asked for more.
    await closing
    note(left, messages)
    return true
  }
  if (how === 'readable') consumer.storeOffsets(messages[0])
  if (end === 'ask and close') {
    const next = iterator.next()
    await consumer.close()
    await next
    return true
  }
  // What a loop is left at is not handled, unless it says so.
  if (end === 'break' && how !== 'readable') note(left, messages)
  if (end === 'commit and break') await consumer.commit(messages)
  if (end === 'abort') return false
  await iterator.return()
  return true
}

const polling = {
  async next() {
    const value = await consumer.poll(60_000, { signal })
    return { done: value === null, value }
  },
  async return() {},
}
const iterators = {
  messages: () => consumer.messages({ signal }),
  batches: () => consumer.batches({ max: 37, signal }),
  poll: () => polling,
  readable: () => consumer.readable({ signal })[Symbol.asyncIterator](),
}

async function readAll() {
  const iterator = iterators[how]()
  for (;;) {
    const { done, value } = await iterator.next()
    if (done || (await handle(how === 'batches' ? [...value] : [value], iterator))) return
  }
}

/** Leaving the streams, and closing, wait for handlers. */
async function readStreams() {
  const handlers = []
  const stopped = new Promise((resolve) => process.once('SIGTERM', resolve))
  const read = async (stream) => {
    for await (const message of stream) {
      await sleep(1)
      note(handled, [message])
      if (++count === 200) console.log('begun')
    }
  }
  try {
    for await (const stream of consumer.partitionStreams({ max: 50, signal })) {
      handlers.push(read(stream).catch((error) => error === signal.reason || console.log(error)))
      if (end === 'break' && handlers.length === 4) {
        await stopped
        break
      }
    }
  } finally {
    await Promise.all(handlers)
  }
}

await consumer.subscribe(topic)
await (how === 'streams' ? readStreams() : readAll()).catch((error) => {
  if (error.name !== 'AbortError' && error.code !== '_STATE') throw error
})
await consumer.close()
console.log(JSON.stringify({ handled, left }))
