// What the processor and metrics cost in JavaScript, without librdkafka and brokers: slabs of 100-byte messages are made
// beforehand and handed out again and again. Runs in turn, in processes of their own; the JavaScript thread's CPU time for
// each message (Linux), so that it can be measured on a machine that does other work:
// `node bench/processor-alone.mjs [rounds] [messages]`.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Consumer, MessageBatch } from '../dist/index.js'
import { MessageSlab } from '../dist/internals.js'
import { Processor } from '../dist/processor.js'
import { withOpenTelemetry, withPrometheus } from './observers.mjs'

const [what = '7', messages = '8000000'] = process.argv.slice(2)
const [count, partitions, keys, rowsPerSlab] = [Number(messages), 4, 5_000, 1_200]
const rowBytes = 64
const slots = Array.from({ length: partitions }, (_, partition) => ({ topic: 't', partition }))

/** Layout: native/message_slab.h. */
function slabOf(number) {
  const memory = new ArrayBuffer(rowsPerSlab * (rowBytes + 108))
  const slab = new MessageSlab(memory, rowsPerSlab, slots, false)
  for (let row = 0; row < rowsPerSlab; row++) {
    const at = rowsPerSlab * rowBytes + row * 108
    const key = `k${(number * rowsPerSlab + row) % keys}`
    slab.bytes.write(key, at)
    slab.ints.set([number % partitions, 1, at, key.length, at + 8, 100], row * 16 + 4)
    slab.floats[row * 8] = Math.floor(number / partitions) * rowsPerSlab + row
  }
  return slab
}

/** Puts what is made here in the place of what comes from the poll thread. */
function replaceConsumer() {
  const slabs = Array.from({ length: 400 }, (_, number) => slabOf(number))
  let taken = 0
  const next = () => (taken * rowsPerSlab < count ? slabs[taken++ % slabs.length] : undefined)
  const nothing = async () => []
  Object.assign(Consumer.prototype, {
    storeOffsets() {},
    commit: nothing,
    pause: nothing,
    resume: nothing,
    async subscribe() {
      await this.options.onAssigned?.(slots)
    },
    async ask() {
      const slab = next()
      if (slab) Object.assign(this.inbox, { slab, row: 0, limit: rowsPerSlab })
      return slab !== undefined
    },
    batches({ signal }) {
      const take = async () => {
        const slab = next()
        if (slab) return { done: false, value: new MessageBatch([{ slab, from: 0, to: rowsPerSlab }]) }
        return await new Promise((resolve) => signal.addEventListener('abort', () => resolve({ done: true })))
      }
      return { next: take }
    },
  })
}

const config = { 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'alone' }
const onError = () => {}

async function plain() {
  const consumer = new Consumer(config, { onError })
  for await (const _ of consumer);
}

async function processed(options, observe, isAsync = true) {
  const stop = new AbortController()
  const app = new Processor(config, { onError, ...options })
  let seen = 0
  const handle = () => {
    if (++seen === count) stop.abort()
  }
  app.topic('t', isAsync ? async () => handle() : handle)
  observe?.(app)
  await app.run({ signal: stop.signal })
}

const [byKey, inNoOrder] = ['key', 'none'].map((orderBy) => ({ concurrency: 100, orderBy }))
const scenarios = {
  'for await': plain,
  'sync handler': () => processed({}, undefined, false),
  'async handler': () => processed({}),
  '  prometheus()': () => processed({}, withPrometheus),
  '  openTelemetry()': () => processed({}, withOpenTelemetry),
  '100 in no order': () => processed(inNoOrder),
  '  with prometheus()': () => processed(inNoOrder, withPrometheus),
  '100 by key': () => processed(byKey),
  '  and prometheus()': () => processed(byKey, withPrometheus),
}

/** Nanoseconds on a processor: of this thread, the first of its process. */
const onCpu = () => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0])

if (what in scenarios) {
  replaceConsumer()
  const before = onCpu()
  await scenarios[what]()
  process.stdout.write(String((onCpu() - before) / count))
  process.exit(0)
}
const results = Object.fromEntries(Object.keys(scenarios).map((name) => [name, []]))
for (let round = 0; round < Number(what); round++) {
  for (const name of Object.keys(scenarios)) {
    results[name].push(
      Number(execFileSync(process.execPath, [import.meta.filename, name, messages], { encoding: 'utf8' })),
    )
  }
}
console.log('| | ns of JavaScript for each message: median | least | most |\n|---|---|---|---|')
for (const [name, list] of Object.entries(results)) {
  const sorted = list.sort((a, b) => a - b).map(Math.round)
  console.log(`| ${name.trim()} | ${sorted[sorted.length >> 1]} | ${sorted[0]} | ${sorted.at(-1)} |`)
}
