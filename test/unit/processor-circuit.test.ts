// The circuit breaker by itself: who is let through when, and whose outcome counts.
import { AbandonedError, circuitBreaker, type Handler, type HandlerContext } from 'odradek/processor'
import { expect, it } from 'vitest'
import { waitFor } from '../helpers/wait.js'

/** A handler whose calls end when they are told to, behind a circuit. */
function open(options: Parameters<typeof circuitBreaker>[0]) {
  const states: string[] = []
  const calls: { end: (error?: unknown) => void }[] = []
  const context = {
    abandoned: false,
    emit: (event: { state: string }) => void states.push(event.state),
    sleep: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
  } as unknown as HandlerContext
  const inner: Handler = () =>
    new Promise<void>((resolve, reject) => {
      calls.push({ end: (error) => (error === undefined ? resolve() : reject(error)) })
    })
  const handler = circuitBreaker(options)(inner)
  const call = async () => {
    const result = Promise.resolve(handler({} as never, context)).then(
      () => 'handled',
      (error: Error) => error.message,
    )
    await null
    return result
  }
  const called = (count: number) => waitFor(`${count} calls`, () => calls.length === count)
  return { states, calls, call, called }
}

it('what began before it opened neither closes it nor opens it again', async () => {
  const { states, calls, call, called } = open({ failures: 2, cooldown: 30 })
  const all = [call(), call(), call(), call()]
  await called(4)
  calls[0].end(new Error('down'))
  calls[1].end(new Error('down'))
  await Promise.all(all.slice(0, 2))
  expect(states).toEqual(['open'])
  const next = [call(), call()]
  await called(5)
  expect(states).toEqual(['open', 'halfOpen'])
  // The one that finds out is at work: two that began long ago end.
  calls[2].end()
  calls[3].end(new Error('down'))
  expect(await Promise.all(all)).toEqual(['down', 'down', 'handled', 'down'])
  expect(states).toEqual(['open', 'halfOpen'])
  expect(calls).toHaveLength(5)
  calls[4].end()
  await called(6)
  calls[5].end()
  expect(await Promise.all(next)).toEqual(['handled', 'handled'])
  expect(states).toEqual(['open', 'halfOpen', 'closed'])
})

it('one at a time finds out; when it is abandoned, the next does', async () => {
  const { states, calls, call, called } = open({ failures: 1, cooldown: 30 })
  const first = call()
  await called(1)
  calls[0].end(new Error('down'))
  await first
  const next = [call(), call(), call()]
  await called(2)
  const from = performance.now()
  await waitFor('others have looked again', () => performance.now() - from > 80)
  expect(calls).toHaveLength(2)
  calls[1].end(new AbandonedError('the partition is gone'))
  await called(3)
  expect(states).toEqual(['open', 'halfOpen', 'open', 'halfOpen'])
  calls[2].end(new Error('still down'))
  await called(4)
  calls[3].end()
  expect((await Promise.all(next)).sort()).toEqual(['handled', 'still down', 'the partition is gone'])
  expect(states).toEqual(['open', 'halfOpen', 'open', 'halfOpen', 'open', 'halfOpen', 'closed'])
})

it('a success resets the count, and a failure that says nothing of the service is one', async () => {
  const { states, calls, call, called } = open({ failures: 2, cooldown: 60_000 })
  const outcomes = [new Error('down'), undefined, new Error('down'), new TypeError('the program'), new Error('down')]
  for (const [i, outcome] of outcomes.entries()) {
    const result = call()
    await called(i + 1)
    calls[i].end(outcome)
    await result
  }
  expect(states).toEqual([])
  const last = call()
  await called(6)
  calls[5].end(new Error('down'))
  await last
  expect(states).toEqual(['open'])
})
