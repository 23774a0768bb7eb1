// A consumer with its defaults, in a container of 512 MB, which reads nothing for a while and then two gigabytes: librdkafka's
// own defaults would fetch a gigabyte ahead.
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { bootstrapServers, createTopic, uniqueGroup } from '../helpers/kafka.js'
import { memoryCgroup } from '../helpers/memory-cgroup.js'

const limit = 512 * 2 ** 20
const partitions = 12
const count = 400_000
const size = 5_000

const permitted = memoryCgroup(limit)
permitted?.[Symbol.dispose]()

async function fill(codec: 'none' | 'zstd'): Promise<string> {
  const topic = await createTopic('container', { partitions, config: { 'retention.bytes': -1 } })
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'compression.codec': codec })
  // Rows of a log as JSON, a batch's worth of them: a fifth of their size when compressed. What is nothing but repetition
  // grows a thousandfold when it is read, and librdkafka bounds what it fetches as it comes.
  const row = (i: number) =>
    JSON.stringify({ at: i * 7919, id: (i * 2654435761) % 2 ** 32, text: 'GET /orders', ok: true })
  const rows = (seed: number) => Array.from({ length: size / 40 }, (_, i) => row(i * i + seed * 131)).join()
  const values = Array.from({ length: 200 }, (_, seed) => rows(seed).slice(0, size))
  for (let i = 0; i < count; i += 5000) {
    const records = Array.from({ length: 5000 }, (_, j) => ({
      value: values[j % 200],
      partition: (i + j) % partitions,
    }))
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  }
  return topic
}

it.runIf(permitted).each(['none', 'zstd'] as const)('survives 512 MB (%s)', { timeout: 600_000 }, async (codec) => {
  const topic = await fill(codec)
  using cgroup = memoryCgroup(limit)
  if (!cgroup) throw new Error('the control group that could be made before cannot be made any more')
  const child = await runModule(
    `
    import { readFileSync, writeFileSync } from 'node:fs'
    writeFileSync(${JSON.stringify(cgroup.procs)}, String(process.pid))
    const consumer = new Consumer({
      'bootstrap.servers': ${JSON.stringify(bootstrapServers())}, 'group.id': ${JSON.stringify(uniqueGroup())},
      'auto.offset.reset': 'earliest',
    })
    await consumer.subscribe(${JSON.stringify(topic)})
    const first = await consumer.poll(60_000)
    await new Promise((resolve) => setTimeout(resolve, 10_000)) // what is fetched ahead piles up
    let seen = first ? 1 : 0
    for await (const { value } of consumer) {
      if (value.length !== ${size}) throw new Error('a value of ' + value.length)
      if (++seen === ${count}) break
    }
    await consumer.close()
    const megabytes = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
    console.log(JSON.stringify({ seen, megabytes }))
    `,
    { timeout: 400_000 },
  )
  expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
  const figures = JSON.parse(child.output.trimEnd().split('\n').at(-1) as string)
  console.log(`${codec}: ${JSON.stringify(figures)}`)
  expect(figures.seen).toBe(count)
  expect(cgroup.kills()).toBe(0)
})
