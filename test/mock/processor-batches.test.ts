// Batches: which messages are in one, which of them failed, and where that leaves the offsets.
import { BatchFailure, deadLetter, retry, retryTopics } from 'odradek/processor'
import { expect, it } from 'vitest'
import { numbers, openBench, runUntil } from '../helpers/processors.js'
import { rejection, waitFor } from '../helpers/wait.js'

const { observed, topicOf, send, readAll, committedOf } = openBench()

it('of a batch that failed in part only that has failed: the offset goes up to it', async () => {
  const topic = await topicOf('part', numbers(10))
  const { app } = observed('part')
  app.batchTopic(topic, { max: 10 }, (batch) => {
    for (const message of batch) if (/[36]/.test(String(message.text()))) message.ack.fail(new Error('bad'))
  })
  expect(await rejection(app.run())).toBeInstanceOf(BatchFailure)
  expect(app.counts).toMatchObject({ handled: 8, failed: 2 })
  expect(await committedOf('part', topic)).toEqual([3])
})

it('a batch whose handler throws in the middle has failed as a whole: nothing of it is committed', async () => {
  const topic = await topicOf('middle', numbers(20))
  const { app } = observed('middle')
  let calls = 0
  app.batchTopic(topic, { max: 10 }, (batch) => {
    calls++
    for (const message of batch) {
      if (message.text() === '14') throw new Error('in the middle')
      if (message.text() === '12') message.ack.success()
    }
  })
  expect((await rejection(app.run())).message).toBe('in the middle')
  expect(calls).toBe(2)
  expect(app.counts).toMatchObject({ handled: 10, failed: 10 })
  expect(await committedOf('middle', topic)).toEqual([10])
})

it('what a second attempt gives up are only the messages that it was given', async () => {
  const topic = await topicOf('again', numbers(6))
  await topicOf('again.dlq', [])
  const { app } = observed('again')
  app.use(retry({ attempts: 2, backoff: { initial: 1 } })).use(deadLetter())
  const calls: string[] = []
  app.batchTopic(topic, { max: 6 }, (batch) => {
    calls.push(batch.map((message) => message.text()).join())
    if (calls.length > 1) throw new Error('as a whole')
    for (const message of batch) if (/[14]/.test(String(message.text()))) message.ack.fail(new Error('bad'))
  })
  await runUntil(app, () => app.counts.handled === 6)
  // None of the four that were handled is handled again to find out which it is.
  expect(calls).toEqual(['0,1,2,3,4,5', '1,4'])
  expect((await readAll('again.dlq', 2)).map((letter) => letter.text())).toEqual(['1', '4'])
})

it('a batch is of one topic, whatever the pattern matches, and its letters say which', async () => {
  const topics = [await topicOf('pattern-a', numbers(6)), await topicOf('pattern-b', numbers(6))]
  await topicOf('letters-of-patterns', [])
  const { app } = observed('pattern')
  app.use(deadLetter({ topic: 'letters-of-patterns' }))
  const seen: string[] = []
  app.batchTopic(/^pattern-[ab]$/, { max: 12, timeout: 300 }, (batch, context) => {
    expect(new Set(batch.map((message) => message.topic))).toEqual(new Set([context.topic]))
    seen.push(...batch.map((message) => `${message.topic} ${message.text()}`))
    for (const message of batch) if (message.text() === '2') message.ack.fail(new Error('two'))
  })
  await runUntil(app, () => app.counts.handled === 12)
  expect(seen.sort()).toEqual(topics.flatMap((topic) => numbers(6).map((n) => `${topic} ${n}`)))
  const letters = await readAll('letters-of-patterns', 2)
  expect(letters.map(({ headers }) => String(headers.get('dead-letter.topic'))).sort()).toEqual(topics)
})

it('what waits in a retry topic holds up nothing of the topic itself', async () => {
  const topic = await topicOf('held-up', numbers(4))
  await topicOf('held-up.retry.1', [])
  const { app, events } = observed('held-up')
  app.use(retryTopics({ delays: [3_600_000] })).use(deadLetter())
  const handled: string[] = []
  app.batchTopic(topic, { max: 4, timeout: 50 }, (batch) => {
    for (const message of batch) {
      if (message.text() === '2') message.ack.fail(new Error('in an hour'))
      else handled.push(String(message.text()))
    }
  })
  await runUntil(
    app,
    () => events.some(({ type }) => type === 'retryTopic') && app.health().sleeping === 1,
    'one waits',
  )
  const again = observed('held-up')
  again.app.use(retryTopics({ delays: [3_600_000] })).use(deadLetter())
  again.app.batchTopic(topic, { max: 4, timeout: 50 }, (batch) => {
    handled.push(...batch.map((message) => `${message.topic} ${message.text()}`))
  })
  await runUntil(
    again.app,
    () => {
      if (again.app.health().sleeping === 1 && again.app.counts.received === 1) {
        void send(topic, [{ value: 'later', partition: 0 }])
      }
      return handled.includes('held-up later')
    },
    'what comes later is handled',
  )
  expect(handled.slice(0, 3)).toEqual(['0', '1', '3'])
  expect(handled.some((one) => one.endsWith(' 2'))).toBe(false)
  await waitFor('the one in the retry topic was left to others', () => again.app.counts.abandoned === 1)
})
