// A consumer in a process of its own that is stopped by SIGTERM in the middle of a topic. At the end it prints how many
// messages of each partition it has handled, and, where the signal closes it, how many it had by then.
import { setTimeout as sleep } from 'node:timers/promises'
import { Consumer } from '../../dist/index.js'

const { config, topic, how, end } = JSON.parse(process.argv[2])
const handled = {}
let atClose
let count = 0
let stopping = false
const controller = new AbortController()
const { signal } = controller
const consumer = new Consumer(config, { onError: (error) => console.log(`error: ${error.message}`) })

process.once('SIGTERM', () => {
  stopping = true
  if (end === 'abort') controller.abort()
  if (end !== 'close') return
  atClose = { ...handled }
  void consumer.close()
})

const through = (messages) => {
  for (const { partition } of messages) {
    handled[partition] = (handled[partition] ?? 0) + 1
    if (++count === 200) console.log('begun')
  }
}

const handle = async (message) => {
  await sleep(1)
  through([message])
}

const ways = {
  async messages() {
    for await (const message of consumer.messages({ signal })) {
      await handle(message)
      if (!stopping || end !== 'break') continue
      // Who leaves a loop says whether the message in hand is handled.
      await consumer.commit(message)
      break
    }
  },
  async batches() {
    for await (const batch of consumer.batches({ max: 37, signal })) {
      await sleep(37)
      through(batch)
      if (!stopping || end !== 'break') continue
      await consumer.commit(batch)
      break
    }
  },
  async poll() {
    while (!consumer.closed) {
      const message = await consumer.poll(60_000, { signal })
      if (message) await handle(message)
      if (!message || !stopping || end !== 'break') continue
      await consumer.commit(message)
      break
    }
  },
  async streams() {
    const handlers = []
    const read = async (stream) => {
      for await (const message of stream) await handle(message)
    }
    try {
      for await (const stream of consumer.partitionStreams({ max: 50, signal })) {
        handlers.push(read(stream).catch((error) => error === signal.reason || console.log(error)))
      }
    } finally {
      await Promise.all(handlers)
    }
  },
}

await consumer.subscribe(topic)
await ways[how]().catch((error) => {
  if (error.name !== 'AbortError' && error.code !== '_STATE') throw error
})
await consumer.close()
console.log(JSON.stringify({ handled, atClose }))
