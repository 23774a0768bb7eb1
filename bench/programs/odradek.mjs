// The benchmark's tasks with this package. Each does what a program would do, and nothing to please the benchmark.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fail, printLatency, readPayloads, Window } from './common.mjs'
import { consumeTasks } from './consume.mjs'
import { groupTasks } from './group.mjs'
import { args, config, module, newConsumer, Producer } from './package.mjs'

const { messages, topic } = args

async function newProducer(options) {
  const producer = new Producer(config, options)
  const { keys, values } = readPayloads(args)
  // Connection and metadata are not what is measured.
  await producer.sendBatch(
    topic,
    Array.from({ length: args.warmup }, (_, i) => ({ key: keys[i % keys.length], value: values[i % keys.length] })),
  )
  return { producer, keys, values }
}

async function produceBatch() {
  const window = new Window()
  const { producer, keys, values } = await newProducer()
  const { batch, inflight } = args
  let next = 0
  let delivered = 0
  async function lane() {
    while (next < messages) {
      const from = next
      next += Math.min(batch, messages - from)
      const records = []
      for (let i = from; i < next; i++) records.push({ key: keys[i % keys.length], value: values[i % keys.length] })
      const reports = await producer.sendBatch(topic, records)
      if (reports.failures.length > 0) throw reports.failures[0].error
      delivered += reports.length
    }
  }
  window.start()
  await Promise.all(Array.from({ length: inflight }, lane))
  window.stop()
  window.print(delivered)
  await producer.close()
}

async function produceBulk() {
  const window = new Window()
  let delivered = 0
  let room = () => {}
  const onDelivery = (reports) => {
    const { failures } = reports
    if (failures.length > 0) throw failures[0].error
    delivered += reports.length
    room()
  }
  const { producer, keys, values } = await newProducer({ onDelivery })
  const reported = () =>
    new Promise((resolve) => {
      room = resolve
    })
  window.start()
  for (let i = 0; i < messages; ) {
    try {
      producer.produce({ topic, key: keys[i % keys.length], value: values[i % keys.length] })
      // A producer that never waits would block the event loop.
      if (++i % 1000 === 0) await nextTurn()
    } catch (error) {
      if (error.code !== '_QUEUE_FULL') throw error
      await reported()
    }
  }
  while (delivered < messages) await reported()
  window.stop()
  window.print(delivered)
  await producer.close()
}

async function produceSend() {
  const window = new Window()
  const { producer, keys, values } = await newProducer()
  let next = 0
  let delivered = 0
  window.start()
  await new Promise((resolve, reject) => {
    const sendNext = () => {
      if (next === messages) return
      const i = next++ % keys.length
      producer.send({ topic, key: keys[i], value: values[i] }).then(settled, reject)
    }
    const settled = () => {
      if (++delivered === messages) resolve()
      else sendNext()
    }
    for (let i = 0; i < args.inflight; i++) sendNext()
  })
  window.stop()
  window.print(delivered)
  await producer.close()
}

async function latencySend() {
  const { producer, keys, values } = await newProducer()
  const micros = new Float64Array(messages)
  for (let i = -args.warmup; i < messages; i++) {
    const n = (i + args.warmup) % keys.length
    const start = performance.now()
    await producer.send({ topic, key: keys[n], value: values[n] })
    if (i >= 0) micros[i] = (performance.now() - start) * 1000
  }
  printLatency(micros)
  await producer.close()
}

async function latencyConsume() {
  const { keys, values } = readPayloads(args)
  const micros = new Float64Array(messages)
  const consumer = newConsumer()
  await consumer.subscribe(topic)
  const producer = new Producer({ 'bootstrap.servers': args.brokers, 'linger.ms': 0 })
  let sent = 0
  let timer
  const send = () => {
    const value = Buffer.from(values[sent % values.length])
    value.writeDoubleLE(performance.now())
    producer.send({ topic, key: keys[sent % keys.length], value }).catch((error) => fail(error.message))
    if (++sent === messages + args.warmup) clearInterval(timer)
  }
  // The first is the consumer's sign that it is assigned.
  send()
  let received = 0
  for await (const { value } of consumer) {
    const i = received++ - args.warmup
    if (i >= 0) micros[i] = (performance.now() - value.readDoubleLE()) * 1000
    if (received === messages + args.warmup) break
    timer ??= setInterval(send, args.interval)
  }
  printLatency(micros)
  await Promise.all([producer.close(), consumer.close()])
}

// As the C program: what is read before the window opens.
const transactionsBefore = 5

/** The transform of both: the same record to another topic. */
const copyOf = (message) => ({ topic: args.output, key: message.key, value: message.value })

async function transact() {
  const window = new Window()
  const producer = new Producer({ 'bootstrap.servers': args.brokers, 'linger.ms': 0, 'transactional.id': args.group })
  await producer.initTransactions()
  const consumer = newConsumer()
  await consumer.subscribe(topic)
  let count = -transactionsBefore
  for await (const batch of consumer.batches({ max: args.batch, timeout: 1000 })) {
    if (count === 0) window.start()
    await producer.transaction((tx) => {
      void tx.sendBatch(batch.map(copyOf))
      void tx.sendOffsets(consumer)
    })
    if (++count === messages) break
  }
  window.stop()
  window.print(count)
  await Promise.all([producer.close(), consumer.close()])
}

async function pipeline() {
  const { exactlyOnce } = await import(new URL('pipeline.js', import.meta.resolve(module)))
  const window = new Window()
  const done = new AbortController()
  let count = -transactionsBefore
  await exactlyOnce({
    config: { 'bootstrap.servers': args.brokers },
    consumer: args.conf,
    producer: { 'linger.ms': 0 },
    group: args.group,
    topics: topic,
    maxBatch: args.batch,
    maxLatency: 1000,
    signal: done.signal,
    onError: (error) => console.error(`error: ${error.message}`),
    transform: (batch) => {
      if (count === 0) window.start()
      return batch.map(copyOf)
    },
    onTransaction: ({ committed, error }) => {
      if (!committed) fail(error.message)
      if (++count !== messages) return
      window.stop()
      done.abort()
    },
  })
  window.print(messages)
}

const tasks = {
  ...consumeTasks,
  ...groupTasks,
  'produce-batch': produceBatch,
  'produce-bulk': produceBulk,
  'produce-send': produceSend,
  'latency-send': latencySend,
  'latency-consume': latencyConsume,
  'transact-1000': transact,
  'transact-10': transact,
  'pipeline-1000': pipeline,
  'pipeline-10': pipeline,
}

if (!tasks[args.task]) fail(`there is no task '${args.task}'`)
await tasks[args.task]()
