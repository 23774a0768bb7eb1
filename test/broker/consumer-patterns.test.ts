// A RegExp means the same in a classic group, where librdkafka matches (POSIX, anywhere in the name), and in one of
// KIP-848, where brokers do (RE2, the whole name).
import { Consumer } from 'odradek'
import { expect, it } from 'vitest'
import { bootstrapServers, uniqueGroup, uniqueTopic, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

it('RegExps match the same topics by POSIX and by RE2', { timeout: 120_000 }, async () => {
  const prefix = uniqueTopic('pattern').replaceAll('-', '')
  const names = ['orders-eu', 'orders-us', 'my.orders', 'orders', 'a1', 'a22', 'b'].map((name) => `${prefix}-${name}`)
  const kafka = await witness()
  await Promise.all(names.map((name) => kafka.createTopic(name)))
  const patterns: [RegExp, string[]][] = [
    [new RegExp(`^${prefix}-orders-`), ['orders-eu', 'orders-us']],
    [new RegExp(`${prefix}.*orders`), ['orders-eu', 'orders-us', 'my.orders', 'orders']],
    [new RegExp(`^${prefix}-orders$`), ['orders']],
    [new RegExp(`${prefix}-(?:\\w\\d|b$)`), ['a1', 'a22', 'b']],
    [new RegExp(`^${prefix}-a\\d$|${prefix}-my\\.`), ['a1', 'my.orders']],
    [new RegExp(`^${prefix}-[^\\d.]{2,}-`), ['orders-eu', 'orders-us']],
  ]
  const matched = async (protocol: 'classic' | 'consumer', pattern: RegExp, wanted: number) => {
    await using consumer = new Consumer({
      'bootstrap.servers': bootstrapServers(),
      'group.id': uniqueGroup(),
      'group.protocol': protocol,
    })
    await consumer.subscribe(pattern)
    await waitFor(`${protocol}: ${pattern}`, async () => {
      await consumer.poll(10)
      return consumer.assignment.length >= wanted
    }).catch(() => {})
    return consumer.assignment.map(({ topic }) => topic.slice(prefix.length + 1)).sort()
  }
  const found = await Promise.all(
    patterns.map(async ([pattern, wanted]) => ({
      pattern,
      classic: await matched('classic', pattern, wanted.length),
      consumer: await matched('consumer', pattern, wanted.length),
    })),
  )
  expect(found).toEqual(
    patterns.map(([pattern, wanted]) => ({ pattern, classic: [...wanted].sort(), consumer: [...wanted].sort() })),
  )
})

it("librdkafka's own patterns: brokers match the whole name", { timeout: 60_000 }, async () => {
  const prefix = uniqueTopic('own')
  const kafka = await witness()
  await Promise.all([kafka.createTopic(`${prefix}-a`), kafka.createTopic(`${prefix}-ab`)])
  const config = { 'bootstrap.servers': bootstrapServers(), 'group.id': uniqueGroup() } as const
  await using consumer = new Consumer({ ...config, 'group.protocol': 'consumer' })
  await expect(consumer.subscribe(`^${prefix}(?=a)`)).rejects.toMatchObject({
    code: '_INVALID_ARG',
    message: expect.stringMatching(/\(\?= is not known to RE2/),
  })
  await consumer.subscribe(`^${prefix}-\\w`)
  await waitFor('the one', async () => (await consumer.poll(10)) ?? consumer.isAssigned)
  expect(consumer.assignment).toEqual([{ topic: `${prefix}-a`, partition: 0 }])
})
