// A fatal error ends what goes on, says so, and leaves a client that can be closed.
import { Consumer, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { rejection, waitFor } from '../helpers/wait.js'

interface Testable {
  testFatalError(code: string, reason: string): void
}

it('ends a waiting reader at once, and the consumer still closes', async () => {
  await using cluster = new MockCluster()
  await cluster.createTopic('t')
  const errors: boolean[] = []
  const consumer = new Consumer(
    { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'g' },
    { onError: (error) => errors.push(error.fatal) },
  )
  await consumer.subscribe('t')
  const next = rejection(consumer.messages().next())
  await consumer.memberId()
  const from = performance.now()
  ;(consumer as unknown as Testable).testFatalError('FENCED_INSTANCE_ID', 'for the test')
  expect(await next).toMatchObject({ code: 'FENCED_INSTANCE_ID', fatal: true })
  expect(performance.now() - from).toBeLessThan(20_000)
  expect(errors).toContain(true)
  expect((await rejection(consumer.poll(10))).code).toBe('FENCED_INSTANCE_ID')
  await consumer.close({ timeout: 2000 })
})

it('fails what a producer is given afterwards, and the producer still closes', async () => {
  await using cluster = new MockCluster()
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'enable.idempotence': true }
  const producer = new Producer(config)
  await producer.send({ topic: 't', value: 'x' })
  ;(producer as unknown as Testable).testFatalError('OUT_OF_ORDER_SEQUENCE_NUMBER', 'for the test')
  const sent = rejection(producer.send({ topic: 't', value: 'y' }))
  expect(['_FATAL', '_PURGE_QUEUE', 'OUT_OF_ORDER_SEQUENCE_NUMBER']).toContain((await sent).code)
  await waitFor('the event', () => producer.fatalError)
  expect((await rejection(producer.send({ topic: 't', value: 'z' }))).code).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
  expect(producer.fatalError).toMatchObject({ fatal: true })
  await producer.close({ timeout: 2000 })
})

it('says what rd_kafka_new found wrong with the first operation', async () => {
  const errors: string[] = []
  const producer = new Producer(
    { 'bootstrap.servers': 'localhost:1', 'security.protocol': 'ssl', 'ssl.ca.location': '/does/not/exist.pem' },
    { onError: (error) => errors.push(error.message) },
  )
  const error = await rejection(producer.send({ topic: 't', value: 'x' }))
  expect(error.message + errors.join()).toMatch(/ssl\.ca\.location|does\/not\/exist/)
  await producer.close()
})
