// Statistics whose text is parsed when somebody reads them.
import { inspect } from 'node:util'
import { afterEach, expect, it, vi } from 'vitest'
import { lazyStatistics } from '../../lib/statistics.js'

const plain = {
  name: 'rdkafka#producer-1',
  client_id: 'c',
  type: 'producer',
  ts: 1,
  brokers: { b: { tx: 2 } },
  eos: {},
  new: 3,
}
const text = JSON.stringify(plain)

afterEach(() => vi.restoreAllMocks())

it('are parsed once, when the first of them is read', () => {
  const parse = vi.spyOn(JSON, 'parse')
  const statistics = lazyStatistics(text)
  expect(parse).not.toHaveBeenCalled()
  expect(statistics.brokers.b.tx).toBe(2)
  expect(statistics.brokers).toBe(statistics.brokers)
  expect(statistics.cgrp).toBeUndefined()
  expect(parse).toHaveBeenCalledTimes(1)
})

it.each([
  ['read', (statistics: object) => (statistics as typeof plain).name && statistics],
  ['copied', (statistics: object) => ({ ...statistics, new: 3 })],
  ['as JSON', (statistics: object) => ({ ...JSON.parse(JSON.stringify(statistics)), new: 3 })],
  ['posted to a worker', (statistics: object) => ({ ...structuredClone(statistics), new: 3 })],
  ['written to', (statistics: object) => Object.assign(statistics, { name: plain.name })],
])('are what the text says, %s', (_, use) => {
  const used = use(lazyStatistics(text)) as object
  expect(used).toStrictEqual(plain)
  expect(Object.keys(used).sort()).toEqual(Object.keys(plain).sort())
})

it('are shown as they are', () => {
  expect(inspect(lazyStatistics(text))).toBe(inspect(plain))
})
