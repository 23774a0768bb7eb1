// A worker of exit.test.ts: produces and consumes until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'

const { Producer, Consumer } = await import(workerData.odradek)
const config = { 'bootstrap.servers': workerData.servers }
const producer = new Producer(config)
const consumer = new Consumer({ ...config, 'group.id': `g${workerData.id}`, 'auto.offset.reset': 'earliest' })
await consumer.subscribe('t')
parentPort.postMessage('up')
for (;;) {
  await producer.sendBatch(
    't',
    Array.from({ length: 100 }, (_, i) => ({ value: `v${i}` })),
  )
  await consumer.poll(50)
  parentPort.postMessage('round')
}
