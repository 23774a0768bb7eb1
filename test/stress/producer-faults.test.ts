// An idempotent producer while brokers are killed, stopped and paused and leaders move: nothing lost, doubled, reordered.
import { Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster, uniqueTopic, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

const partitions = 3
let cluster: Awaited<ReturnType<typeof startCluster>>
beforeAll(async () => {
  cluster = await startCluster({ brokers: 3, config: { 'min.insync.replicas': 2 } })
})
afterAll(() => cluster?.stop())

it('keeps every record, once and in order', { timeout: 240_000 }, async () => {
  const topic = uniqueTopic('faults')
  const kafka = (await witness()).at(cluster.brokers)
  await kafka.createTopic(topic, { partitions, replication: 3 })
  const producer = new Producer({
    'bootstrap.servers': cluster.brokers,
    'enable.idempotence': true,
    'message.timeout.ms': 120_000,
    'socket.timeout.ms': 3000,
  })
  const failures: unknown[] = []
  const sent = Array.from({ length: partitions }, () => 0)
  let delivered = 0
  let next = 0
  const timer = setInterval(() => {
    for (let i = 0; i < 50; i++) {
      const partition = next++ % partitions
      const value = String(sent[partition]++)
      producer.send({ topic, partition, value }).then(
        () => delivered++,
        (error) => failures.push(error),
      )
    }
  }, 5)
  const goesOn = async (what: string) => {
    const from = delivered
    await waitFor(`deliveries after ${what}`, () => delivered > from + 2000, 60_000)
  }
  const leader = async () => {
    const { partitions } = await kafka.describeTopic(topic)
    const node = cluster.nodes.find(({ id }: { id: number }) => id === partitions[0].leader)
    if (!node) throw new Error('partition 0 has no leader')
    return node
  }
  try {
    await goesOn('the beginning')
    // In the middle of whatever is on its way: every connection to it is cut, and its partitions' leaders move.
    const killed = await leader()
    await killed.kill()
    await goesOn('a kill')
    await killed.start()
    await goesOn('the killed one is back')
    const stopped = await leader()
    await stopped.stop()
    await goesOn('a clean stop')
    await stopped.start()
    await goesOn('the stopped one is back')
    // It has the requests and does not answer: they time out here, and may be written all the same.
    const paused = await leader()
    paused.pause()
    await goesOn('a pause')
    paused.resume()
    await goesOn('the paused one goes on')
  } finally {
    clearInterval(timer)
    for (const node of cluster.nodes) if (node.pid === undefined) await node.start()
  }
  await producer.flush({ timeout: 60_000 })
  await producer.close()
  expect(failures).toEqual([])
  expect(delivered).toBe(next)
  const log = await kafka.consume({ topic, timeout: 60_000 })
  for (let partition = 0; partition < partitions; partition++) {
    const values = log.filter((record) => record.partition === partition).map(({ value }) => Number(value))
    expect(values.length).toBe(sent[partition])
    // The index of the first that is out of place, lost or doubled.
    expect(values.findIndex((value, i) => value !== i)).toBe(-1)
  }
})
