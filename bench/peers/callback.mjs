// The benchmark's tasks with the callback API of node-rdkafka, which Confluent's package has kept.
import { fail, readArguments, readPayloads, Window } from '../programs/common.mjs'
import { consume, latencyConsume, latencySend, main, offsetsAfter, transact } from './tasks.mjs'

// The least that there is, for their reports come no sooner. Their examples say 100; the default, never, would wait for ever.
const pollInterval = 1

const timeout = 30_000

const failed = (error) => fail(error.message ?? String(error))

/** @param {{ KafkaConsumer: any, Producer: any }} api */
export async function runCallbackApi({ KafkaConsumer, Producer }) {
  const args = readArguments()
  const { topic, messages } = args
  const brokers = { 'metadata.broker.list': args.brokers }

  const newConsumer = (ready) =>
    new Promise((resolve) => {
      const { 'auto.offset.reset': reset, ...conf } = args.conf
      const consumer = new KafkaConsumer(
        { ...brokers, ...conf, 'group.id': args.group },
        { 'auto.offset.reset': reset },
      )
      consumer.on('event.error', failed)
      consumer.on('ready', () => {
        consumer.subscribe([topic])
        ready(consumer)
        resolve()
      })
      consumer.connect()
    })

  const newProducer = (conf, onReport) =>
    new Promise((resolve) => {
      const producer = new Producer({ ...brokers, ...conf, dr_cb: true })
      producer.on('event.error', failed)
      producer.on('delivery-report', (error, report) => (error ? failed(error) : onReport(report)))
      producer.on('ready', () => {
        // Confluent's can do so on a thread, as its own promise API does; before this it would be a SIGSEGV.
        if (producer.setPollInBackground) producer.setPollInBackground(true)
        else producer.setPollInterval(pollInterval)
        resolve(producer)
      })
      producer.connect()
    })

  const pull = (receive) =>
    newConsumer((consumer) => {
      const next = () =>
        consumer.consume(1000, (error, batch) => {
          if (error) return failed(error)
          if (batch.length === 0 || !receive(batch.map(({ value }) => value))) setImmediate(next)
        })
      next()
    })

  async function produceBulk() {
    const { keys, values } = readPayloads(args)
    const window = new Window()
    let delivered = 0
    let finish
    const producer = await newProducer(args.conf, () => {
      if (++delivered === 1) finish()
      else if (delivered === messages + 1) finish()
    })
    const finished = () =>
      new Promise((resolve) => {
        finish = resolve
      })
    const first = finished()
    producer.produce(topic, null, values[0], keys[0], null, 0)
    await first
    const all = finished()
    window.start()
    for (let i = 0; i < messages; ) {
      try {
        producer.produce(topic, null, values[i % values.length], keys[i % keys.length], null, i)
        if (++i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      } catch (error) {
        if (error.code !== -184) throw error // _QUEUE_FULL
        producer.poll()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await all
    window.stop()
    window.print(messages)
  }

  /** A function that sends one and resolves with its report. */
  async function sender(conf) {
    const producer = await newProducer(conf, ({ opaque }) => opaque())
    return ({ key, value }) =>
      new Promise((resolve) => {
        producer.produce(topic, null, value, key, null, resolve)
      })
  }

  /** With the flush before the offsets are sent, as the C program. */
  async function transactions() {
    const conf = { 'linger.ms': 0, 'transactional.id': args.group }
    const producer = await newProducer(conf, () => {})
    const call = (name, ...given) =>
      new Promise((resolve, reject) => {
        producer[name](...given, (error) => (error ? reject(error) : resolve()))
      })
    await call('initTransactions', timeout)
    let consumer
    const start = (receive) =>
      newConsumer((made) => {
        consumer = made
        const next = () =>
          consumer.consume(Math.min(args.batch, 1000), async (error, batch) => {
            if (error) return failed(error)
            if (batch.length === 0 || !(await receive(batch))) setImmediate(next)
          })
        next()
      })
    await transact(args, start, async (batch) => {
      await call('beginTransaction')
      for (const { key, value } of batch) producer.produce(args.output, null, value, key)
      await call('flush', timeout)
      const offsets = offsetsAfter(batch).map((one) => ({ topic, ...one }))
      await call('sendOffsetsToTransaction', offsets, consumer, timeout)
      await call('commitTransaction', timeout)
    })
  }

  await main(args, {
    'consume-batches': () => consume(args, pull),
    'produce-bulk': produceBulk,
    'latency-send': async () => latencySend(args, await sender(args.conf)),
    'latency-consume': async () =>
      latencyConsume(args, await sender({ 'linger.ms': 0 }), (receive) =>
        newConsumer((consumer) => {
          consumer.on('data', ({ value }) => receive(value))
          consumer.consume()
        }),
      ),
    'transact-1000': transactions,
    'transact-10': transactions,
  })
}
