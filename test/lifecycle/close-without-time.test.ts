// Who gives close() no time: what the consumer has fetched, and the rebalance that nobody serves any more, must not hold
// librdkafka's threads for ever.
import { expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

const source = `
  import { readFileSync, readdirSync } from 'node:fs'
  const cluster = new MockCluster()
  await cluster.createTopic('t', { partitions: 3 })
  const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  await producer.sendBatch(Array.from({ length: 30_000 }, (_, i) => ({ topic: 't', partition: i % 3, value: 'x' })))
  await producer.close()
  const nameOf = (task) => {
    try {
      return readFileSync('/proc/self/task/' + task + '/comm', 'utf8')
    } catch {
      return '' // it has just ended
    }
  }
  const threads = () => readdirSync('/proc/self/task').filter((task) => nameOf(task).startsWith('rdk:')).length
  const before = threads()
  for (let i = 0; i < 12; i++) {
    const consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' + i, 'auto.offset.reset': 'earliest',
    })
    if (i % 2) await consumer.subscribe('t')
    else await consumer.assign([0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 0 })))
    // Far more than this has been fetched.
    for await (const message of consumer) if (message.offset === 10) break
    await consumer.close({ timeout: 0 }).catch((error) => {
      // On a busy machine it goes on in the background.
      if (error.code !== '_TIMED_OUT') throw error
    })
  }
  const deadline = Date.now() + 20_000
  while (threads() > before && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(JSON.stringify({ left: threads() - before }))
  process.exit()`

it.runIf(process.platform === 'linux')(
  'ends all the same, whatever had been fetched',
  { timeout: 60_000 },
  async () => {
    const child = await runModule(source, { timeout: 50_000 })
    expect(child.code, child.output).toBe(0)
    const { left } = JSON.parse(child.output.trimEnd().split('\n').at(-1) as string)
    expect(left).toBe(0)
  },
)
