// Offsets of an aborted transaction that arrive late, in the middle of the next one, put no group back.
import { Consumer, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { startCluster, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { LateRequests } from '../helpers/late-requests.js'
import { rejection } from '../helpers/wait.js'

const txnOffsetCommit = 28

it('shuts offsets out that were not answered in time and arrive in the next transaction', async () => {
  await using cluster = await startCluster({ listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } } })
  const port = Number(cluster.listeners.PROXIED.split(':')[1])
  const proxy = await LateRequests.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port })
  try {
    const kafka = (await witness()).at(cluster.brokers)
    const [topic, group] = [uniqueTopic('late'), uniqueGroup()]
    await kafka.createTopic(topic)
    // A member, so that nothing but the epoch can tell the late offsets from good ones.
    await using consumer = new Consumer({ 'bootstrap.servers': cluster.brokers, 'group.id': group })
    await consumer.subscribe(topic)
    while (!consumer.isAssigned) await consumer.poll(100)
    const metadata = await consumer.groupMetadata()
    await using producer = new Producer({
      'bootstrap.servers': cluster.listeners.PROXIED,
      'transactional.id': uniqueTopic('id'),
      'transaction.timeout.ms': 60_000,
      // So long an answer is waited for.
      'socket.timeout.ms': 1000,
    })
    await producer.initTransactions()
    const offsets = (offset: number) => [{ topic, partition: 0, offset }]

    proxy.hold(txnOffsetCommit)
    await producer.beginTransaction()
    const unanswered = producer.sendOffsetsToTransaction(offsets(10), metadata, { timeout: 2000 })
    expect(await rejection(unanswered)).toMatchObject({ txnRequiresAbort: true })
    proxy.hold(undefined)
    await producer.abortTransaction()
    expect(proxy.held).toBeGreaterThan(0)

    await producer.beginTransaction()
    await producer.sendOffsetsToTransaction(offsets(20), metadata)
    await proxy.deliver()
    await producer.commitTransaction()
    expect((await kafka.groupOffsets(group))[topic][0].offset).toBe(20)
  } finally {
    proxy.close()
  }
})
