import { describe, expect, test } from 'vitest'
import { type ClientKind, type ConfigContext, prepareConfig } from '../../lib/config.js'

const brokers = { 'bootstrap.servers': 'localhost:9092' }

function refuses(kind: ClientKind, config: object, message: string, context?: ConfigContext): void {
  const group = kind === 'share' ? { 'group.id': 'g' } : {}
  expect(() => prepareConfig(kind, { ...brokers, ...group, ...config }, context)).toThrow(
    expect.objectContaining({ code: '_INVALID_ARG', message: expect.stringContaining(message) }),
  )
}

function accepts(kind: ClientKind, config: object, context?: ConfigContext): void {
  const group = kind === 'share' ? { 'group.id': 'g' } : {}
  const pairs = Object.fromEntries(prepareConfig(kind, { ...brokers, ...group, ...config }, context))
  for (const name of Object.keys(config)) expect(pairs).toHaveProperty([name])
}

describe('brokers', () => {
  test.each(['producer', 'consumer', 'admin'] as const)('%s needs some', (kind) => {
    refuses(kind, { 'bootstrap.servers': undefined }, "'bootstrap.servers' is missing")
    refuses(kind, { 'bootstrap.servers': null }, "'bootstrap.servers' is missing")
    accepts(kind, { 'bootstrap.servers': 'a:1' })
  })

  test('may come from the mock cluster or a plugin', () => {
    expect(prepareConfig('producer', { 'test.mock.num.brokers': 1 })).toContainEqual(['test.mock.num.brokers', '1'])
    expect(prepareConfig('producer', { 'plugin.library.paths': 'x.so' })).toContainEqual([
      'plugin.library.paths',
      'x.so',
    ])
  })

  test('have the protocol of the client', () => {
    refuses('producer', { 'bootstrap.servers': 'a,ssl://b' }, "says ssl://, but 'security.protocol' is plaintext")
    accepts('producer', { 'bootstrap.servers': 'SSL://b', 'security.protocol': 'ssl' })
  })

  test('back off in order', () => {
    refuses('admin', { 'reconnect.backoff.ms': 20_000 }, "'reconnect.backoff.max.ms' (10000) must be at least")
    refuses('share', { 'reconnect.backoff.ms': 2000 }, "'reconnect.backoff.max.ms' (1000) must be at least")
    accepts('share', { 'reconnect.backoff.max.ms': 60 })
    accepts('admin', { 'reconnect.backoff.ms': 20_000, 'reconnect.backoff.max.ms': 20_000 })
  })
})

describe('a transactional or idempotent producer', () => {
  const transactional = { 'transactional.id': 't' }
  const idempotent = { 'enable.idempotence': true }

  test('transactions need idempotence', () => {
    refuses('producer', { ...transactional, 'enable.idempotence': false }, "'transactional.id' needs idempotence")
    accepts('producer', { ...transactional, ...idempotent })
    accepts('producer', transactional)
  })

  test.each([
    [{ acks: 1 }, "'acks' must be 'all' (-1)"],
    [{ 'request.required.acks': 0 }, "'request.required.acks' must be 'all' (-1)"],
    [{ 'max.in.flight': 6 }, "'max.in.flight' must be at most 5"],
    [{ retries: 0 }, "'retries' must be at least 1"],
    [{ 'queue.buffering.backpressure.threshold': 2 }, "'queue.buffering.backpressure.threshold' must be 1"],
    [{ 'queuing.strategy': 'lifo' }, "'queuing.strategy' must be 'fifo'"],
  ])('%j does not go with either', (config, message) => {
    refuses('producer', { ...idempotent, ...config }, `${message} with 'enable.idempotence'`)
    refuses('producer', { ...transactional, ...config }, `${message} with 'transactional.id'`)
    accepts('producer', config)
  })

  test('the limits themselves are accepted', () => {
    const limits = { acks: 'all', 'max.in.flight': 5, retries: 1, 'queue.buffering.backpressure.threshold': 1 }
    accepts('producer', { ...idempotent, ...limits, 'queuing.strategy': 'fifo' })
    accepts('consumer', { 'fetch.min.bytes': 100_000_000 })
    accepts('consumer', { 'fetch.min.bytes': 1 })
  })

  test('time-outs fit into the transaction', () => {
    const timeout = { ...transactional, 'transaction.timeout.ms': 10_000 }
    refuses('producer', { ...timeout, 'socket.timeout.ms': 10_101 }, "'socket.timeout.ms' (10101) must be at most")
    accepts('producer', { ...timeout, 'socket.timeout.ms': 10_100 })
    refuses('producer', { ...timeout, 'delivery.timeout.ms': 10_001 }, "'delivery.timeout.ms' (10001) must be at most")
    accepts('producer', { ...timeout, 'message.timeout.ms': 10_000 })
    accepts('producer', { 'transaction.timeout.ms': 10_000, 'socket.timeout.ms': 60_000 })
  })

  test('the gapless guarantee needs idempotence', () => {
    refuses('producer', { 'enable.gapless.guarantee': true }, "'enable.gapless.guarantee' needs 'enable.idempotence'")
    accepts('producer', { 'enable.gapless.guarantee': true, ...idempotent })
  })
})

describe('a producer', () => {
  test('does not let messages time out while they linger', () => {
    refuses(
      'producer',
      { 'linger.ms': 5, 'message.timeout.ms': 5 },
      "'linger.ms' (5) must be below 'message.timeout.ms' (5)",
    )
    refuses('producer', { 'queue.buffering.max.ms': 300_000 }, "'queue.buffering.max.ms' (300000) must be below")
    refuses('producer', { 'transactional.id': 't', 'linger.ms': 60_000 }, "'linger.ms' (60000) must be below")
    accepts('producer', { 'linger.ms': 5, 'message.timeout.ms': 6 })
    accepts('producer', { 'linger.ms': 900_000, 'message.timeout.ms': 0 })
    accepts('producer', { 'message.timeout.ms': 1 })
  })

  test('gets a report for every message', () => {
    refuses('producer', { 'delivery.report.only.error': true }, 'must stay false')
    accepts('producer', { 'delivery.report.only.error': false })
  })
})

describe('a consumer', () => {
  test.each([
    ['session.timeout.ms', 30_000, "group's 'consumer.session.timeout.ms'"],
    ['heartbeat.interval.ms', 1000, "group's 'consumer.heartbeat.interval.ms'"],
    ['partition.assignment.strategy', 'range', "use 'group.remote.assignor'"],
    ['group.protocol.type', 'consumer', 'no types'],
  ])('%s is for the classic protocol', (name, value, advice) => {
    refuses('consumer', { 'group.protocol': 'consumer', [name]: value }, `'${name}' does not go with 'group.protocol'`)
    refuses('consumer', { 'group.protocol': 'CONSUMER', [name]: value }, advice)
    accepts('consumer', { 'group.protocol': 'classic', [name]: value })
  })

  test('polls, lives and beats in order', () => {
    refuses(
      'consumer',
      { 'max.poll.interval.ms': 10_000 },
      "'max.poll.interval.ms' (10000) must be at least 'session.timeout.ms' (45000)",
    )
    accepts('consumer', { 'max.poll.interval.ms': 45_000 })
    refuses('consumer', { 'session.timeout.ms': 400_000 }, "'max.poll.interval.ms' (300000) must be at least")
    refuses(
      'consumer',
      { 'session.timeout.ms': 3000 },
      "'heartbeat.interval.ms' (3000) must be below 'session.timeout.ms' (3000)",
    )
    accepts('consumer', { 'session.timeout.ms': 3000, 'heartbeat.interval.ms': 1000 })
    accepts('consumer', { 'group.protocol': 'consumer', 'max.poll.interval.ms': 10_000 })
  })

  test('assigns by strategies of one kind', () => {
    const name = 'partition.assignment.strategy'
    refuses('consumer', { [name]: 'cooperative-sticky,range' }, 'all must be of one kind')
    accepts('consumer', { [name]: 'roundrobin,range' })
    accepts('consumer', { [name]: 'cooperative-sticky' })
  })

  test('fetches what it can receive', () => {
    refuses('consumer', { 'fetch.min.bytes': 0 }, "'fetch.min.bytes' must be an integer from 1 to 100000000")
    refuses('consumer', { 'fetch.min.bytes': 100_000_001 }, 'from 1 to 100000000')
    accepts('share', { 'fetch.min.bytes': 0 })
    refuses(
      'consumer',
      { 'fetch.max.bytes': 999_999 },
      "'fetch.max.bytes' (999999) must be at least 'message.max.bytes' (1000000)",
    )
    accepts('consumer', { 'fetch.max.bytes': 1_000_000 })
    accepts('share', { 'fetch.max.bytes': 999_999 })
    const fetch = { 'fetch.max.bytes': 2_000_000 }
    refuses('consumer', { ...fetch, 'receive.message.max.bytes': 2_000_511 }, "'fetch.max.bytes' (2000000) + 512")
    accepts('consumer', { ...fetch, 'receive.message.max.bytes': 2_000_512 })
    refuses(
      'consumer',
      { 'queued.max.messages.kbytes': 8192, 'receive.message.max.bytes': 8_388_608 },
      '(8388608) + 512',
    )
    accepts('producer', { 'receive.message.max.bytes': 1000 })
  })

  test('of a share group needs the group', () => {
    refuses('share', { 'group.id': undefined }, "a share consumer needs 'group.id'")
  })
})

describe('TLS', () => {
  test('a key store needs its password', () => {
    refuses('admin', { 'ssl.keystore.location': 'x' }, "'ssl.keystore.location' needs 'ssl.keystore.password'")
    accepts('admin', { 'ssl.keystore.location': 'x', 'ssl.keystore.password': 'y' })
  })

  test('certificates for HTTPS have one source; those of brokers may have two', () => {
    const pem = '-----BEGIN CERTIFICATE-----'
    refuses(
      'admin',
      { 'https.ca.location': 'probe', 'https.ca.pem': pem },
      "'https.ca.location' and 'https.ca.pem' are both set",
    )
    accepts('admin', { 'ssl.ca.location': 'probe', 'ssl.ca.pem': pem })
  })
})

describe('SASL', () => {
  const sasl = { 'security.protocol': 'sasl_ssl' }

  test.each(['PLAIN', 'scram-sha-256', 'SCRAM-SHA-512'])('%s needs name and password', (mechanism) => {
    const config = { ...sasl, 'sasl.mechanism': mechanism }
    refuses('admin', config, "needs 'sasl.username' and 'sasl.password'")
    refuses('admin', { ...config, 'sasl.username': 'u' }, "needs 'sasl.password'")
    accepts('admin', { ...config, 'sasl.username': 'u', 'sasl.password': 'p' })
    accepts('admin', { 'sasl.mechanism': mechanism })
  })

  const bearer = { ...sasl, 'sasl.mechanisms': 'OAUTHBEARER' }
  const at = 'sasl.oauthbearer'
  const oidc = { ...bearer, [`${at}.method`]: 'oidc', [`${at}.token.endpoint.url`]: 'https://idp/token' }
  const unsecured = { 'enable.sasl.oauthbearer.unsecure.jwt': true }

  test('OAUTHBEARER has exactly one source of tokens', () => {
    refuses('admin', bearer, 'needs a source of tokens', { tokenProvider: false })
    accepts('admin', bearer, { tokenProvider: true })
    accepts('admin', bearer)
    accepts('admin', { ...bearer, ...unsecured }, { tokenProvider: false })
    refuses('admin', { ...bearer, ...unsecured }, 'two sources of tokens', { tokenProvider: true })
    refuses('admin', { ...oidc, ...unsecured }, 'two sources of tokens')
    refuses('admin', oidc, 'two sources of tokens', { tokenProvider: true })
    refuses('admin', brokers, "'sasl.mechanisms' is GSSAPI: set it to 'OAUTHBEARER'", { tokenProvider: true })
  })

  test('OIDC needs to know where and as whom', () => {
    refuses('admin', { ...oidc, [`${at}.token.endpoint.url`]: undefined }, `needs '${at}.token.endpoint.url'`)
    refuses('admin', oidc, `needs '${at}.client.id'`)
    refuses('admin', { ...oidc, [`${at}.client.id`]: 'i' }, `needs '${at}.client.secret'`)
    accepts('admin', { ...oidc, [`${at}.client.id`]: 'i', [`${at}.client.credentials.client.secret`]: 's' })
    const metadata = { ...bearer, [`${at}.method`]: 'oidc', [`${at}.metadata.authentication.type`]: 'azure_imds' }
    refuses('admin', metadata, `needs '${at}.token.endpoint.url'`)
    accepts('admin', { ...metadata, [`${at}.config`]: 'query=resource' })
    accepts('admin', { ...metadata, [`${at}.metadata.authentication.type`]: 'aws_iam' })
  })

  test('an assertion is finished, or made from one key', () => {
    const jwt = { ...oidc, [`${at}.grant.type`]: 'urn:ietf:params:oauth:grant-type:jwt-bearer' }
    const [file, key] = [{ [`${at}.assertion.file`]: 'a' }, { [`${at}.assertion.private.key.file`]: 'k' }]
    refuses('admin', jwt, 'the grant type jwt-bearer needs')
    accepts('admin', { ...jwt, ...file })
    accepts('admin', { ...jwt, ...key, [`${at}.assertion.claim.aud`]: 'x' })
    refuses('admin', { ...jwt, ...file, ...key }, 'is a finished assertion')
    refuses('admin', { ...jwt, ...file, [`${at}.assertion.claim.exp.seconds`]: 5 }, 'claim.exp.seconds')
    const pem = { [`${at}.assertion.private.key.pem`]: '-----BEGIN PRIVATE KEY-----' }
    refuses('admin', { ...jwt, ...key, ...pem }, 'are both set')
  })
})
