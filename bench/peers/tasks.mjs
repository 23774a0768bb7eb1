// The tasks as far as they are the same for every peer: a peer says how it receives, and how it sends one or many.
import { fail, printLatency, readPayloads, Window } from '../programs/common.mjs'

/**
 * Counts and touches what is received until all is there.
 * @param {{ messages: number }} args
 * @param {(receive: (values: Iterable<Buffer>) => boolean) => Promise<void>} start calls `receive` with what came; it
 *   answers true when all is there
 */
export async function consume({ messages }, start) {
  const window = new Window()
  let count = 0
  let touched = 0
  await new Promise((resolve, reject) => {
    const receive = (values) => {
      if (count >= messages) return true
      if (count === 0) window.start()
      for (const value of values) {
        touched += value.length + value[0]
        count++
      }
      if (count < messages) return false
      window.stop()
      resolve()
      return true
    }
    start(receive).catch(reject)
  })
  if (touched === 0) fail('no value had a byte')
  window.print(count)
}

/** One promise for each of many messages, `inflight` of them at a time. */
export async function produceMany(args, sendMany) {
  const { messages, batch, inflight } = args
  const { keys, values } = readPayloads(args)
  const window = new Window()
  await sendMany(recordsFrom(0, args.warmup, keys, values))
  let next = 0
  const lane = async () => {
    while (next < messages) {
      const from = next
      next += Math.min(batch, messages - from)
      await sendMany(recordsFrom(from, next, keys, values))
    }
  }
  window.start()
  await Promise.all(Array.from({ length: inflight }, lane))
  window.stop()
  window.print(messages)
}

function recordsFrom(from, to, keys, values) {
  const records = []
  for (let i = from; i < to; i++) records.push({ key: keys[i % keys.length], value: values[i % values.length] })
  return records
}

/** One promise each, `inflight` of them at a time. */
export async function produceSingly(args, sendOne) {
  const { messages, inflight } = args
  const { keys, values } = readPayloads(args)
  const window = new Window()
  await sendOne({ key: keys[0], value: values[0] })
  let next = 0
  let delivered = 0
  window.start()
  await new Promise((resolve, reject) => {
    const sendNext = () => {
      if (next === messages) return
      const i = next++ % keys.length
      sendOne({ key: keys[i], value: values[i] }).then(settled, reject)
    }
    const settled = () => {
      if (++delivered === messages) resolve()
      else sendNext()
    }
    for (let i = 0; i < inflight; i++) sendNext()
  })
  window.stop()
  window.print(delivered)
}

export async function latencySend(args, sendOne) {
  const { keys, values } = readPayloads(args)
  const micros = new Float64Array(args.messages)
  for (let i = -args.warmup; i < args.messages; i++) {
    const n = (i + args.warmup) % keys.length
    const start = performance.now()
    await sendOne({ key: keys[n], value: values[n] })
    if (i >= 0) micros[i] = (performance.now() - start) * 1000
  }
  printLatency(micros)
}

/** `sendOne` sends; `start` calls `receive` with each value that comes. */
export async function latencyConsume(args, sendOne, start) {
  const { keys, values } = readPayloads(args)
  const total = args.messages + args.warmup
  const micros = new Float64Array(args.messages)
  let sent = 0
  let received = 0
  let timer
  const send = () => {
    const value = Buffer.from(values[sent % values.length])
    value.writeDoubleLE(performance.now())
    sendOne({ key: keys[sent % keys.length], value }).catch((error) => fail(error.message))
    if (++sent === total) clearInterval(timer)
  }
  await new Promise((resolve, reject) => {
    const receive = (value) => {
      const i = received++ - args.warmup
      if (i >= 0 && i < args.messages) micros[i] = (performance.now() - value.readDoubleLE()) * 1000
      if (received === total) resolve()
      timer ??= setInterval(send, args.interval)
    }
    start(receive).catch(reject)
    // The first is the consumer's sign that it is assigned.
    send()
  })
  printLatency(micros)
}

// As the C program: what is done before the window opens.
const transactionsBefore = 5

/**
 * Transactions of exactly `batch` messages each.
 * @param {{ messages: number, batch: number }} args
 * @param {(receive: (messages: any[], heartbeat?: () => Promise<void>) => Promise<boolean>) => Promise<void>} start calls
 *   `receive` with what came, and waits for it; it answers true when all is done, and calls `heartbeat` after each transaction
 * @param {(messages: any[]) => Promise<void>} transaction copies the messages, with their offsets, in one transaction
 */
export async function transact({ messages, batch }, start, transaction) {
  const window = new Window()
  let count = -transactionsBefore
  let waiting = []
  await new Promise((resolve, reject) => {
    const receive = async (received, heartbeat) => {
      waiting = waiting.concat(received)
      let from = 0
      for (; waiting.length - from >= batch && count < messages; from += batch) {
        if (count === 0) window.start()
        await transaction(waiting.slice(from, from + batch)).catch((error) => fail(error.message))
        if (++count === messages) window.stop()
        await heartbeat?.()
      }
      waiting = waiting.slice(from)
      if (count < messages) return false
      resolve()
      return true
    }
    start(receive).catch(reject)
  })
  window.print(messages)
}

/** For each partition of the messages the offset after its last one: what a transaction is to commit. */
export function offsetsAfter(messages) {
  const offsets = new Map()
  for (const { partition, offset } of messages) offsets.set(partition, Number(offset) + 1)
  return [...offsets].map(([partition, offset]) => ({ partition, offset }))
}

/** The same with kafkajs's API, which Confluent's promise API has taken over. */
export async function transactKafkaJs({ topic, output, ...args }, producer, eachBatch, sendOffsets) {
  await transact(args, eachBatch, async (messages) => {
    const transaction = await producer.transaction()
    await transaction.send({ topic: output, messages: messages.map(({ key, value }) => ({ key, value })) })
    const partitions = offsetsAfter(messages).map(({ partition, offset }) => ({ partition, offset: String(offset) }))
    await sendOffsets(transaction, [{ topic, partitions }])
    await transaction.commit()
  })
}

/** Runs the task that was asked for, and ends the process: a peer's own ways to close may take seconds. */
export async function main(args, tasks) {
  if (!tasks[args.task]) fail(`there is no task '${args.task}'`)
  await tasks[args.task]()
  process.exit(0)
}
