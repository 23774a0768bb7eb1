import { describe, expect, test } from 'vitest'
import { propertyRows } from '../../lib/config.generated.js'
import {
  type ClientKind,
  defaultOverrides,
  effective,
  packageVersion,
  prepareConfig,
  prepareTopicConfig,
  redactConfig,
} from '../../lib/config.js'
import { foreignNames, refusedAdvice } from '../../lib/config-advice.js'
import { findProperty, settableNames } from '../../lib/config-table.js'
import { KafkaError } from '../../lib/errors.js'

const brokers = { 'bootstrap.servers': 'localhost:9092' }
const kinds: ClientKind[] = ['producer', 'consumer', 'share', 'admin']

function prepared(kind: ClientKind, config: object): Record<string, string> {
  const group = kind === 'share' ? { 'group.id': 'g' } : {}
  return Object.fromEntries(prepareConfig(kind, { ...brokers, ...group, ...config }))
}

function refusal(kind: ClientKind, config: unknown): string {
  try {
    prepareConfig(kind, config as object)
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError)
    expect(error).toMatchObject({ code: '_INVALID_ARG' })
    return (error as Error).message
  }
  throw new Error(`accepted: ${JSON.stringify(config)}`)
}

const refused = (kind: ClientKind, config: object): string => refusal(kind, { ...brokers, ...config })

describe('names', () => {
  test.each([
    ['bootstrap.server', 'bootstrap.servers'],
    ['bootstrapServers', 'bootstrap.servers'],
    ['BOOTSTRAP_SERVERS', 'bootstrap.servers'],
    ['metadata.brokers', 'metadata.broker.list'],
    ['metadataBrokerList', 'metadata.broker.list'],
    ['linger', 'linger.ms'],
    ['compresion.type', 'compression.type'],
    ['enable.idempotance', 'enable.idempotence'],
    ['transactionalId', 'transactional.id'],
    ['log.level', 'log_level'],
    [' client.id', 'client.id'],
    ['sasl.pasword', 'sasl.password'],
    ['topic.compresion.type', 'topic.compression.type'],
  ])('%j is unknown and leads to %s', (name, meant) => {
    expect(refused('producer', { [name]: 'x' })).toBe(`unknown property '${name}', did you mean '${meant}'?`)
  })

  test('a name like nothing gets no suggestion', () => {
    expect(refused('producer', { xyzzy: 1 })).toBe("unknown property 'xyzzy'")
    expect(refused('producer', { ['x'.repeat(5000)]: 1 }).length).toBeLessThan(120)
    expect(refused('producer', { '': 1 })).toBe("unknown property '': a name is empty")
    expect(refused('producer', { constructor: 1 })).toContain("unknown property 'constructor'")
  })

  test.each(Object.entries(foreignNames))('%s, known from another client, gets advice', (name, advice) => {
    expect(findProperty(name)).toBeUndefined()
    expect(refused('producer', { [name]: 'x' })).toBe(`unknown property '${name}', ${advice}`)
    for (const [, named] of advice.matchAll(/did you mean '([^']+)'/g)) expect(findProperty(named)).toBeDefined()
  })

  test('what cannot be set is never suggested', () => {
    for (const [name, , type, , , marks] of propertyRows) {
      if (type !== 'refused' && !marks.includes('h')) continue
      expect(settableNames()).not.toContain(name)
      expect(refused('producer', { [`${name}x`]: 1 })).not.toContain(`'${name}'`)
    }
  })

  test('a misspelt name of another kind of client says whose it is', () => {
    expect(refused('producer', { groupId: 'g' })).toBe(
      "unknown property 'groupId'; 'group.id' is a consumer property, a producer does not take it",
    )
  })
})

describe('the wrong client', () => {
  test.each([
    ['producer', 'group.id', 'a consumer property, a producer does not take it'],
    ['producer', 'auto.offset.reset', 'a consumer property, a producer does not take it'],
    ['consumer', 'acks', 'a producer property, a consumer does not take it'],
    ['consumer', 'transactional.id', 'a producer property, a consumer does not take it'],
    ['admin', 'linger.ms', 'a producer property, an admin client does not take it'],
    ['admin', 'group.id', 'a consumer property, an admin client does not take it'],
    ['share', 'acks', 'a producer property, a share consumer does not take it'],
  ] as const)('%s: %s', (kind, name, text) => {
    expect(refused(kind, { [name]: 'x' })).toBe(`'${name}' is ${text}`)
  })

  test('what the broker decides for share groups', () => {
    for (const name of ['enable.auto.commit', 'group.protocol', 'auto.offset.reset', 'socket.max.fails']) {
      expect(refused('share', { [name]: 'x' })).toContain(`'${name}' is not a property of share consumers`)
    }
  })

  test('a share consumer property says what a consumer has instead', () => {
    expect(refused('consumer', { 'max.poll.records': 10 })).toMatch(/property of share consumers.*batches\(\{ max \}\)/)
    expect(refused('producer', { 'max.poll.records': 10 })).not.toContain('batches')
    expect(prepared('share', { 'max.poll.records': 10 })).toMatchObject({ 'max.poll.records': '10' })
  })
})

describe('properties with an API of their own', () => {
  const rows = propertyRows.filter(([, , type]) => type === 'refused')

  test.each(rows.map(([name]) => name))('%s is refused and says what to use', (name) => {
    expect(refusedAdvice[name]).toBeTruthy()
    expect(refused('consumer', { [name]: () => {} })).toBe(`'${name}' cannot be set here: ${refusedAdvice[name]}`)
  })

  test('there is advice for nothing else', () => {
    expect(Object.keys(refusedAdvice).sort()).toEqual([...new Set(rows.map(([name]) => name))].sort())
  })
})

describe('aliases', () => {
  test('two names of one property must agree', () => {
    expect(refused('producer', { 'linger.ms': 5, 'queue.buffering.max.ms': 6 })).toBe(
      "'linger.ms' and 'queue.buffering.max.ms' are two names of the same property, set to 5 and 6: keep one",
    )
    expect(refused('producer', { acks: 1, 'topic.request.required.acks': 'all' })).toContain('two names')
    const same = prepared('producer', { 'linger.ms': '5', 'queue.buffering.max.ms': 5 })
    expect(same).toMatchObject({ 'linger.ms': '5' })
    expect(same).not.toHaveProperty('queue.buffering.max.ms')
  })

  test('secret ones are not shown', () => {
    const secrets = { client: 'canary-1', other: 'canary-2' }
    const message = refused('producer', {
      'sasl.oauthbearer.client.secret': secrets.client,
      'sasl.oauthbearer.client.credentials.client.secret': secrets.other,
    })
    expect(message).toContain('two names of the same property')
    expect(message).not.toContain('canary')
  })

  test('the topic scope is a scope of its own for names that exist twice', () => {
    const pairs = prepared('producer', { 'compression.type': 'lz4', 'topic.compression.type': 'inherit' })
    expect(pairs).toMatchObject({ 'compression.type': 'lz4', 'topic.compression.type': 'inherit' })
    expect(refused('producer', { 'compression.type': 'inherit' })).toContain('none, gzip, snappy, lz4, zstd')
    expect(prepared('producer', { 'topic.blacklist': '^x' })).toMatchObject({ 'topic.blacklist': '^x' })
  })
})

describe('the configuration as an object', () => {
  test.each([
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a string', 'localhost:9092', "string 'localhost:9092'"],
    ['an array', [], 'an array'],
    ['a Map', new Map(Object.entries(brokers)), 'Object.fromEntries(map)'],
  ])('%s is refused', (_, config, text) => {
    expect(refusal('producer', config)).toContain('the configuration of a producer must be an object')
    expect(refusal('producer', config)).toContain(text)
  })

  test('may have no prototype, or inherit its values', () => {
    const bare = Object.assign(Object.create(null), brokers, { 'client.id': 'bare' })
    expect(Object.fromEntries(prepareConfig('producer', bare))).toMatchObject({ 'client.id': 'bare' })
    const inheriting = Object.assign(Object.create({ 'client.id': 'base', 'linger.ms': 1 }), brokers, {
      'linger.ms': 2,
    })
    expect(Object.fromEntries(prepareConfig('producer', inheriting))).toMatchObject({
      'client.id': 'base',
      'linger.ms': '2',
    })
  })

  test('is not polluted by Object.prototype', () => {
    const attributes = { value: 1, enumerable: true, configurable: true, writable: true }
    Object.defineProperty(Object.prototype, 'polluted', attributes)
    let names: string[]
    try {
      names = prepareConfig('producer', brokers).map(([name]) => name)
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted')
    }
    expect(names).toContain('bootstrap.servers')
    expect(names).not.toContain('polluted')
  })

  test('keeps the order of the user and is not changed', () => {
    const config = Object.freeze({ 'client.id': 'a', ...brokers, acks: 1 })
    expect(prepareConfig('producer', config).slice(0, 3)).toEqual([
      ['client.id', 'a'],
      ['bootstrap.servers', 'localhost:9092'],
      ['acks', '1'],
    ])
  })

  test('undefined means not set, null means the default of librdkafka', () => {
    const pairs = prepared('producer', { 'client.id': undefined, 'linger.ms': undefined, 'client.software.name': null })
    expect(pairs).not.toHaveProperty('client.id')
    expect(pairs).not.toHaveProperty('client.software.name')
    expect(pairs).toMatchObject({ 'client.software.version': packageVersion })
    expect(refused('producer', { 'linger.ms': null })).toContain('got null')
    expect(refused('producer', { 'enable.idempotence': null })).toContain('got null')
    expect(refused('producer', { 'compression.type': null })).toContain('got null')
  })
})

describe('defaults of this library', () => {
  test('apply where the user gave nothing', () => {
    for (const kind of kinds) {
      const pairs = prepared(kind, {})
      for (const { property, value, clients, reason } of defaultOverrides) {
        expect(reason.length).toBeGreaterThan(20)
        if ((clients as readonly string[]).includes(kind)) expect(pairs[property]).toBe(value)
        else expect(pairs).not.toHaveProperty(property)
      }
    }
  })

  test('give way to the user', () => {
    const own = { 'fetch.queue.backoff.ms': 1000, 'queued.max.messages.kbytes': 65536, 'client.software.name': 'mine' }
    expect(prepared('consumer', own)).toMatchObject({
      'fetch.queue.backoff.ms': '1000',
      'queued.max.messages.kbytes': '65536',
      'client.software.name': 'mine',
    })
    expect(prepared('admin', { 'allow.auto.create.topics': true })).toMatchObject({
      'allow.auto.create.topics': 'true',
    })
  })

  test('offsets are stored by the library, log lines come through a queue', () => {
    expect(prepared('consumer', { 'enable.auto.offset.store': true })).toMatchObject({
      'enable.auto.offset.store': 'false',
      'log.queue': 'true',
    })
    for (const kind of kinds) expect(prepared(kind, { 'log.queue': true })).toMatchObject({ 'log.queue': 'true' })
    expect(prepared('producer', {})).not.toHaveProperty('enable.auto.offset.store')
    expect(refused('producer', { 'log.queue': false })).toContain("'log.queue' is always true")
  })
})

describe('effective values', () => {
  test('are typed and hold the defaults', () => {
    expect(effective('producer', brokers)).toMatchObject({
      'bootstrap.servers': 'localhost:9092',
      'queue.buffering.max.messages': 100_000,
      'queue.buffering.max.kbytes': 1_048_576,
      'message.max.bytes': 1_000_000,
      'linger.ms': 5,
      'enable.idempotence': false,
      'transactional.id': null,
      'message.timeout.ms': 300_000,
      'allow.auto.create.topics': true,
      acks: -1,
    })
    expect(effective('consumer', brokers)).toMatchObject({
      'group.id': null,
      'enable.auto.commit': true,
      'enable.auto.offset.store': true,
      'auto.commit.interval.ms': 5000,
      'max.poll.interval.ms': 300_000,
      'queued.max.messages.kbytes': 32_768,
      'fetch.max.bytes': 32_768 * 1024,
    })
    expect(effective('share', brokers)).toMatchObject({
      'share.acknowledgement.mode': 'implicit',
      'max.poll.records': 500,
    })
    expect(effective('admin', brokers)).toMatchObject({ 'client.id': 'rdkafka', 'socket.timeout.ms': 60_000 })
  })

  test("hold the user's wishes", () => {
    const values = effective('consumer', {
      ...brokers,
      'enable.auto.offset.store': 'FALSE',
      'auto.offset.reset': 'Earliest',
    })
    expect(values).toMatchObject({ 'enable.auto.offset.store': false, 'auto.offset.reset': 'earliest' })
    expect(effective('producer', { ...brokers, 'topic.acks': 'all', 'queue.buffering.max.ms': 1.5 })).toMatchObject({
      acks: -1,
      'linger.ms': 1.5,
    })
  })

  test('are adjusted as librdkafka adjusts them', () => {
    expect(
      effective('producer', { ...brokers, 'transactional.id': 't', 'transaction.timeout.ms': 10_000 }),
    ).toMatchObject({
      'enable.idempotence': true,
      'max.in.flight': 5,
      'message.timeout.ms': 10_000,
      'socket.timeout.ms': 9900,
    })
    expect(effective('producer', { ...brokers, 'message.timeout.ms': 3 })).toMatchObject({ 'linger.ms': 2.9 })
    expect(effective('producer', { ...brokers, 'message.timeout.ms': 0 })).toMatchObject({ 'linger.ms': 5 })
    expect(effective('producer', { ...brokers, 'socket.timeout.ms': 5000 })).toMatchObject({
      'socket.timeout.ms': 5000,
    })
    const both = { 'transactional.id': 't', 'socket.timeout.ms': 5000 }
    expect(effective('producer', { ...brokers, ...both })).toMatchObject({ 'socket.timeout.ms': 5000 })
    expect(effective('consumer', { ...brokers, 'queued.max.messages.kbytes': 1 })['fetch.max.bytes']).toBe(1_000_000)
    expect(effective('consumer', { ...brokers, 'fetch.max.bytes': 7_000_000 })['fetch.max.bytes']).toBe(7_000_000)
  })
})

describe('one topic', () => {
  test('takes topic properties, with or without the prefix', () => {
    expect(prepareTopicConfig('producer', { acks: 'all', 'topic.compression.type': 'INHERIT' })).toEqual([
      ['acks', '-1'],
      ['compression.type', 'inherit'],
    ])
    expect(prepareTopicConfig('consumer', { 'auto.offset.reset': 'earliest' })).toEqual([
      ['auto.offset.reset', 'earliest'],
    ])
  })

  test.each([
    ['producer', { 'linger.ms': 5 }, "unknown property 'linger.ms'"],
    ['producer', { ack: 1 }, "did you mean 'acks'?"],
    ['producer', { 'auto.offset.reset': 'earliest' }, 'a consumer property'],
    ['consumer', { acks: 1 }, 'a producer property'],
    ['producer', { 'compression.type': 'zip' }, 'none, gzip, snappy, lz4, zstd, inherit'],
  ] as const)('%s %j is refused', (kind, config, text) => {
    expect(() => prepareTopicConfig(kind, config)).toThrow(text)
  })
})

describe('secrets', () => {
  const canary = 'canary-42'
  const secrets = propertyRows.filter(([name]) => findProperty(name)?.sensitive).map(([name]) => name)

  test('are the 13 that librdkafka marks, their aliases, and the JAAS configuration', () => {
    expect(secrets).toHaveLength(15)
    expect(secrets).toEqual(
      expect.arrayContaining(['sasl.password', 'ssl.key.pem', 'ssl.key.location', 'sasl.jaas.config']),
    )
  })

  test.each(secrets)('%s never shows in an error', (name) => {
    const bad = [[canary], { [canary]: canary }, Symbol(canary), () => canary, `${canary}\0`, canary, `${canary} 2`]
    for (const kind of kinds) {
      for (const value of bad) {
        const text = attempt(() => prepareConfig(kind, { ...brokers, [name]: value }))
        expect(text).not.toContain(canary)
        expect(attempt(() => prepareConfig(kind, { ...brokers, [name]: value, [`${name}x`]: canary }))).not.toContain(
          canary,
        )
      }
    }
  })

  test('never show when a configuration is printed, even when misspelt', () => {
    const config = Object.fromEntries([...secrets, 'sasl.pasword', 'unknown'].map((name) => [name, canary]))
    const printed = redactConfig({ ...brokers, ...config, acks: 1, 'client.id': null, onDelivery: () => {} })
    expect(JSON.stringify(printed)).not.toContain(canary)
    expect(printed).toMatchObject({ ...brokers, acks: 1, 'client.id': null, 'sasl.password': '[redacted]' })
  })

  test('are removed from URLs and certificates', () => {
    const pem = `-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n${canary}`
    const printed = redactConfig({
      'sasl.oauthbearer.token.endpoint.url': `https://me:${canary}@host/token`,
      'ssl.certificate.pem': pem,
      'https.ca.pem': [pem],
    })
    expect(JSON.stringify(printed)).not.toContain(canary)
    expect(printed['sasl.oauthbearer.token.endpoint.url']).toBe('https://[redacted]@host/token')
    expect(refused('producer', { 'bootstrap.servers': `user:${canary}@host:9092` })).not.toContain(canary)
  })

  function attempt(call: () => unknown): string {
    try {
      call()
    } catch (error) {
      return `${error} ${(error as Error).stack} ${JSON.stringify(error)}`
    }
    return ''
  }
})

test('every name leads to itself, and an alias to a property', () => {
  expect(settableNames().length).toBeGreaterThan(150)
  for (const name of settableNames()) {
    const property = findProperty(name)
    expect(property?.name, name).toBe(name)
    expect(findProperty(property?.target ?? '')?.target, name).toBe(property?.target)
  }
})
