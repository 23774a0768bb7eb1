// Each class of error in each transactional call, injected on the embedded cluster; misuse; close in each state.
// (It stores no transactional offsets and ignores read_committed: test/broker/transactions.test.ts has those.)
import { type KafkaError, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { groupOffsets, kafkaError, readyProducer, transactionalProducer } from '../helpers/transactions.js'
import { rejection, waitFor } from '../helpers/wait.js'

let cluster: MockCluster
let id = 0
let topic: string

beforeAll(() => {
  cluster = new MockCluster({ brokers: 3 })
})
afterAll(() => cluster.close())
beforeEach(async () => {
  topic = `txn-${++id}`
  await cluster.createTopic(topic, { partitions: 2 })
})

const producerOf = (more = {}) => transactionalProducer(cluster, `id-${id}`, more)
const ready = (more = {}) => readyProducer(cluster, `id-${id}`, more)
const offsetsOf = () => groupOffsets(cluster, `g-${id}`, topic)

describe('misuse', () => {
  it('is a clear _STATE error at each step, and nothing is wedged', async () => {
    await using producer = producerOf()
    const record = { topic, value: 'x' }
    const calls: [() => unknown, RegExp][] = [
      [() => producer.send(record), /call initTransactions\(\) and then beginTransaction\(\)/],
      [async () => producer.produce(record), /no transaction is open/],
      [() => producer.sendBatch([record]), /no transaction is open/],
      [() => producer.beginTransaction(), /call initTransactions\(\) first/],
      [() => producer.transaction(() => {}), /call initTransactions\(\) first/],
      [() => producer.commitTransaction(), /no transaction is open/],
      [() => producer.abortTransaction(), /no transaction is open/],
    ]
    for (const [call, message] of calls) {
      expect(await kafkaError(call() as Promise<unknown>)).toMatchObject({
        code: '_STATE',
        message: expect.stringMatching(message),
      })
    }
    await producer.initTransactions()
    expect((await kafkaError(producer.initTransactions())).message).toMatch(/for once/)
    expect((await kafkaError(producer.send(record))).message).toMatch(/: call beginTransaction\(\)/)
    await producer.beginTransaction()
    expect((await kafkaError(producer.beginTransaction())).message).toMatch(/a transaction is open/)
    expect((await kafkaError(producer.transaction(() => {}))).code).toBe('_STATE')
    await producer.send(record)
    await producer.commitTransaction()
    expect((await kafkaError(producer.commitTransaction())).code).toBe('_STATE')
  })

  it('two calls at once: the second is a _CONFLICT, the first goes on', async () => {
    await using producer = await ready()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
    cluster.brokers.rtt(100)
    const first = producer.commitTransaction()
    const conflicts = [producer.commitTransaction(), producer.abortTransaction(), producer.beginTransaction()]
    for (const call of conflicts) expect((await kafkaError(call)).code).toBe('_CONFLICT')
    expect((await kafkaError(producer.send({ topic, value: 'late' }))).message).toMatch(/being ended/)
    await first
    cluster.brokers.rtt(0)
    await producer.transaction((tx) => void tx.produce({ topic, value: 'y' }))
  })

  it('offsets of a second group are refused before they are sent, and the transaction goes on', async () => {
    await using producer = await ready()
    const [offsets, metadata] = await offsetsOf()
    const [, another] = await groupOffsets(cluster, `another-${id}`, topic)
    await producer.beginTransaction()
    await producer.sendOffsetsToTransaction(offsets, metadata)
    cluster.requests.start()
    expect(await kafkaError(producer.sendOffsetsToTransaction(offsets, another))).toMatchObject({
      code: '_INVALID_ARG',
      txnRequiresAbort: false,
      message: expect.stringContaining(
        `these are offsets of group 'another-${id}', and the transaction is for those of group 'g-${id}'`,
      ),
    })
    expect(cluster.requests.list().filter(({ apiKey }) => /Offset/.test(String(apiKey)))).toEqual([])
    cluster.requests.stop()
    await producer.sendOffsetsToTransaction(offsets, metadata)
    await producer.commitTransaction()
    // Each transaction anew; and one that is a function is aborted.
    await producer.transaction((tx) => tx.sendOffsets(offsets, another))
    const both = producer.transaction((tx) => {
      void tx.sendOffsets(offsets, metadata)
      void tx.sendOffsets(offsets, another)
    })
    expect((await kafkaError(both)).code).toBe('_INVALID_ARG')
    expect(producer.transactionCounts).toEqual({ committed: 2, aborted: 1 })
  })

  it('without transactional.id the calls say what is missing', async () => {
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
    const error = await kafkaError(producer.initTransactions())
    expect(error).toMatchObject({ code: '_NOT_CONFIGURED', message: expect.stringMatching(/set 'transactional.id'/) })
  })

  it('a tx is of no use after its end, and one transaction runs at a time', async () => {
    await using producer = await ready()
    const kept = await producer.transaction((tx) => tx)
    expect((await kafkaError(kept.send({ topic, value: 'x' }))).message).toMatch(/has ended/)
    expect(() => kept.produce({ topic, value: 'x' })).toThrow(/has ended/)
    let release = () => {}
    const first = producer.transaction(() => new Promise<void>((resolve) => (release = resolve)))
    await waitFor('the first is open', async () => (await kafkaError(producer.beginTransaction())).code === '_STATE')
    release()
    await first
  })
})

describe('errors', () => {
  it('abortable: the commit is refused, says so, and the next transaction works', async () => {
    await using producer = await ready()
    await producer.beginTransaction()
    cluster.pushErrors('AddPartitionsToTxn', ['TOPIC_AUTHORIZATION_FAILED'])
    const sent = kafkaError(producer.send({ topic, value: 'x' }))
    const error = await kafkaError(producer.commitTransaction())
    expect(error).toMatchObject({ txnRequiresAbort: true, fatal: false, retriable: false })
    expect(error.message).toMatch(/has to be aborted: call abortTransaction\(\)/)
    await producer.abortTransaction()
    expect((await sent).code).toMatch(/^_PURGE/)
    await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
  })

  it('of a record abort the transaction, awaited or not', async () => {
    await using producer = await ready()
    const unawaited = producer.transaction((tx) => void tx.send({ topic, value: 'x', partition: 77 }))
    expect((await kafkaError(unawaited)).message).toMatch(/_UNKNOWN_PARTITION|partition/i)
    const batch = producer.transaction(async (tx) => {
      await tx.sendBatch(topic, [{ value: '1' }, { value: '2', partition: 77 }])
    })
    const error = await kafkaError(batch)
    expect(error).toMatchObject({ code: '_INCONSISTENT', cause: { code: '_UNKNOWN_PARTITION' } })
    expect(error.message).toMatch(/has been aborted/)
    const invalid = producer.transaction((tx) => void tx.send({ topic, value: 5 } as never))
    expect((await kafkaError(invalid)).code).toBe('_INVALID_ARG')
    await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
  })

  it.each([
    ['InitProducerId', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', '_TRANSPORT', 'CONCURRENT_TRANSACTIONS']],
    ['AddPartitionsToTxn', ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE', '_TRANSPORT']],
    ['AddOffsetsToTxn', ['CONCURRENT_TRANSACTIONS', 'NOT_COORDINATOR', '_TRANSPORT']],
    ['TxnOffsetCommit', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', '_TRANSPORT']],
    ['EndTxn', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'CONCURRENT_TRANSACTIONS', '_TRANSPORT']],
    ['Produce', ['REQUEST_TIMED_OUT', 'NOT_LEADER_FOR_PARTITION', '_TRANSPORT']],
  ] as const)('retriable ones of %s are not seen', async (api, errors) => {
    await using producer = producerOf()
    const offsets = await offsetsOf()
    cluster.pushErrors(api, errors)
    await producer.initTransactions()
    await producer.transaction(async (tx) => {
      await tx.send({ topic, value: 'x' })
      await tx.sendOffsets(...(offsets.slice(0, 2) as [never, never]))
    })
    cluster.clearErrors(api)
  })

  it.each([
    ['AddPartitionsToTxn', 'INVALID_PRODUCER_EPOCH'],
    ['EndTxn', 'PRODUCER_FENCED'],
    ['AddOffsetsToTxn', 'INVALID_PRODUCER_EPOCH'],
  ] as const)('fenced in %s is fatal: the producer says so from there on, and closes', async (api, code) => {
    const producer = await ready()
    cluster.pushErrors(api, [code])
    const offsets = await offsetsOf()
    const error = await kafkaError(
      producer.transaction(async (tx) => {
        tx.produce({ topic, value: 'x' })
        await tx.sendOffsets(...(offsets.slice(0, 2) as [never, never]))
      }),
    )
    cluster.clearErrors(api)
    expect(error).toMatchObject({ code: '_FENCED', fatal: true })
    expect(error.message).toMatch(/close this producer/)
    const from = performance.now()
    expect((await kafkaError(producer.beginTransaction())).fatal).toBe(true)
    await producer.close()
    expect(performance.now() - from).toBeLessThan(20_000)
  })

  it.each([
    ['TxnOffsetCommit', 'ILLEGAL_GENERATION'],
    ['AddOffsetsToTxn', 'GROUP_AUTHORIZATION_FAILED'],
  ] as const)('%s %s: abortable, and the offsets can be sent in the next', async (api, code) => {
    await using producer = await ready()
    const [offsets, metadata] = await offsetsOf()
    cluster.pushErrors(api, [code])
    const error = await kafkaError(producer.transaction((tx) => tx.sendOffsets(offsets, metadata)))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(/has been aborted: it can be run again/)
    await producer.transaction((tx) => tx.sendOffsets(offsets, metadata))
  })
})

describe('time-outs and signals', () => {
  it('a commit that times out is retriable, excludes other calls, and goes on when called again', async () => {
    await using producer = await ready()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
    cluster.brokers.rtt(1500)
    const error = await kafkaError(producer.commitTransaction({ timeout: 100 }))
    expect(error).toMatchObject({ code: '_TIMED_OUT', retriable: true, txnRequiresAbort: false })
    expect(error.message).toMatch(/call commitTransaction\(\) again/)
    expect(await kafkaError(producer.abortTransaction())).toMatchObject({ code: '_CONFLICT' })
    expect((await kafkaError(producer.send({ topic, value: 'late' }))).code).toBe('_STATE')
    cluster.brokers.rtt(0)
    await producer.commitTransaction()
    await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
  })

  it('initTransactions without a broker is retriable, and goes on when there is one', async () => {
    cluster.brokers.down()
    await using producer = producerOf()
    expect(await kafkaError(producer.initTransactions({ timeout: 300 }))).toMatchObject({ retriable: true })
    cluster.brokers.up()
    await producer.initTransactions()
  })

  it('a signal stops the waiting with its reason, and the call can be made again', async () => {
    await using producer = await ready()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
    cluster.brokers.rtt(1000)
    const stop = new AbortController()
    const committing = rejection(producer.commitTransaction({ signal: stop.signal }))
    stop.abort(new Error('enough'))
    expect((await committing).message).toBe('enough')
    cluster.brokers.rtt(0)
    await producer.commitTransaction()
  })

  it('a signal aborts a transaction; what is sent afterwards is refused', async () => {
    await using producer = await ready()
    const stop = new AbortController()
    let late: Promise<KafkaError> | undefined
    const run = producer.transaction(
      async (tx) => {
        await tx.send({ topic, value: 'x' })
        stop.abort(new Error('enough'))
        await waitFor('the transaction is over', () =>
          producer.send({ topic, value: 'probe' }).then(
            () => false,
            () => true,
          ),
        )
        late = kafkaError(tx.send({ topic, value: 'late' }))
      },
      { signal: stop.signal },
    )
    expect((await rejection(run)).message).toBe('enough')
    await waitFor('the function has gone on', () => late)
    expect((await late)?.message).toMatch(/has ended/)
    await producer.transaction((tx) => tx.send({ topic, value: 'y' }))
  })

  it('survives a move of the coordinator in the middle', async () => {
    await using producer = await ready()
    for (let broker = 1; broker <= 3; broker++) {
      await producer.transaction(async (tx) => {
        await tx.send({ topic, value: 'before' })
        cluster.coordinator('transaction', `id-${id}`, broker)
        await tx.send({ topic, value: 'after' })
      })
    }
  })
})

describe('close', () => {
  const begun = async (producer: Producer) => {
    await producer.initTransactions()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
  }
  /** What it is left in; and what has become of the transaction then, where brokers answer. */
  const states: Record<string, [(producer: Producer) => Promise<unknown>, { committed: number; aborted: number }?]> = {
    'before init': [async () => {}, { committed: 0, aborted: 0 }],
    'while init waits': [
      async (producer) => {
        cluster.brokers.down()
        void rejection(producer.initTransactions())
      },
    ],
    ready: [(producer) => producer.initTransactions(), { committed: 0, aborted: 0 }],
    'in a transaction': [
      async (producer) => {
        await producer.initTransactions()
        await producer.beginTransaction()
        producer.produce({ topic, value: 'x' })
      },
      { committed: 0, aborted: 1 },
    ],
    'in one that has to be aborted': [
      async (producer) => {
        await producer.initTransactions()
        await producer.beginTransaction()
        cluster.pushErrors('AddPartitionsToTxn', ['TOPIC_AUTHORIZATION_FAILED'])
        await rejection(producer.send({ topic, value: 'x' }))
      },
      { committed: 0, aborted: 1 },
    ],
    'in one whose producer was fenced': [
      async (producer) => {
        await begun(producer)
        cluster.pushErrors('EndTxn', ['PRODUCER_FENCED'])
        expect(await rejection(producer.commitTransaction())).toMatchObject({ fatal: true })
      },
      { committed: 0, aborted: 0 },
    ],
    'while the commit waits': [
      async (producer) => {
        await begun(producer)
        cluster.brokers.down()
        void rejection(producer.commitTransaction())
      },
    ],
    'after the commit timed out': [
      async (producer) => {
        await begun(producer)
        cluster.brokers.rtt(500)
        expect(await rejection(producer.commitTransaction({ timeout: 50 }))).toMatchObject({ retriable: true })
        cluster.brokers.rtt(0)
      },
      { committed: 1, aborted: 0 },
    ],
    'while the abort waits': [
      async (producer) => {
        await begun(producer)
        cluster.brokers.down()
        void rejection(producer.abortTransaction())
      },
    ],
    'after the abort timed out': [
      async (producer) => {
        await begun(producer)
        cluster.brokers.rtt(500)
        expect(await rejection(producer.abortTransaction({ timeout: 50 }))).toMatchObject({ retriable: true })
        cluster.brokers.rtt(0)
      },
      { committed: 0, aborted: 1 },
    ],
    'while offsets are sent': [
      async (producer) => {
        const [offsets, metadata] = await offsetsOf()
        await begun(producer)
        cluster.brokers.down()
        void rejection(producer.sendOffsetsToTransaction(offsets, metadata))
      },
    ],
  }
  // What a machine that is busy with other things adds to the time-out.
  const [timeout, slack] = [2000, 3000]
  it.each(Object.keys(states))('settles within its time-out: %s', async (state) => {
    const [prepare, counts] = states[state]
    const producer = producerOf()
    try {
      await prepare(producer)
      const from = performance.now()
      const closed = producer.close({ timeout })
      if (counts) await closed
      else await closed.catch((error) => expect(error.code).toBe('_TIMED_OUT'))
      expect(performance.now() - from).toBeLessThan(timeout + slack)
      expect(producer.length.messages).toBe(0)
      if (counts) expect(producer.transactionCounts).toEqual(counts)
    } finally {
      cluster.brokers.up()
      cluster.brokers.rtt(0)
    }
  })
})
