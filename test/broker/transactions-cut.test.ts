// What a transaction that was aborted while its connection was cut leaves behind: nothing.
import { Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, uniqueTopic, witness } from '../helpers/kafka.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { rejection } from '../helpers/wait.js'

let cluster: Awaited<ReturnType<typeof startCluster>>
let proxy: TcpProxy

beforeAll(async () => {
  cluster = await startCluster({ listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } } })
  const port = Number(cluster.listeners.PROXIED.split(':')[1])
  proxy = await TcpProxy.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port })
})
afterAll(async () => {
  proxy?.close()
  await cluster?.stop()
})

it('numbers records anew when those of the aborted one may have arrived, so that none is taken for a repetition', async () => {
  const kafka = (await witness()).at(cluster.brokers)
  const topic = uniqueTopic('cut')
  await kafka.createTopic(topic)
  await using producer = new Producer({
    'bootstrap.servers': cluster.listeners.PROXIED,
    'transactional.id': uniqueTopic('id'),
    'transaction.timeout.ms': 60_000,
    // What the cut leaves unanswered waits long enough to be given up; so may the end of the transaction, if sent into the cut.
    'retry.backoff.ms': 10_000,
    'retry.backoff.max.ms': 10_000,
    // A connection that is made while nothing comes back is soon given up.
    'api.version.request.timeout.ms': 1000,
    'reconnect.backoff.ms': 10,
    'reconnect.backoff.max.ms': 50,
  })
  await producer.initTransactions()
  await producer.transaction((tx) => tx.sendBatch(topic, [{ value: 'first' }]))
  const end = async () => (await kafka.endOffsets(topic))[0]
  // The marker of the commit counts, and may be written after its answer.
  await expect.poll(end, { timeout: 20_000 }).toBe(2)
  const aborted = producer.transaction(async (tx) => {
    // Registers the partition; the next ones are written, and the answer is lost.
    await tx.send({ topic, value: 'aborted' })
    proxy.traffic = 'deaf'
    tx.sendBatch(topic, [{ value: 'aborted, too' }, { value: 'aborted, too' }])
    await expect.poll(end, { timeout: 20_000 }).toBe(5)
    proxy.traffic = 'open'
    throw new Error('no')
  })
  expect((await rejection(aborted)).message).toBe('no')
  await producer.transaction((tx) => tx.sendBatch(topic, [{ value: 'second' }, { value: 'third' }]))
  const records = await kafka.consume({ topic, isolation: 'read_committed' })
  expect(records.map(({ value }) => String(value))).toEqual(['first', 'second', 'third'])
}, 120_000)
