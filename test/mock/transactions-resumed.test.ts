// Commits and aborts that time out at any moment and are called again, until they are through.
import { KafkaError, MockCluster, Producer } from 'odradek'
import { expect, it } from 'vitest'

it('go on where they were, whenever the answer of the coordinator comes', { timeout: 120_000 }, async () => {
  await using cluster = new MockCluster({ brokers: 1 })
  await cluster.createTopic('t')
  cluster.brokers.rtt(5)
  let resumed = 0
  // The answer comes while the call is made again, now and then: so several producers, many times.
  const run = async (id: string) => {
    await using producer = new Producer({
      'bootstrap.servers': cluster.bootstrapServers,
      'transactional.id': id,
      'linger.ms': 0,
      'retry.backoff.ms': 20,
    })
    await producer.initTransactions()
    for (let round = 0; round < 40; round++) {
      await producer.beginTransaction()
      await producer.send({ topic: 't', value: 'v' })
      const end = () => {
        const options = { timeout: 1 + ((round * 7) % 6) }
        return round % 4 === 3 ? producer.abortTransaction(options) : producer.commitTransaction(options)
      }
      let through = false
      while (!through) {
        through = await end().then(
          () => true,
          (error) => {
            if (!(error instanceof KafkaError) || !error.retriable) throw error
            resumed++
            return false
          },
        )
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => run(`resumed-${i}`)))
  expect(resumed).toBeGreaterThan(0)
})
