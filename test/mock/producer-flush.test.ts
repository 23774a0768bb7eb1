// What a flush waits for, and that nobody waits for a flush.
import { type DeliveryReports, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readyProducer } from '../helpers/transactions.js'
import { rejection, waitFor } from '../helpers/wait.js'

// Far less than a flush takes that cannot end, far more than anything else on a loaded machine.
const soon = 25_000

let cluster: MockCluster
beforeAll(() => {
  cluster = new MockCluster({ brokers: 2 })
})
afterAll(() => cluster.close())

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const from = performance.now()
  const value = await promise
  expect(performance.now() - from).toBeLessThan(ms)
  return value
}

it('is not forgotten when records are produced at the moment it looks', async () => {
  await cluster.createTopic('flushed')
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
  await producer.send({ topic: 'flushed', value: 'first' })
  const value = Buffer.alloc(20_000)
  for (let round = 0; round < 300; round++) {
    const flushed = producer.flush({ timeout: 30_000 })
    const until = performance.now() + Math.random() * 0.3
    while (performance.now() < until);
    const sends = Array.from({ length: 30 }, () => producer.send({ topic: 'flushed', value }))
    await within(soon, flushed)
    await Promise.all(sends)
  }
})

describe('a flush that cannot end', () => {
  const nowhere = () => new Producer({ 'bootstrap.servers': '127.0.0.1:1', 'message.timeout.ms': 300_000 })

  it('holds up no other one, and no purge, which ends it', async () => {
    await using producer = nowhere()
    const sent = rejection(producer.send({ topic: 't', value: 'v' }))
    const flushed = producer.flush({ timeout: 120_000 })
    expect((await within(soon, rejection(producer.flush({ timeout: 100 })))).code).toBe('_TIMED_OUT')
    await within(soon, producer.purge())
    expect((await sent).code).toBe('_PURGE_QUEUE')
    await within(soon, flushed)
  })

  it('holds up no close', async () => {
    const producer = nowhere()
    const sent = rejection(producer.send({ topic: 't', value: 'v' }))
    const flushed = producer.flush({ timeout: 120_000 }).catch(({ code }) => code)
    await within(soon, producer.close({ timeout: 300 }))
    expect((await sent).code).toBe('_PURGE_QUEUE')
    // Closing has given up what it waited for: either comes first.
    expect([undefined, '_STATE']).toContain(await within(soon, flushed))
  })

  it('holds up no abort', async () => {
    await cluster.createTopic('aborted')
    await using producer = await readyProducer(cluster, 'aborted')
    await producer.beginTransaction()
    await producer.send({ topic: 'aborted', value: 'its partition is in the transaction from here on' })
    cluster.partition('aborted', 0).leader(null)
    const sent = rejection(producer.send({ topic: 'aborted', value: 'v' }))
    const flushed = producer.flush({ timeout: 120_000 })
    await within(soon, producer.abortTransaction({ timeout: 100_000 }))
    expect((await sent).code).toMatch(/^_PURGE_/)
    await within(soon, flushed)
  })

  it('holds up no question of a balancer', async () => {
    await cluster.createTopic('held')
    await cluster.createTopic('asked')
    const config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 }
    await using producer = new Producer(config, { balancer: () => 0 })
    await producer.send({ topic: 'held', value: 'v' })
    cluster.partition('held', 0).leader(null)
    const held = rejection(producer.send({ topic: 'held', value: 'v' }))
    let ended = false
    const flushed = producer.flush({ timeout: 120_000 }).then(() => {
      ended = true
    })
    await within(soon, producer.send({ topic: 'asked', value: 'v' }))
    expect(ended).toBe(false)
    await producer.purge()
    await Promise.all([held, flushed])
  })

  it('ends with its signal, and later records linger again', async () => {
    const controller = new AbortController()
    await cluster.createTopic('signalled')
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 200_000 })
    const aborted = rejection(producer.flush({ signal: AbortSignal.abort(new Error('before')) }))
    expect((await aborted).message).toBe('before')
    cluster.broker(1).rtt(60_000)
    cluster.broker(2).rtt(60_000)
    let reported = false
    producer.send({ topic: 'signalled', value: 'v' }).then(
      () => {
        reported = true
      },
      () => {},
    )
    const flushed = rejection(producer.flush({ signal: controller.signal }))
    controller.abort(new Error('enough'))
    expect((await within(soon, flushed)).message).toBe('enough')
    expect(reported).toBe(false)
    cluster.broker(1).rtt(0)
    cluster.broker(2).rtt(0)
    await producer.purge()
  })
})

describe('a flush', () => {
  it('waits for what was taken before it, however much is taken meanwhile', async () => {
    await cluster.createTopic('endless', { partitions: 3 })
    cluster.brokers.rtt(50)
    const reported = new Set<unknown>()
    const onDelivery = (reports: DeliveryReports) => {
      for (const { opaque } of reports) reported.add(opaque)
    }
    const config = { 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 5 }
    await using producer = new Producer(config, { onDelivery })
    let taken = 0
    let under = 0
    const value = 'v'
    const note = ({ opaque }: { opaque: unknown }) => reported.add(opaque)
    const timer = setInterval(() => {
      producer.produce({ topic: 'endless', value, opaque: taken++ })
      producer.send({ topic: 'endless', value, opaque: taken++ }).then(note)
      const records = Array.from({ length: 5 }, () => ({ value, opaque: taken++ }))
      producer.sendBatch('endless', records).then((reports) => [...reports].map(note))
    }, 1)
    try {
      await waitFor('the first reports', () => reported.size > 0)
      for (let round = 0; round < 10; round++) {
        const before = taken
        // Several at a time have marks of their own.
        const other = producer.flush({ timeout: soon })
        await producer.flush({ timeout: soon })
        for (let i = 0; i < before; i++) expect(reported.has(i), `${i} of ${before}`).toBe(true)
        if (producer.length.messages > 0) under++
        await other
      }
      // Not each time: everything may be reported at once when the machine has had something else to do.
      expect(under).toBeGreaterThan(0)
    } finally {
      clearInterval(timer)
      cluster.brokers.rtt(0)
    }
    await producer.flush()
    expect(producer.length).toEqual({ messages: 0, bytes: 0 })
  })

  it('waits for what waits for room when it is called, and for no more', async () => {
    await cluster.createTopic('waiting')
    cluster.brokers.rtt(20)
    try {
      const config = {
        'bootstrap.servers': cluster.bootstrapServers,
        'linger.ms': 0,
        'queue.buffering.max.messages': 2,
      }
      await using producer = new Producer(config)
      let settled = 0
      const count = () => settled++
      const send = () => producer.send({ topic: 'waiting', value: 'v' }).then(count)
      for (let i = 0; i < 9; i++) send()
      const flushed = producer.flush({ timeout: soon })
      const later = Array.from({ length: 60 }, send)
      await flushed
      expect(settled).toBeGreaterThanOrEqual(9)
      expect(settled).toBeLessThan(60)
      await Promise.all(later)
    } finally {
      cluster.brokers.rtt(0)
    }
  })

  it.each([
    ['flush', (producer: Producer) => producer.flush({ timeout: soon })],
    ['close', (producer: Producer) => producer.close({ timeout: soon })],
  ])('%s sends records that linger where others wait for their room', async (name, end) => {
    const topic = `lingering-${name}`
    await cluster.createTopic(topic)
    const config = { 'linger.ms': 600_000, 'queue.buffering.max.kbytes': 1, 'message.timeout.ms': 900_000 }
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, ...config })
    const value = Buffer.alloc(600)
    // Of two there is no room for the second in librdkafka, but in the count of bytes before it there is.
    const sent = Array.from({ length: 4 }, () => producer.send({ topic, value }))
    await end(producer)
    expect((await Promise.all(sent)).map(({ status }) => status)).toEqual(Array(4).fill('persisted'))
  })

  it('sends them in a transaction, too', async () => {
    await cluster.createTopic('lingering-transaction')
    const config = { 'linger.ms': 19_000, 'queue.buffering.max.kbytes': 1 }
    await using producer = await readyProducer(cluster, 'lingering', config)
    const value = Buffer.alloc(600)
    const from = performance.now()
    await producer.transaction((tx) => {
      for (let i = 0; i < 4; i++) tx.send({ topic: 'lingering-transaction', value })
    })
    expect(performance.now() - from).toBeLessThan(19_000)
  })
})
