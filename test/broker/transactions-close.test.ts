// A commit whose request is lost: close() goes on with it, and readers see what it committed.
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { startCluster, uniqueTopic, witness } from '../helpers/kafka.js'
import { LateRequests } from '../helpers/late-requests.js'
import { rejection, waitFor } from '../helpers/wait.js'

const endTxn = 26

it('close() resumes a commit that timed out, and readers see it', async () => {
  await using cluster = await startCluster({ listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } } })
  const port = Number(cluster.listeners.PROXIED.split(':')[1])
  const proxy = await LateRequests.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port })
  try {
    const kafka = (await witness()).at(cluster.brokers)
    const topic = uniqueTopic('resumed')
    await kafka.createTopic(topic)
    const valuesOf = async () => {
      const records = await kafka.consume({ topic, isolation: 'read_committed' })
      return records.map(({ value }) => String(value))
    }
    const producer = new Producer({
      'bootstrap.servers': cluster.listeners.PROXIED,
      'transactional.id': uniqueTopic('id'),
      'transaction.timeout.ms': 60_000,
      // So long an answer is waited for.
      'socket.timeout.ms': 1000,
    })
    await producer.initTransactions()
    await producer.beginTransaction()
    await producer.send({ topic, value: 'x' })
    proxy.hold(endTxn)
    expect(await rejection(producer.commitTransaction({ timeout: 500 }))).toMatchObject({
      code: '_TIMED_OUT',
      retriable: true,
    })
    await waitFor('the request is on its way', () => proxy.held > 0)
    expect(await valuesOf()).toEqual([])
    // What was held never arrives.
    proxy.hold(undefined)
    await producer.close()
    expect(producer.transactionCounts).toEqual({ committed: 1, aborted: 0 })
    expect(await valuesOf()).toEqual(['x'])
  } finally {
    proxy.close()
  }
})
