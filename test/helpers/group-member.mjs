// A member of a group in a process of its own, made to be killed: it notes each message in a file once it has handled it.
import { appendFileSync } from 'node:fs'
import { Consumer } from '../../dist/index.js'

// With `trouble` it also notes what explains that messages come again, and values that are not the offset's.
const { config, topic, file, how, trouble } = JSON.parse(process.argv[2])
process.on('disconnect', () => process.exit())

const note = (line) => appendFileSync(file, `${line}\n`)
const repeats = (partitions) => {
  for (const { partition } of trouble ? partitions : []) note(`repeats ${partition}`)
}

const handle = async (message) => {
  const { partition, offset } = message
  if (trouble && !message.text().startsWith(`${partition}:${offset}:`)) note(`wrong ${partition}@${offset}`)
  if (offset % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  note(`${partition} ${offset}`)
}

const consumer = new Consumer(config, {
  onError: (error) => console.log(`error: ${error.message}`),
  onLost: repeats,
  onOffsetCommit: (results, error) => repeats(results.filter((result) => error ?? result.error)),
})
await consumer.subscribe(topic)
if (how === 'batches') {
  for await (const batch of consumer.batches({ max: 50 })) for (const message of batch) await handle(message)
} else {
  for await (const message of consumer) await handle(message)
}
