// What a pipeline does not accept: refused by its constructor, before a client exists, with the name of the argument, what
// was given, and what is accepted. And what one `config` gives to which client.
import { KafkaError } from 'odradek'
import { type ExactlyOnceOptions, exactlyOnce, Pipeline } from 'odradek/pipeline'
import { describe, expect, it } from 'vitest'
import { layerConfigs, splitConfig } from '../../lib/config-split.js'
import { rejection } from '../helpers/wait.js'

const config = { 'bootstrap.servers': '127.0.0.1:1' }
const make = (options: object, properties: object = {}) =>
  new Pipeline({
    config: { ...config, ...properties },
    group: 'g',
    topics: 'in',
    transform: () => [],
    ...options,
  } as ExactlyOnceOptions)

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

describe('a pipeline refuses', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['no options', () => new Pipeline(undefined as never), /exactlyOnce: options must be an object; got undefined/],
    ['an option that does not exist', () => make({ maxBatchs: 5 }), /no option 'maxBatchs'; did you mean 'maxBatch'\?/],
    ['no config', () => make({ config: undefined }), /exactlyOnce: config must be an object; got undefined/],
    ['a config that is none', () => make({ config: 'localhost:9092' }), /config must be an object; got string/],
    ['a consumer that is none', () => make({ consumer: 5 }), /consumer must be an object; got number 5/],
    ['a producer that is none', () => make({ producer: [] }), /producer must be an object; got an array/],
    ['an empty group', () => make({ group: '' }), /group is the name of the consumer group; got an empty string/],
    ['no topics', () => make({ topics: undefined }), /topics are missing/],
    ['an empty list of topics', () => make({ topics: [] }), /topics are at least one/],
    ['a topic that is none', () => make({ topics: ['in', 5] }), /a topic is a name or a RegExp; got number/],
    ['a pattern that cannot be', () => make({ topics: /a(?=b)/ }), /\(\?=/],
    ['an empty id', () => make({ transactionalId: '' }), /transactionalId is a string that is not empty/],
    ['no transform', () => make({ transform: undefined }), /transform is missing/],
    ['a transform that is none', () => make({ transform: 'x' }), /transform is a function; got string 'x'/],
    ['a hook that is none', () => make({ onLost: {} }), /onLost is a function; got an object/],
    [
      'an unknown policy',
      () => make({ poison: 'skip' }),
      /poison is 'fail' or { deadLetter: topic }; got string 'skip'/,
    ],
    ['a policy without a topic', () => make({ poison: {} }), /poison.deadLetter is a topic or a function/],
    ['a misspelt policy', () => make({ poison: { deadletter: 'x' } }), /did you mean 'deadLetter'/],
    ['a signal that is none', () => make({ signal: 'x' }), /exactlyOnce: signal is an AbortSignal; got 'x'/],
    ['a logger that is none', () => make({ logger: {} }), /logger has the methods error, warn, info, debug/],
    ['maxBatch 0', () => make({ maxBatch: 0 }), /maxBatch is an integer from 1 to \d+; got number 0/],
    ['maxBatch 1.5', () => make({ maxBatch: 1.5 }), /maxBatch is an integer from 1 to \d+; got number 1.5/],
    ['a text for maxLatency', () => make({ maxLatency: '5' }), /maxLatency is an integer from 0 .* got string '5'/],
    ['attempts 0', () => make({ attempts: 0 }), /attempts is an integer from 1/],
    ['a back-off that is none', () => make({ backoff: 100 }), /exactlyOnce: backoff: options must be an object/],
    ['a misspelt back-off', () => make({ backoff: { maximum: 5 } }), /backoff: there is no option 'maximum'/],
    ['a back-off below 0', () => make({ backoff: { initial: -1 } }), /backoff.initial is an integer from 0/],
  ])('%s', (_, call, message) => {
    expect(refusal(call)).toMatch(message)
  })

  it.each<[string, object, RegExp]>([
    ['what neither client takes', { 'linger.m': 5 }, /unknown property 'linger.m', did you mean 'linger.ms'\?/],
    ['what a consumer would be told of', { 'isolation.leve': 'x' }, /did you mean 'isolation.level'\?/],
    ['what a share consumer takes', { 'max.poll.records': 5 }, /'max.poll.records' is a property of share consumers/],
    ['what is an option of the client', { rebalance_cb: () => {} }, /'rebalance_cb' cannot be set here/],
    ['a value that the consumer refuses', { 'auto.offset.reset': 'first' }, /'auto.offset.reset' must be one of/],
    ['a value that the producer refuses', { 'linger.ms': 'x' }, /'linger.ms' must be a number/],
    ['what contradicts itself', { 'enable.idempotence': false }, /'transactional.id' needs idempotence/],
    ['no brokers', { 'bootstrap.servers': undefined }, /'bootstrap.servers' is missing/],
  ])('%s in config', (_, properties, message) => {
    expect(refusal(() => make({}, properties))).toMatch(message)
  })

  it.each([
    ['config', { 'isolation.level': 'read_uncommitted' }],
    ['config', { 'enable.auto.commit': true }],
    ['config', { 'enable.auto.offset.store': 'true' }],
    ['config', { 'group.id': 'another' }],
    ['config', { 'transactional.id': 'x' }],
    ['consumer', { 'enable.auto.commit': true }],
    ['consumer', { 'group.id': 'another' }],
    ['producer', { 'transactional.id': 'x' }],
  ])('in %s what is its own to set: %j', (where, properties) => {
    const [name] = Object.keys(properties)
    const options = where === 'config' ? { config: { ...config, ...properties } } : { [where]: properties }
    expect(refusal(() => make(options))).toContain(`'${name}' is the pipeline's to set`)
  })

  it("one client's property for the other, where it says which", () => {
    expect(refusal(() => make({ consumer: { 'linger.ms': 5 } }))).toMatch(/'linger.ms' is a producer property/)
    expect(refusal(() => make({ producer: { 'group.id': 'g' } }))).toMatch(/'group.id' is a consumer property/)
  })

  it('all of it as a rejection of exactlyOnce', async () => {
    const options = { config, group: 'g', topics: 'in', transform: () => [], maxBatchs: 5 }
    expect(await rejection(exactlyOnce(options))).toMatchObject({ code: '_INVALID_ARG' })
  })
})

describe('a pipeline accepts', () => {
  it.each<[string, object]>([
    [
      'what either client takes',
      { 'linger.ms': 5, 'fetch.wait.max.ms': 20, acks: 'all', 'auto.offset.reset': 'latest' },
    ],
    ['its own values', { 'isolation.level': 'read_committed', 'enable.auto.commit': 'false', 'group.id': 'g' }],
    ['what is not given', { 'isolation.level': undefined, 'transactional.id': undefined }],
  ])('%s', (_, properties) => {
    make({}, properties)
  })

  it('every option', () => {
    const nothing = () => {}
    make({
      consumer: { 'session.timeout.ms': 6000 },
      producer: { 'linger.ms': 0 },
      transactionalId: 'id',
      topics: ['in', /^in-/],
      maxBatch: 1,
      maxLatency: 0,
      poison: { deadLetter: () => ({ topic: 'dead' }) },
      attempts: 1,
      backoff: { initial: 0, max: 0 },
      signal: AbortSignal.timeout(1),
      ...{ onAssigned: nothing, onRevoked: nothing, onLost: nothing, onTransaction: nothing, onError: nothing },
      ...{ logger: console, onStatistics: nothing },
    })
  })
})

it('a config is split by who takes what, both names of a property included', () => {
  const shared = { 'bootstrap.servers': 'a', 'client.id': 'c', debug: ['eos'] }
  const consumer = { 'fetch.min.bytes': 2, 'topic.auto.offset.reset': 'end', 'session.timeout.ms': 6000 }
  const producer = { 'queue.buffering.max.ms': 7, 'topic.acks': -1, 'compression.type': 'lz4' }
  const inherited = Object.assign(Object.create(shared), consumer, producer, { 'ssl.ca.location': undefined })
  expect(splitConfig(inherited)).toEqual({ consumer: { ...shared, ...consumer }, producer: { ...shared, ...producer } })
})

it('a later layer holds, whatever name it has for a property', () => {
  const layers = [
    { 'auto.offset.reset': 'earliest', 'metadata.broker.list': 'a' },
    { 'topic.auto.offset.reset': 'latest', 'client.id': 'x', 'client.rack': undefined },
    { 'bootstrap.servers': 'b', 'client.id': undefined },
  ]
  const expected = { 'topic.auto.offset.reset': 'latest', 'client.id': 'x', 'bootstrap.servers': 'b' }
  expect(layerConfigs(...layers)).toEqual(expected)
  // Both names in one layer are left to whoever reads them, and refuses them.
  const twice = { 'metadata.broker.list': 'a', 'bootstrap.servers': 'b' }
  expect(layerConfigs({}, twice)).toEqual(twice)
})
