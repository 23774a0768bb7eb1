// guarantee: 'exactly-once' on the embedded cluster: what a processor tells of itself. What the guarantee is worth when
// processes are killed: test/broker/processor.test.ts.
import { prometheus } from 'odradek/metrics'
import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { numbers, openBench, start } from '../helpers/processors.js'
import { rejection, waitFor } from '../helpers/wait.js'

const { observed, topicOf, send, readAll } = openBench()

it('is ready before the first message, tells of its partitions, and counts its transactions', async () => {
  const topic = await topicOf('eos', [], 2)
  const to = await topicOf('eos-out', [])
  const hooks: string[] = []
  const { app, events } = observed('eos', {
    guarantee: 'exactly-once',
    onAssigned: (partitions) => void hooks.push(`assigned ${partitions.length}`),
    onRevoked: (partitions) => void hooks.push(`revoked ${partitions.length}`),
  })
  const register = new Registry()
  const metrics = prometheus(register).observe(app)
  app.topic(topic, async (message, context) => {
    await context.send({ topic: to, value: message.value })
  })
  expect(app.health()).toMatchObject({ ok: true, ready: false, state: 'new', assigned: [] })
  const { stop } = start(app)
  await waitFor('it is ready', () => app.health().ready)
  expect(app.health()).toMatchObject({ ok: true, state: 'running' })
  expect(app.health().assigned).toHaveLength(2)
  await send(
    topic,
    numbers(40).map((value, i) => ({ value, partition: i % 2 })),
  )
  await waitFor('all is handled', () => app.counts.handled === 40)
  await waitFor('it is committed', () => app.counts.pipeline?.messages === 40)
  const value = async (name: string, label: string) => {
    const values = (await register.getSingleMetric(name)?.get())?.values ?? []
    return values.filter(({ labels }) => Object.values(labels).includes(label)).reduce((sum, one) => sum + one.value, 0)
  }
  expect(await value('kafka_transactions_total', 'committed')).toBe(app.counts.pipeline?.committed)
  expect(await value('messaging_process_messages_total', 'success')).toBe(40)
  expect(await value('kafka_processor_rebalances_total', 'assigned')).toBe(1)
  await stop()
  metrics.stop()
  expect(app.health()).toMatchObject({ ok: true, ready: false, state: 'stopped', assigned: [] })
  expect(hooks).toEqual(['assigned 2', 'revoked 2'])
  const kinds = events.flatMap((event) => (event.type === 'rebalance' ? [event.kind] : []))
  expect(kinds).toEqual(['assigned', 'revoked'])
  expect((await readAll(to, 40)).map((message) => Number(message.text())).sort((a, b) => a - b)).toEqual(
    numbers(40).map(Number),
  )
})

it('rejects with what a handler throws, and commits nothing of that transaction', async () => {
  const topic = await topicOf('eos-throws', ['a'])
  const { app } = observed('eos-throws', { guarantee: 'exactly-once' })
  app.topic(topic, () => {
    throw new Error('no')
  })
  expect((await rejection(app.run())).message).toBe('no')
  expect(app.counts).toMatchObject({ handled: 0, failed: 1, pipeline: { committed: 0 } })
  expect(app.health()).toMatchObject({ ok: false, state: 'stopped' })
})
