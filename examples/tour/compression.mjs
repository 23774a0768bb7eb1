// Batches are compressed; consumers need no setting. zstd and gzip make them smallest, lz4 and snappy cost the least.
import { setTimeout } from 'node:timers/promises'
import { Consumer, Producer } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const offsets = []
for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const producer = new Producer({ ...config, 'compression.type': codec, 'statistics.interval.ms': 100 })
  let sent
  producer.observeStatistics(({ txmsgs, txmsg_bytes, tx_bytes }) => {
    if (txmsgs === 1_000) sent = Math.round((100 * tx_bytes) / txmsg_bytes)
  })
  const records = Array.from({ length: 1_000 }, () => ({ partition: 3, value: `${codec}: ${'again and '.repeat(50)}` }))
  const [{ offset }] = await producer.sendBatch('tour', records)
  offsets.push(offset)
  while (sent === undefined) await setTimeout(50)
  console.log(`${codec}: sent ${sent} % of the bytes`)
  await producer.close()
}

const reader = new Consumer(config)
await reader.assign(offsets.slice(0, 1).map((offset) => ({ topic: 'tour', partition: 3, offset })))
let count = 0
for await (const message of reader) {
  if (!message.text().endsWith('again and ')) throw new Error('this is not what was sent')
  if (++count === 5_000) break
}
console.log(`read ${count}`)
await reader.close()
