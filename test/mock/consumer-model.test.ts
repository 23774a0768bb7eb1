// Random commands against a model (test/helpers/consumer-model.ts). Replay: ODRADEK_MODEL_SEED=… ODRADEK_MODEL_RUNS=…
import fc from 'fast-check'
import { Consumer, MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, it } from 'vitest'
import { commands, ModelRun, partitions, perPartition } from '../helpers/consumer-model.js'

const seed = Number(process.env.ODRADEK_MODEL_SEED ?? 20261121)
const numRuns = Number(process.env.ODRADEK_MODEL_RUNS ?? 40)

let cluster: MockCluster
beforeAll(async () => {
  cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('model', { partitions })
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  await producer.sendBatch(
    'model',
    Array.from({ length: partitions * perPartition }, (_, i) => ({ value: String(i), partition: i % partitions })),
  )
})
afterAll(() => cluster.close())

it('hands out what comes next, and commits what was handled, whatever is done to it', {
  timeout: 240_000,
}, async () => {
  let group = 0
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const id = `model-${group++}`
      const create = () =>
        new Consumer({
          'bootstrap.servers': cluster.bootstrapServers,
          'group.id': id,
          // In a classic group the embedded cluster keeps who comes after a leave waiting for most of a session's time.
          'group.protocol': 'consumer',
          'auto.offset.reset': 'earliest',
          'fetch.wait.max.ms': 10,
          'auto.commit.interval.ms': 600_000,
        })
      await new ModelRun('model', create).run(list)
    }),
    // A slow machine does fewer of them.
    { seed, numRuns, endOnFailure: true, interruptAfterTimeLimit: 90_000 },
  )
})
