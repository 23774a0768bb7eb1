// What clients are given as options: null, a wrong type or a misspelt name is a KafkaError that says so, not a TypeError.
import { AdminClient, Consumer, KafkaError, MockCluster, Producer } from 'odradek'
import { afterAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

const config = { 'bootstrap.servers': '127.0.0.1:1' }
const wrong = (value: unknown) => value as never
const producer = new Producer(config)
const transactional = new Producer({ ...config, 'transactional.id': 'id' })
const consumer = new Consumer({ ...config, 'group.id': 'g' })
const reader = new Consumer(config)
const admin = new AdminClient(config)
const clients = [producer, transactional, consumer, reader, admin]
afterAll(() => Promise.all(clients.map((client) => client.close({ timeout: 1000 }))))

const partition = { topic: 't', partition: 0 }
type Call = (options: never) => unknown
const timed: Record<string, Call> = {
  ready: (o) => producer.ready(o),
  flush: (o) => producer.flush(o),
  initTransactions: (o) => transactional.initTransactions(o),
  beginTransaction: (o) => transactional.beginTransaction(o),
  commitTransaction: (o) => transactional.commitTransaction(o),
  abortTransaction: (o) => transactional.abortTransaction(o),
  sendOffsetsToTransaction: (o) => transactional.sendOffsetsToTransaction([], wrong({}), o),
  transaction: (o) => transactional.transaction(() => {}, o),
  seek: (o) => consumer.seek([{ ...partition, offset: 0 }], o),
  committed: (o) => consumer.committed([partition], o),
  watermarks: (o) => consumer.watermarks(partition, o),
  offsetsForTimes: (o) => consumer.offsetsForTimes([{ ...partition, time: 0 }], o),
  rewind: (o) => consumer.rewind(o),
}
const signalled: Record<string, Call> = {
  send: (o) => producer.send({ topic: 't', value: 'v' }, o),
  sendBatch: (o) => producer.sendBatch('t', [{ value: 'v' }], o),
  'sendBatch of records': (o) => producer.sendBatch([{ topic: 't', value: 'v' }], o),
  messages: (o) => consumer.messages(o),
  batches: (o) => consumer.batches(o),
  readable: (o) => consumer.readable(o),
  partitionStreams: (o) => consumer.partitionStreams(o),
  poll: (o) => consumer.poll(0, o),
  read: (o) =>
    reader.read(o === null || typeof o !== 'object' || Array.isArray(o) ? o : wrong({ topic: 't', ...(o as object) })),
}
const others: Record<string, Call> = {
  purge: (o) => producer.purge(o),
  writable: (o) => producer.writable(o),
  'producer.close': (o) => producer.close(o),
  'consumer.close': (o) => consumer.close(o),
  'admin.close': (o) => admin.close(o),
  'new Producer': (o) => new Producer(config, o),
  'new Consumer': (o) => new Consumer(config, o),
  'new AdminClient': (o) => new AdminClient(config, o),
  'new MockCluster': (o) => new MockCluster(o),
}
const calls = Object.entries({ ...timed, ...signalled, ...others })

async function refusal(call: Call, options: unknown): Promise<string> {
  const error = await rejection((async () => call(wrong(options)))())
  expect(error, error.stack).toBeInstanceOf(KafkaError)
  expect(error.code).toBe('_INVALID_ARG')
  return error.message
}

describe('options', () => {
  it.each(calls)('of %s are an object, with names that are known', async (_, call) => {
    for (const options of [null, 5, 'x', ['x']]) expect(await refusal(call, options)).toMatch(/got /)
    expect(await refusal(call, { nosuch: 1 })).toContain("'nosuch'")
    for (const client of clients) expect(client.closed).toBe(false)
  })

  it.each(Object.entries(timed))('of %s: a timeout is a number, a signal a signal', async (_, call) => {
    for (const timeout of [null, '5', -1, Number.NaN, 5n]) expect(await refusal(call, { timeout })).toContain('timeout')
    expect(await refusal(call, { signal: 'x' })).toContain("signal is an AbortSignal; got 'x'")
    expect(await refusal(call, { timout: 5 })).toContain("did you mean 'timeout'?")
  })

  it.each(Object.entries(signalled))('of %s: a signal is a signal', async (_, call) => {
    for (const signal of [null, 'x', {}]) expect(await refusal(call, { signal })).toContain('signal is an AbortSignal')
  })

  it('of clients are functions, and a logger that can log', async () => {
    const create = [others['new Producer'], others['new Consumer'], others['new AdminClient']]
    for (const call of create) {
      for (const name of ['onError', 'onStatistics', 'onThrottle', 'tokenProvider']) {
        expect(await refusal(call, { [name]: 'x' })).toContain(`${name} is a function; got string 'x'`)
      }
      expect(await refusal(call, { logger: 5 })).toContain('logger has the methods error, warn, info, debug')
      expect(await refusal(call, { logger: { error() {} } })).toContain("an object without 'warn'")
    }
    expect(await refusal(others['new MockCluster'], { logger: {} })).toContain("an object without 'error'")
    expect(await refusal(others['new Producer'], { onDelivry: () => {} })).toContain("did you mean 'onDelivery'?")
    expect(await refusal(others['new Producer'], { balancer: 'x' })).toContain('balancer is a function')
    expect(await refusal(others['new Producer'], { topics: null })).toContain('topics must be an object')
    expect(await refusal(others['new Consumer'], { onRevoked: {} })).toContain('onRevoked is a function')
    expect(await refusal(others.purge, { queue: 'no' })).toContain('purge: queue is a boolean')
    expect(await refusal((timeout) => consumer.poll(timeout), null)).toContain('poll: timeout')
    expect(await refusal((body) => transactional.transaction(body), 5)).toContain('a function')
  })
})
