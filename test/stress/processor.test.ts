// Processors that are started, stopped and killed at random while messages are handled: what each guarantee says, holds.
// ODRADEK_PROCESSOR_SEED, ODRADEK_PROCESSOR_EVENTS.
import type { ConsumerConfig } from 'odradek'
import type { OrderBy, ProcessorOptions } from 'odradek/processor'
import { describe, expect, it } from 'vitest'
import { witness } from '../helpers/kafka.js'
import { idOf, type ModelOptions, ProcessorModel, randomOf, times } from '../helpers/processor-model.js'
import { waitFor } from '../helpers/wait.js'

const seed = Number(process.env.ODRADEK_PROCESSOR_SEED ?? Date.now() % 1e6)
const events = Number(process.env.ODRADEK_PROCESSOR_EVENTS ?? 20)

/** Lets up to three processes come and go, by SIGTERM and SIGKILL, each time after some progress; then one finishes. */
async function storm(options: ModelOptions): Promise<ProcessorModel> {
  const random = randomOf(seed)
  const model = await ProcessorModel.open(options)
  model.start()
  for (let i = 0; i < events; i++) {
    const from = model.of('begin').length
    const more = Math.floor(random() * 150)
    const left = () => model.of('begin').length >= from + more
    // Or nothing is left to do.
    await waitFor('progress', left, 15_000).catch(() => {})
    const choice = random()
    const victim = model.workers[Math.floor(random() * model.workers.length)]
    if (model.workers.length < 3 && choice < 0.45) model.start()
    else if (victim && choice < 0.75) await model.kill(victim)
    else if (victim) await model.stop(victim)
    if (model.workers.length === 0) model.start()
  }
  await model.untilCommitted(240_000)
  await model.stopAll()
  // Each has ended by itself: nothing of a processor keeps a process.
  expect(model.of('died')).toEqual([])
  return model
}

const protocols: Record<string, ConsumerConfig> = {
  cooperative: { 'partition.assignment.strategy': 'cooperative-sticky' },
  eager: {},
  'KIP-848': { 'group.protocol': 'consumer' },
}

describe(`a storm (ODRADEK_PROCESSOR_SEED=${seed})`, { timeout: 600_000 }, () => {
  const all: [OrderBy, string][] = [
    ['partition', 'eager'],
    ['key', 'cooperative'],
    ['none', 'KIP-848'],
  ]
  const some = { partitions: 6, keys: 60, count: 6000, delay: 3 }

  it.each(all)(
    'at least once, by %s, %s: nothing is missing, order holds, commits pass nothing',
    async (orderBy, protocol) => {
      const model = await storm({
        ...some,
        options: { orderBy, concurrency: 12 },
        failures: 0.02,
        config: protocols[protocol],
      })
      const letters = await model.deadLetters()
      const through = new Set([...model.of('end').map(idOf), ...letters])
      expect(model.all.filter((id) => !through.has(id))).toEqual([])
      expect(await model.passedUnhandled()).toEqual([])
      if (orderBy !== 'none') expect(model.disorder(orderBy)).toEqual([])
    },
  )

  it.each(all)('at most once, by %s, %s: nothing is begun twice', async (orderBy, protocol) => {
    const model = await storm({
      ...some,
      options: { guarantee: 'at-most-once', concurrency: 6, orderBy },
      config: protocols[protocol],
    })
    expect([...times(model.of('begin').map(idOf)).entries()].filter(([, n]) => n > 1)).toEqual([])
    if (orderBy !== 'none') expect(model.disorder(orderBy)).toEqual([])
  })

  it.each(all)('exactly once, by %s, %s: what is read as committed is each message once', async (orderBy, protocol) => {
    const options: Partial<ProcessorOptions> = {
      guarantee: 'exactly-once',
      concurrency: 12,
      orderBy,
      exactlyOnce: { maxBatch: 100, attempts: 1000 },
      producer: { 'transaction.timeout.ms': 5000 },
    }
    const model = await storm({
      ...some,
      count: 3000,
      options,
      failures: 0.005,
      output: true,
      config: protocols[protocol],
    })
    const read = async (topic: string) => await (await witness()).consume({ topic, isolation: 'read_committed' })
    let seen = [...(await read(model.output as string)), ...(await read(`${model.topic}.dlq`))]
    await waitFor('the open transactions have timed out', async () => {
      seen = [...(await read(model.output as string)), ...(await read(`${model.topic}.dlq`))]
      return seen.length >= 3000
    })
    const values = seen.map(({ value }) => Number(value)).sort((a, b) => a - b)
    expect(values).toEqual(Array.from({ length: 3000 }, (_, i) => i))
  })
})
