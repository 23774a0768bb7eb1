// A reader that stops reading: what is fetched ahead for it is bounded by one option, whatever waits in Kafka.
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { bootstrapServers, createTopic, uniqueGroup } from '../helpers/kafka.js'

const partitions = 20
const size = 20_000
const count = 10_000 // 200 MB

it('keeps its memory bounded while the application does not read on, and while it keeps some of what it reads', {
  timeout: 180_000,
}, async () => {
  const topic = await createTopic('memory', { partitions })
  await using producer = new Producer({ 'bootstrap.servers': bootstrapServers(), 'compression.codec': 'none' })
  const value = Buffer.alloc(size, 'x')
  for (let i = 0; i < count; i += 1000) {
    const records = Array.from({ length: 1000 }, (_, j) => ({ value, partition: (i + j) % partitions }))
    expect((await producer.sendBatch(topic, records)).failures).toEqual([])
  }
  const child = await runModule(
    `
    import { readFileSync } from 'node:fs'
    const megabytes = (what) => Number(new RegExp(what + ':\\\\s+(\\\\d+)').exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
    const config = { 'bootstrap.servers': ${JSON.stringify(bootstrapServers())}, 'group.id': ${JSON.stringify(uniqueGroup())}, 'auto.offset.reset': 'earliest' }
    const idle = megabytes('VmRSS')
    const consumer = new Consumer(config)
    await consumer.subscribe(${JSON.stringify(topic)})
    await consumer.poll(30000)
    // Until nothing more is fetched.
    for (let last = -1, same = 0; same < 10; ) {
      const now = Math.round(megabytes('VmRSS'))
      same = now <= last ? same + 1 : 0
      last = Math.max(now, last)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    const waiting = megabytes('VmHWM') - idle
    const kept = []
    let seen = 1
    for await (const message of consumer) {
      if (seen % 1000 === 0) kept.push(message.detach())
      if (++seen === ${count}) break
    }
    const right = kept.every((m) => m.value.length === ${size} && m.value.every((byte) => byte === 120))
    console.log(JSON.stringify({ idle, waiting, reading: megabytes('VmHWM') - idle, kept: kept.length, right }))
    await consumer.close()
    `,
    { timeout: 120_000 },
  )
  const figures = JSON.parse(child.output) as { waiting: number; reading: number; kept: number; right: boolean }
  console.log(`200 MB wait: ${JSON.stringify(figures)}`)
  expect(figures).toMatchObject({ kept: 9, right: true })
  // queued.max.messages.kbytes (32 MiB) and what the fetches under way bring (a megabyte for each partition).
  expect(figures.waiting).toBeLessThan(120)
  expect(figures.reading).toBeLessThan(160)
})
