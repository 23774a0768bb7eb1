// What a client asks about its cluster stands in nobody's way: not of its other questions, and not of its commands.
import { AdminClient, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

const nowhere = { 'bootstrap.servers': '127.0.0.1:1' }

it('a question that waits long delays neither shorter ones nor commands', async () => {
  await using producer = new Producer({ ...nowhere, 'transactional.id': 't' })
  await using admin = AdminClient.from(producer)
  const long = rejection(admin.metadata({ timeout: 20_000 }))
  const from = performance.now()
  const short = await Promise.all([
    rejection(admin.clusterId({ timeout: 500 })),
    rejection(admin.controllerId({ timeout: 500 })),
    rejection(producer.initTransactions({ timeout: 1000 })),
  ])
  expect(short.map(({ code }) => code)).toEqual(['_TIMED_OUT', '_TIMED_OUT', '_TIMED_OUT'])
  expect(performance.now() - from).toBeLessThan(10_000)
  await admin.close()
  expect((await long).code).toBe('_STATE')
})

it('many at once are all answered', async () => {
  await using cluster = new MockCluster({ brokers: 3 })
  await using admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => [admin.metadata(), admin.clusterId(), admin.controllerId()] as const).flat(),
  )
  expect(answers).toHaveLength(90)
  expect(new Set(answers.filter((answer) => typeof answer === 'string')).size).toBe(1)
})

it.each([
  { topic: 't', partition: 2 ** 32 },
  { topic: 't\0other', partition: 0 },
])('a partition that would be taken for another is refused: %j', async (where) => {
  await using admin = new AdminClient(nowhere)
  const error = await rejection(admin.deleteRecords([{ ...where, offset: 1 }]))
  expect(error).toMatchObject({ code: '_INVALID_ARG' })
  expect(error.message).toContain('an integer from 0 to 2147483647')
})
