// Offsets that are a transaction's last and not awaited: sent, committed and followed by the next one's beginning in one
// request to the addon. Whatever fails on the way has to come out as if each had been awaited.
import { Consumer, type KafkaError, MockCluster, type Producer, type Transaction } from 'odradek'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type GroupOffsets, groupOffsets, kafkaError, readyProducer } from '../helpers/transactions.js'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let id = 0
let topic: string
let offsets: GroupOffsets

beforeAll(() => {
  cluster = new MockCluster({ brokers: 3 })
})
afterAll(() => cluster.close())
beforeEach(async () => {
  topic = `last-${++id}`
  await cluster.createTopic(topic)
  offsets = await groupOffsets(cluster, `g-${id}`, topic)
})

const ready = (more = {}) => readyProducer(cluster, `last-id-${id}`, more)

const sendLast = (tx: Transaction, value = 'x') => {
  void tx.send({ topic, value })
  void tx.sendOffsets(offsets[0], offsets[1])
}

const countsOf = (producer: Producer) => producer.transactionCounts ?? expect.unreachable()

const ends = () => cluster.requests.list('EndTxn').length

it('commits each once, in the order that Kafka asks for', async () => {
  await using producer = await ready()
  cluster.requests.start()
  const reports: number[] = []
  for (let i = 0; i < 20; i++) {
    const result = await producer.transaction((tx) => {
      void tx.send({ topic, value: String(i) }).then(() => reports.push(i))
      void tx.sendOffsets(offsets[0], offsets[1])
      return i
    })
    expect(result).toBe(i)
  }
  expect(countsOf(producer)).toEqual({ committed: 20, aborted: 0 })
  // A report is no later than its transaction.
  expect(reports).toEqual(Array.from({ length: 20 }, (_, i) => i))
  const wanted = new Set(['Produce', 'TxnOffsetCommit', 'EndTxn'])
  const seen = cluster.requests.list().flatMap(({ apiKey }) => (wanted.has(String(apiKey)) ? [apiKey] : []))
  expect(seen).toEqual(Array.from({ length: 20 }, () => ['Produce', 'TxnOffsetCommit', 'EndTxn']).flat())
  cluster.requests.stop()
})

it('leaves a producer whose primitives work, and which closes with the next transaction begun', async () => {
  const producer = await ready()
  await producer.transaction(sendLast)
  await producer.beginTransaction()
  await producer.send({ topic, value: 'primitive' })
  await producer.abortTransaction()
  await producer.transaction((tx) => sendLast(tx))
  expect((await kafkaError(producer.send({ topic, value: 'outside' }))).message).toMatch(/no transaction is open/)
  expect((await kafkaError(producer.abortTransaction())).message).toMatch(/no transaction is open/)
  cluster.requests.start()
  await producer.close()
  expect(ends()).toBe(0)
  expect(countsOf(producer)).toEqual({ committed: 2, aborted: 1 })
  cluster.requests.stop()
})

it('aborts for a record that failed, whoever noticed, and never commits it', async () => {
  await using producer = await ready()
  const bad = [
    { record: { topic, value: 'x', partition: 77 }, code: '_INCONSISTENT', cause: '_UNKNOWN_PARTITION' },
    { record: { topic, value: 5 } as never, code: '_INCONSISTENT', cause: '_INVALID_ARG' },
    { record: { topic, value: Buffer.alloc(1_000_001) }, code: '_INCONSISTENT', cause: 'MSG_SIZE_TOO_LARGE' },
  ]
  for (const { record, code, cause } of bad) {
    const run = producer.transaction((tx) => {
      void tx.sendBatch([{ topic, value: 'good' }, record])
      void tx.sendOffsets(offsets[0], offsets[1])
    })
    expect(await kafkaError(run)).toMatchObject({ code, cause: { code: cause } })
  }
  const notEvenRecords = producer.transaction((tx) => {
    void tx.sendOffsets(offsets[0], offsets[1])
    void tx.sendBatch(5 as never)
  })
  expect((await kafkaError(notEvenRecords)).code).toBe('_INVALID_ARG')
  expect(countsOf(producer)).toEqual({ committed: 0, aborted: bad.length + 1 })
  await producer.transaction(sendLast)
  expect(countsOf(producer).committed).toBe(1)
})

it('aborts when a broker refuses the records or the offsets', async () => {
  await using producer = await ready()
  for (const [api, code] of [
    ['TxnOffsetCommit', 'ILLEGAL_GENERATION'],
    ['AddOffsetsToTxn', 'GROUP_AUTHORIZATION_FAILED'],
    ['AddPartitionsToTxn', 'TOPIC_AUTHORIZATION_FAILED'],
    ['Produce', 'INVALID_RECORD'],
  ] as const) {
    const { aborted } = countsOf(producer)
    cluster.pushErrors(api, [code])
    const error = await kafkaError(producer.transaction(sendLast))
    expect(error, api).toMatchObject({ code, fatal: false })
    expect(countsOf(producer), api).toEqual({
      committed: countsOf(producer).committed,
      aborted: aborted + 1,
    })
    cluster.clearErrors(api)
    // The next one works at once.
    await producer.transaction(sendLast)
  }
  expect(countsOf(producer)).toEqual({ committed: 4, aborted: 4 })
})

it('says that the commit was fenced', async () => {
  const producer = await ready()
  cluster.pushErrors('EndTxn', ['PRODUCER_FENCED'])
  const error = await kafkaError(producer.transaction(sendLast))
  cluster.clearErrors('EndTxn')
  expect(error).toMatchObject({ code: '_FENCED', fatal: true })
  expect(error.message).toMatch(/commitTransaction\(\).*close this producer/)
  expect((await kafkaError(producer.transaction(sendLast))).fatal).toBe(true)
  await producer.close()
})

it('goes on with a commit that is retriable until it is through', async () => {
  await using producer = await ready()
  cluster.pushErrors('EndTxn', [
    'COORDINATOR_LOAD_IN_PROGRESS',
    'NOT_COORDINATOR',
    'CONCURRENT_TRANSACTIONS',
    '_TRANSPORT',
  ])
  await producer.transaction(sendLast)
  cluster.clearErrors('EndTxn')
  expect(countsOf(producer)).toEqual({ committed: 1, aborted: 0 })
})

describe('close() in the middle', () => {
  // Past 500 ms the commit is interrupted, and close() goes on with it.
  for (const rtt of [0, 20, 60, 120, 700, 900]) {
    const slow = () => cluster.brokers.rtt(rtt)
    const ways = {
      'of its first request': ['AddPartitionsToTxn', () => slow(), sendLast],
      'of its end': ['EndTxn', () => {}, (tx: Transaction) => tx.send({ topic, value: 'x' }).then(slow)],
      'of its end with offsets': [
        'EndTxn',
        () => {},
        async (tx: Transaction) => {
          await tx.send({ topic, value: 'x' })
          void tx.sendOffsets(offsets[0], offsets[1])
          setTimeout(slow, 0)
        },
      ],
    } as const
    for (const [way, [request, before, run]] of Object.entries(ways)) {
      it(`${way} commits it or aborts it, never half: ${rtt} ms`, async () => {
        const producer = await ready()
        cluster.requests.start()
        before()
        const outcome = producer.transaction<unknown>(run).then(
          () => 'committed',
          (error) => `not: ${error}`,
        )
        await waitFor('it is on its way', () => cluster.requests.list(request).length > 0)
        await producer.close({ timeout: 10_000 })
        const { committed, aborted } = countsOf(producer)
        expect([await outcome, committed, aborted]).toEqual(
          committed ? ['committed', 1, 0] : [expect.stringMatching(/^not/), 0, 1],
        )
        cluster.brokers.rtt(0)
        cluster.requests.stop()
      })
    }
  }
})

it('sends nothing of a function that throws, or whose signal aborts, neither then nor in the next', async () => {
  await using producer = await ready()
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': `h-${id}`, 'enable.auto.commit': false }
  await using consumer = new Consumer({ ...config, 'auto.offset.reset': 'earliest' })
  await consumer.subscribe(topic)
  await producer.transaction((tx) => tx.send({ topic, value: 'x' }))
  for await (const _ of consumer) break
  cluster.requests.start()
  const thrown = producer.transaction((tx) => {
    void tx.sendOffsets(consumer)
    throw new Error('thrown')
  })
  expect((await rejection(thrown)).message).toBe('thrown')
  const stop = new AbortController()
  const stopped = producer.transaction(
    (tx) => {
      void tx.sendOffsets(consumer)
      stop.abort(new Error('stopped'))
      return new Promise(() => {})
    },
    { signal: stop.signal },
  )
  expect((await rejection(stopped)).message).toBe('stopped')
  await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
  expect(cluster.requests.list('TxnOffsetCommit')).toEqual([])
  expect(ends()).toBe(1)
  cluster.requests.stop()
  expect(countsOf(producer)).toEqual({ committed: 2, aborted: 2 })
})

it('refuses offsets of a consumer that has dealt with a rebalance since they were taken, or is closed', async () => {
  await using producer = await ready()
  await producer.transaction((tx) => tx.send({ topic, value: 'x' }))
  const member = async (group: string) => {
    const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': group, 'enable.auto.commit': false }
    const consumer = new Consumer({ ...config, 'auto.offset.reset': 'earliest' })
    await consumer.subscribe(topic)
    expect((await consumer.poll(20_000))?.text()).toBe('x')
    return consumer
  }
  for (const end of ['unsubscribe', 'close'] as const) {
    const [others, metadata] = await groupOffsets(cluster, `${end}-${id}`, topic)
    await using consumer = await member(`${end}-${id}`)
    cluster.brokers.rtt(300)
    const run = producer.transaction(async (tx) => {
      // Those below are taken now, and sent after these.
      void tx.sendOffsets(others, metadata)
      void tx.sendOffsets(consumer)
      await consumer[end]()
    })
    expect(await kafkaError(run), end).toMatchObject({ code: end === 'close' ? '_DESTROY' : 'UNKNOWN_MEMBER_ID' })
    cluster.brokers.rtt(0)
  }
  await using consumer = await member(`member-${id}`)
  await producer.transaction((tx) => tx.sendOffsets([{ topic, partition: 0, offset: 1 }], consumer))
  const fake = {
    groupMetadata: () => {},
    membership: { [Symbol.for('odradek.membership')]: true, native: {}, groupId: 'x', rebalances: 0 },
  } as never
  expect((await kafkaError(producer.transaction((tx) => tx.sendOffsets(offsets[0], fake)))).code).toBe('_DESTROY')
  expect(countsOf(producer)).toEqual({ committed: 2, aborted: 3 })
})

it('reports all of a large one before it resolves', async () => {
  await using producer = await ready()
  let reported = 0
  const records = Array.from({ length: 20_000 }, (_, i) => ({ value: `value ${i}` }))
  for (let i = 0; i < 3; i++) {
    await producer.transaction((tx) => {
      void tx.sendBatch(topic, records).then(({ length }) => {
        reported += length
      })
      void tx.sendOffsets(offsets[0], offsets[1])
    })
    expect(reported).toBe((i + 1) * records.length)
    expect(producer.length.messages).toBe(0)
  }
})

it('aborts for a record that waited for room, and then could not be written', async () => {
  await using producer = await ready({ 'queue.buffering.max.messages': 2 })
  for (const awaited of [false, true]) {
    let last: Promise<KafkaError> | undefined
    const run = producer.transaction(async (tx) => {
      for (let i = 0; i < 5; i++) void tx.send({ topic, value: `v${i}` })
      last = kafkaError(tx.send({ topic, value: Buffer.alloc(1_000_001) }))
      if (awaited) await tx.sendOffsets(offsets[0], offsets[1])
      else void tx.sendOffsets(offsets[0], offsets[1])
    })
    expect((await kafkaError(run)).message).toMatch(/message.max.bytes/)
    expect(await last).toMatchObject({ code: 'MSG_SIZE_TOO_LARGE' })
  }
  const withoutOffsets = producer.transaction((tx) => {
    for (let i = 0; i < 5; i++) void tx.send({ topic, value: `v${i}` })
    void tx.send({ topic, value: Buffer.alloc(1_000_001) })
  })
  expect((await kafkaError(withoutOffsets)).message).toMatch(/message.max.bytes/)
  expect(countsOf(producer)).toEqual({ committed: 0, aborted: 3 })
  await producer.transaction((tx) => sendLast(tx))
})

it('leaves a producer that works when somebody else ends the transaction, or the function fails while offsets are sent', async () => {
  await using producer = await ready({ 'linger.ms': 300 })
  let sending = false
  const run = kafkaError(
    producer.transaction(async (tx) => {
      await tx.send({ topic, value: 'x' })
      cluster.brokers.rtt(300)
      const sent = tx.send({ topic, value: 'y' })
      sending = true
      await sent
    }),
  )
  await waitFor('the second is on its way', () => sending)
  await producer.abortTransaction()
  expect((await run).code).toMatch(/^_PURGE/)
  cluster.brokers.rtt(150)
  cluster.requests.start()
  const offsetsAreSent = async () => {
    cluster.requests.clear()
    await waitFor('they are on their way', () => cluster.requests.list('AddOffsetsToTxn').length > 0)
  }
  const stop = new AbortController()
  const stopped = producer.transaction(
    async (tx) => {
      void offsetsAreSent().then(() => stop.abort(new Error('stopped')))
      await tx.sendOffsets(offsets[0], offsets[1])
    },
    { signal: stop.signal },
  )
  expect((await rejection(stopped)).message).toBe('stopped')
  const thrown = producer.transaction(async (tx) => {
    void tx.sendOffsets(offsets[0], offsets[1])
    await offsetsAreSent()
    throw new Error('thrown')
  })
  expect((await rejection(thrown)).message).toBe('thrown')
  cluster.requests.stop()
  cluster.brokers.rtt(0)
  await producer.transaction((tx) => sendLast(tx))
  expect(countsOf(producer)).toEqual({ committed: 1, aborted: 3 })
})

it('is not taken for another that begins as soon as it has ended', async () => {
  for (let turns = 0; turns < 16; turns++) {
    await using producer = await ready()
    let begun: Promise<unknown> | undefined
    await producer.transaction((tx) => {
      void tx.send({ topic, value: 'x' }).then(async () => {
        for (let i = 0; i < turns; i++) await null
        begun = producer.beginTransaction().then(
          () => true,
          () => false,
        )
      })
      void tx.sendOffsets(offsets[0], offsets[1])
    })
    await waitFor('it was tried', () => begun !== undefined)
    if (await begun) await producer.commitTransaction()
  }
})
