// Node hands over what librdkafka's threads have a thousand times before its event loop turns, if they are quick enough.
import { Consumer, MockCluster, Producer } from 'odradek'
import { expect, it, vi } from 'vitest'

const messages = 60_000

it('turns while a consumer that is slower than the broker reads all there is', { timeout: 60_000 }, async () => {
  await using cluster = new MockCluster()
  await cluster.createTopic('t', { partitions: 1 })
  const servers = { 'bootstrap.servers': cluster.bootstrapServers }
  await using producer = new Producer(servers)
  await producer.sendBatch(
    't',
    Array.from({ length: messages }, () => ({ value: 'x' })),
  )
  await using consumer = new Consumer({ ...servers, 'group.id': 'g', 'auto.offset.reset': 'earliest' })
  await consumer.assign([{ topic: 't', partition: 0, offset: 0 }])
  await consumer.poll(30_000)
  let turns = 0
  let reading = true
  const turn = () => {
    turns++
    if (reading) setImmediate(turn)
  }
  setImmediate(turn)
  let seen = 1
  for await (const message of consumer) {
    // 10 us for each: ten milliseconds for what crosses at once.
    const until = performance.now() + 0.01
    while (performance.now() < until);
    if (message.offset === messages - 1) break
    seen++
  }
  reading = false
  expect(seen).toBe(messages - 1)
  // What crosses is at most 1,024 messages, and a turn has about two of it.
  expect(turns).toBeGreaterThan(messages / 1024 / 3)
})

it('is the real one, though a test of the program has replaced the timers', async () => {
  await using cluster = new MockCluster()
  await cluster.createTopic('t', { partitions: 1 })
  await using consumer = new Consumer({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' })
  await consumer.watermarks({ topic: 't', partition: 0 })
  vi.useFakeTimers({ toFake: ['setImmediate'] })
  try {
    // The first would do: what comes later than 4 ms after it waits for the turn.
    for (let i = 0; i < 3; i++) {
      await consumer.watermarks({ topic: 't', partition: 0 })
      const until = performance.now() + 6
      while (performance.now() < until);
    }
  } finally {
    vi.useRealTimers()
  }
})
