// A member of a group in a process of its own, made to be killed: it notes each message in a file once it has handled it.
import { appendFileSync } from 'node:fs'
import { Consumer } from '../../dist/index.js'

const { config, topic, file, how } = JSON.parse(process.argv[2])
process.on('disconnect', () => process.exit())

const handle = async ({ partition, offset }) => {
  if (offset % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  appendFileSync(file, `${partition} ${offset}\n`)
}

const consumer = new Consumer(config, { onError: (error) => console.log(`error: ${error.message}`) })
await consumer.subscribe(topic)
if (how === 'batches') {
  for await (const batch of consumer.batches({ max: 50 })) for (const message of batch) await handle(message)
} else {
  for await (const message of consumer) await handle(message)
}
