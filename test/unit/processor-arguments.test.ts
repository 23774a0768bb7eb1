// What a processor does not accept: each with the name of the argument, what was given, and what is accepted.
import { KafkaError, Producer } from 'odradek'
import {
  circuitBreaker,
  deadLetter,
  deduplicate,
  logging,
  Processor,
  type ProcessorOptions,
  Publisher,
  rateLimit,
  redrive,
  retry,
  retryTopics,
  shutdownSignal,
  timeout,
} from 'odradek/processor'
import { describe, expect, it } from 'vitest'

const config = { 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'g' }
const onError = () => {}

function refusal(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError)
    expect((error as KafkaError).code).toBe('_INVALID_ARG')
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

const make = (options: object, more: object = {}) =>
  new Processor({ ...config, ...more }, { onError, ...options } as ProcessorOptions)

describe('a processor refuses', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['no onError', () => new Processor(config, {} as never), /onError is mandatory/],
    ['an onError that is none', () => make({ onError: 'x' }), /onError is mandatory/],
    ['no config', () => new Processor(undefined as never, { onError }), /object of properties/],
    ['no group', () => make({}, { 'group.id': undefined }), /'group.id' is the name/],
    [
      'an option that does not exist',
      () => make({ concurency: 2 }),
      /unknown option 'concurency' of a processor; there are onError/,
    ],
    ['concurrency 0', () => make({ concurrency: 0 }), /concurrency is an integer from 1; got 0/],
    ['concurrency 1.5', () => make({ concurrency: 1.5 }), /got 1.5/],
    ['an unknown order', () => make({ orderBy: 'keys' }), /orderBy is one of 'partition', 'key', 'none'; got 'keys'/],
    ['an unknown guarantee', () => make({ guarantee: 'twice' }), /guarantee is one of 'at-least-once'/],
    ['its own properties', () => make({}, { 'enable.auto.commit': false }), /'enable.auto.commit' is the processor's/],
    ['exactlyOnce without the guarantee', () => make({ exactlyOnce: {} }), /exactlyOnce is for guarantee/],
    ['a value that is no deserializer', () => make({ value: () => 1 }), /value is a deserializer/],
    ['a handler that is none', () => make({}).topic('a', 7 as never), /the handler of a is a function; got number/],
    ['an empty topic', () => make({}).topic('', () => {}), /a topic is a name or a RegExp; got ''/],
    [
      'a topic twice',
      () =>
        make({})
          .topic('a', () => {})
          .topic('a', () => {}),
      /topic a has a handler already/,
    ],
    ['an option of a topic', () => make({}).topic('a', { max: 1 } as never, () => {}), /unknown option 'max' of a/],
    [
      'a batch of 0',
      () => make({}).batchTopic('a', { max: 0 }, () => {}),
      /max of batchTopic\(\) is an integer from 1/,
    ],
    [
      'a batch beyond the queue',
      () => make({ maxQueued: 10 }).batchTopic('a', { max: 11 }, () => {}),
      /no batch gets full/,
    ],
    [
      'a hook that would never be called',
      () => make({ guarantee: 'exactly-once', onThrottle: () => {} }),
      /onThrottle is not told with guarantee: 'exactly-once'/,
    ],
    [
      'a drainTimeout beyond timers',
      () => make({ drainTimeout: 2 ** 31 }),
      /drainTimeout is an integer from 0 to 214748/,
    ],
    ['a concurrency without end', () => make({ concurrency: Number.POSITIVE_INFINITY }), /concurrency .* got Infinity/],
    ['a queue without end', () => make({ maxQueued: Number.POSITIVE_INFINITY }), /maxQueued .* got Infinity/],
    [
      'a batch that never comes by time',
      () => make({}).batchTopic('a', { timeout: Number.POSITIVE_INFINITY }, () => {}),
      /timeout of batchTopic\(\) is an integer from 0 to 2147483647, in milliseconds; got Infinity/,
    ],
    [
      'an option of exactlyOnce',
      () => make({ guarantee: 'exactly-once', exactlyOnce: { maxbatch: 1 } }),
      /unknown option 'maxbatch' of exactlyOnce; there are transactionalId, maxBatch/,
    ],
    ['a middleware that is none', () => make({}).use(null as never), /use\(\) takes a middleware.*got null/],
  ])('%s', (_, call, message) => {
    expect(refusal(call)).toMatch(message)
  })

  it('a Producer where the pipeline has its own', async () => {
    await using producer = new Producer({ 'bootstrap.servers': '127.0.0.1:1' })
    expect(refusal(() => make({ guarantee: 'exactly-once', producer }))).toMatch(/the producer is the pipeline's/)
  })

  it('to run without a handler, or with a retry that could never see a failure', async () => {
    await expect(make({}).run()).rejects.toThrow(/there is no handler/)
    const app = make({}).use(deadLetter()).use(retry())
    await expect(app.topic('a', () => {}).run()).rejects.toThrow(/retry\(\) is used after deadLetter\(\)/)
    const patterns = make({}).use(retryTopics({ delays: [1] }))
    await expect(patterns.topic(/^a/, () => {}).run()).rejects.toThrow(/retryTopics\(\) needs the name of each topic/)
    const transactional = make({ guarantee: 'exactly-once' }).use(retryTopics({ delays: [1] }))
    const refused = /retryTopics\(\) is not for guarantee: 'exactly-once': its transaction would wait/
    await expect(transactional.topic('a', () => {}).run()).rejects.toThrow(refused)
  })
})

describe('middleware refuses', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['retry', () => retry({ attempts: 0 }), /attempts of retry\(\) is an integer from 1; got 0/],
    ['retry', () => retry({ backoff: { jitter: 2 } }), /backoff.jitter is a number from 0 to 1; got 2/],
    ['retry', () => retry({ backoff: { factor: 0.5 } }), /backoff.factor/],
    ['retry', () => retry({ retryIf: true as never }), /retryIf of retry\(\) is a function/],
    ['deadLetter', () => deadLetter({ topic: '' }), /topic of deadLetter\(\)/],
    ['deadLetter', () => deadLetter({ when: true as never }), /when of deadLetter\(\) is a function/],
    ['deadLetter', () => deadLetter({ headers: {} as never }), /headers of deadLetter\(\) is a function/],
    ['retryTopics', () => retryTopics({ delays: [] }), /delays of retryTopics\(\)/],
    ['retryTopics', () => retryTopics({ delays: [1], topic: 'a' as never }), /topic of retryTopics\(\) is a function/],
    ['retryTopics', () => retryTopics({ delays: [1], retryIf: 1 as never }), /retryIf of retryTopics\(\) is a/],
    ['timeout', () => timeout(0), /the time of timeout\(\) is an integer from 1 to \d+, in milliseconds; got 0/],
    ['timeout', () => timeout(Number.POSITIVE_INFINITY), /the time of timeout\(\) .* got Infinity/],
    ['timeout', () => timeout({ ms: 1, grace: 2 ** 31 }), /grace of timeout\(\) .* got 2147483648/],
    ['rateLimit', () => rateLimit({ rate: 1, per: Number.POSITIVE_INFINITY }), /per of rateLimit\(\) .* got Infinity/],
    ['circuitBreaker', () => circuitBreaker({ whenOpen: 'x' as never }), /whenOpen of circuitBreaker\(\) is one of/],
    ['rateLimit', () => rateLimit({ rate: 0 }), /rate of rateLimit\(\) is a number above 0; got 0/],
    ['deduplicate', () => deduplicate({} as never), /id of deduplicate\(\)/],
    ['logging', () => logging({ logger: {} as never }), /logger of logging\(\)/],
    ['Publisher', () => new Publisher({} as never), /a Publisher is made of a Producer/],
    ['shutdownSignal', () => shutdownSignal({ signals: [] }), /signals of shutdownSignal\(\)/],
  ])('%s: %s', (_, call, message) => {
    expect(refusal(call)).toMatch(message)
  })

  it.each<[string, (options: never) => unknown]>([
    ['retry()', retry],
    ['deadLetter()', deadLetter],
    ['retryTopics()', retryTopics],
    ['timeout()', timeout],
    ['circuitBreaker()', circuitBreaker],
    ['rateLimit()', rateLimit],
    ['deduplicate()', deduplicate],
    ['logging()', logging],
  ])('%s: a slip of the pen', (name, make) => {
    expect(refusal(() => make({ Max: 1 } as never))).toContain(`unknown option 'Max' of ${name}; there are `)
    expect(refusal(() => make('x' as never))).toContain(`the options of ${name} are an object; got string`)
    expect(refusal(() => make(null as never))).toContain(`the options of ${name} are an object; got null`)
  })

  it('redrive', async () => {
    // It would have brought the letters back.
    const slip = { config, from: 'a', dryrun: true }
    await expect(redrive(slip as never)).rejects.toThrow(
      /unknown option 'dryrun' of redrive\(\); there are config, from/,
    )
    await expect(redrive({ config: {}, from: 'a' })).rejects.toThrow(/config of redrive\(\) has a 'group.id'/)
    await expect(redrive({ config, from: '' })).rejects.toThrow(/from of redrive\(\)/)
    await expect(redrive({ config, from: 'a', limit: 0 })).rejects.toThrow(/limit of redrive\(\).* got 0/)
    await expect(redrive({ config, from: 'a', rate: 0 })).rejects.toThrow(/rate of redrive\(\).* got 0/)
    await expect(redrive({ config, from: 'a', filter: 1 as never })).rejects.toThrow(
      /filter of redrive\(\) is a function/,
    )
  })
})
