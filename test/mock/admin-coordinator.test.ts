// Groups whose coordinator is not there yet: asked for again, and requests that gave up in the meantime leave nothing behind.
import { AdminClient, MockCluster } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'

let cluster: MockCluster
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('t', { partitions: 1 })
})
afterAll(() => cluster?.close())

const partitions = [{ topic: 't', partition: 0 }]
const absent = (count: number) => Array.from({ length: count }, () => 'COORDINATOR_NOT_AVAILABLE' as const)

it('waits for a coordinator longer than librdkafka asks for it', async () => {
  await using admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
  await admin.ready()
  cluster.pushErrors('FindCoordinator', absent(10))
  const [{ error, offset }] = await admin.listConsumerGroupOffsets('late', partitions, { timeout: 30_000 })
  expect({ error, offset }).toEqual({ error: undefined, offset: -1001 })
})

it('asks again while the coordinator loads, and says so when the time is up', async () => {
  await using admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
  cluster.pushErrors('OffsetFetch', ['COORDINATOR_LOAD_IN_PROGRESS', 'NOT_COORDINATOR', 'COORDINATOR_LOAD_IN_PROGRESS'])
  const [{ error }] = await admin.listConsumerGroupOffsets('loading', partitions)
  expect(error).toBeUndefined()
  cluster.pushErrors('OffsetFetch', Array(200).fill('COORDINATOR_LOAD_IN_PROGRESS'))
  const failing = admin.listConsumerGroupOffsets('loading', partitions, { timeout: 800 })
  await expect(failing).rejects.toMatchObject({
    code: expect.stringMatching(/^(COORDINATOR_LOAD_IN_PROGRESS|_TIMED_OUT)$/),
  })
  cluster.clearErrors('OffsetFetch')
  expect(await admin.listConsumerGroupOffsets('loading', partitions)).toHaveLength(1)
})

// In a process of its own: what it would do wrong is to write into memory that it has given back.
it('lets requests time out before there is a coordinator, and brokers come and go after that', async () => {
  const { code, signal, output } = await runModule(
    `
    const { AdminClient } = odradek
    const cluster = new MockCluster({ brokers: 1 })
    await cluster.createTopic('t', { partitions: 1 })
    const admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
    await admin.ready()
    const ask = (group, timeout) => admin.listConsumerGroupOffsets(group, [{ topic: 't', partition: 0 }], { timeout })
    const failed = { made: 0, timedOut: 0 }
    for (let round = 0; round < 5; round++) {
      cluster.pushErrors('FindCoordinator', Array(2000).fill('COORDINATOR_NOT_AVAILABLE'))
      await Promise.all(Array.from({ length: 200 }, (_, i) => ask('g' + i, 150).then(() => {}, ({ code }) => {
        if (code === '_TIMED_OUT') failed.timedOut++
      })))
      failed.made += 200
      cluster.clearErrors('FindCoordinator')
      cluster.broker(1).down()
      await admin.describeCluster({ timeout: 100 }).catch(() => {})
      cluster.broker(1).up()
      await Promise.all(Array.from({ length: 200 }, (_, i) => ask('g' + i, 10_000)))
    }
    console.log(JSON.stringify(failed))
    await admin.close()
    await cluster.close()
    console.log('well')
  `,
    { timeout: 60_000 },
  )
  expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: expect.stringContaining('well') })
  const { made, timedOut } = JSON.parse(output.split('\n')[0])
  expect(timedOut).toBeGreaterThan(made / 2)
})
