// What the idempotent producer promises when answers are lost.
import { Producer } from 'odradek'
import { expect, it } from 'vitest'
import { startCluster, witness } from '../helpers/kafka.js'
import { TcpProxy } from '../helpers/tcp-proxy.js'
import { rejection } from '../helpers/wait.js'

it('writes a record once though its answer was lost and a record for another partition timed out meanwhile', async () => {
  await using cluster = await startCluster({ listeners: { PROXIED: { protocol: 'PLAINTEXT', host: '127.0.0.2' } } })
  const port = Number(cluster.listeners.PROXIED.split(':')[1])
  const proxy = await TcpProxy.open({ host: '127.0.0.2', port }, { host: '127.0.0.1', port })
  try {
    const kafka = (await witness()).at(cluster.brokers)
    for (const topic of ['kept', 'short']) await kafka.createTopic(topic)
    await using producer = new Producer(
      {
        'bootstrap.servers': cluster.listeners.PROXIED,
        'enable.idempotence': true,
        // Both wait long enough to be sent again for the one to time out.
        'retry.backoff.ms': 6000,
        'retry.backoff.max.ms': 6000,
        'reconnect.backoff.ms': 10,
        'reconnect.backoff.max.ms': 50,
      },
      { topics: { short: { 'message.timeout.ms': 2000 } } },
    )
    for (const topic of ['kept', 'short']) await producer.send({ topic, value: 'first' })
    proxy.traffic = 'deaf'
    const kept = producer.send({ topic: 'kept', value: 'second' })
    const short = rejection(producer.send({ topic: 'short', value: 'second' }))
    for (const topic of ['kept', 'short'])
      await expect.poll(async () => (await kafka.endOffsets(topic))[0], { timeout: 20_000 }).toBe(2)
    proxy.traffic = 'open'
    expect((await short).code).toBe('_MSG_TIMED_OUT')
    await kept
    const records = await kafka.consume({ topic: 'kept' })
    expect(records.map(({ value }) => String(value))).toEqual(['first', 'second'])
  } finally {
    proxy.close()
  }
})
