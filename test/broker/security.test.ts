// TLS and SASL against real listeners, with keys and certificates made here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Consumer, type KafkaError, Producer, type ProducerConfig, type ProducerOptions } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthority, startCluster } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

const users = { alice: 'alice-"secret\\', bob: 'bob-secret' }
let cluster: Awaited<ReturnType<typeof startCluster>>
let authority: Awaited<ReturnType<typeof createAuthority>>
let client: Awaited<ReturnType<typeof authority.issue>>

beforeAll(async () => {
  authority = await createAuthority()
  const server = await authority.issue('broker')
  client = await authority.issue('client')
  const tls = { ...server, ca: authority.certificate }
  cluster = await startCluster({
    brokers: 1,
    listeners: {
      SSL: { protocol: 'SSL', tls },
      MUTUAL: { protocol: 'SSL', tls, clientAuth: 'required' },
      SASL_PLAINTEXT: { protocol: 'SASL_PLAINTEXT', mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], users },
      SASL_SSL: {
        protocol: 'SASL_SSL',
        tls,
        mechanisms: ['SCRAM-SHA-512', 'OAUTHBEARER'],
        users,
        config: { 'connections.max.reauth.ms': '10000' },
      },
    },
  })
}, 60_000)
afterAll(async () => {
  await cluster?.stop()
  await authority?.dispose()
})

type Security = Omit<ProducerConfig, 'bootstrap.servers'>

/** Sends a record through a listener and reads it back through the same. */
async function roundTrip(listener: string, security: Security, options: ProducerOptions = {}) {
  const config = { 'bootstrap.servers': cluster.listeners[listener], ...security }
  await using producer = new Producer({ ...config, 'message.timeout.ms': 15_000 }, options)
  const topic = `secured-${listener.toLowerCase()}-${String(security['sasl.mechanisms'] ?? 'none').toLowerCase()}`
  const report = await producer.send({ topic, value: 'v' })
  await using consumer = new Consumer({ ...config, 'group.id': `g-${topic}` } as never, options)
  await consumer.assign([{ topic, partition: report.partition, offset: report.offset }])
  expect((await consumer.poll(15_000))?.text()).toBe('v')
}

/** What is reported to onError, in a client that is meant to fail. */
async function trouble(listener: string, security: Security, options: ProducerOptions = {}) {
  const errors: KafkaError[] = []
  const servers = cluster.listeners[listener] ?? cluster.brokers
  const config = { 'bootstrap.servers': servers, 'message.timeout.ms': 60_000, ...security }
  const producer = new Producer(config, { ...options, onError: (error) => errors.push(error) })
  const sent = rejection(producer.send({ topic: 'secured', value: 'v' }))
  const from = performance.now()
  await waitFor('an error', () => errors.some(({ code }) => code !== '_ALL_BROKERS_DOWN'))
  expect(performance.now() - from).toBeLessThan(30_000)
  await producer.close({ timeout: 0 })
  expect((await sent).code).toMatch(/^_PURGE/)
  return errors.find(({ code }) => code !== '_ALL_BROKERS_DOWN') as KafkaError
}

const ca = () => ({ 'security.protocol': 'ssl', 'ssl.ca.pem': authority.certificate }) as const

describe('TLS', () => {
  it('with a private authority', () => roundTrip('SSL', ca()))

  it('with a certificate of our own, from strings and Buffers', async () => {
    const own = { 'ssl.certificate.pem': client.certificate, 'ssl.key.pem': Buffer.from(client.key) }
    await roundTrip('MUTUAL', { ...ca(), ...own })
    // TLS 1.3 tells a client that its certificate is missed only after its own handshake.
    expect((await trouble('MUTUAL', ca())).code).toMatch(/^_(SSL|TRANSPORT)$/)
  })

  it('with a PKCS#12 file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-'))
    const file = join(directory, 'client.p12')
    try {
      writeFileSync(file, await authority.pkcs12(client, 'changeit'))
      await roundTrip('MUTUAL', { ...ca(), 'ssl.keystore.location': file, 'ssl.keystore.password': 'changeit' })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('refuses an authority that it does not know', async () => {
    const other = await createAuthority()
    const error = await trouble('SSL', { 'security.protocol': 'ssl', 'ssl.ca.pem': other.certificate })
    expect(error.code).toBe('_SSL')
    expect(error.message).toMatch(/certificate verify failed|certificate/)
  })

  it('says so when the listener does not speak TLS', async () => {
    const error = await trouble('PLAINTEXT', ca())
    expect(error.code).toMatch(/^_(SSL|TRANSPORT)$/)
    expect(error.message).toContain('connecting to a PLAINTEXT broker listener?')
  })
})

describe('SASL', () => {
  const sasl = (mechanism: string, password = users.alice) =>
    ({ 'sasl.mechanisms': mechanism, 'sasl.username': 'alice', 'sasl.password': password }) as Security
  const plaintext = { 'security.protocol': 'sasl_plaintext' } as const

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('%s', (mechanism) =>
    roundTrip('SASL_PLAINTEXT', { ...plaintext, ...sasl(mechanism) }),
  )

  it('over TLS', () => roundTrip('SASL_SSL', { ...ca(), ...sasl('SCRAM-SHA-512'), 'security.protocol': 'sasl_ssl' }))

  it.each(['PLAIN', 'SCRAM-SHA-512'])(
    '%s: a wrong password is an authentication error that does not show it',
    async (m) => {
      const error = await trouble('SASL_PLAINTEXT', { ...plaintext, ...sasl(m, 'canary-password') })
      expect(error.code).toBe('_AUTHENTICATION')
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('canary')
    },
  )

  it('takes new credentials while it runs', async () => {
    const errors: string[] = []
    const producer = new Producer(
      {
        'bootstrap.servers': cluster.listeners.SASL_PLAINTEXT,
        ...plaintext,
        ...sasl('PLAIN', 'wrong'),
        'reconnect.backoff.max.ms': 300,
      },
      { onError: ({ code }) => errors.push(code) },
    )
    const sent = producer.send({ topic: 'secured-new', value: 'v' })
    await waitFor('the refusal', () => errors.includes('_AUTHENTICATION'))
    producer.setSaslCredentials('alice', users.alice)
    expect((await sent).status).toBe('persisted')
    await producer.close()
  })

  it('takes those that are given right after construction, before the client is open', async () => {
    await using producer = new Producer({
      'bootstrap.servers': cluster.listeners.SASL_PLAINTEXT,
      ...plaintext,
      ...sasl('PLAIN', 'wrong'),
      'reconnect.backoff.max.ms': 300,
    })
    producer.setSaslCredentials('alice', users.alice)
    expect((await producer.send({ topic: 'secured-new', value: 'v' })).status).toBe('persisted')
  })
})

describe('OAUTHBEARER', () => {
  const oauth = () => ({ ...ca(), 'security.protocol': 'sasl_ssl', 'sasl.mechanisms': 'OAUTHBEARER' }) as Security
  // Unsecured tokens, as Kafka's test handler takes them.
  const token = (lifetime: number) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const now = Date.now() / 1000
    const claims = { sub: 'carol', iat: now, exp: now + lifetime }
    return {
      token: `${part({ alg: 'none' })}.${part(claims)}.`,
      lifetimeMs: (now + lifetime) * 1000,
      principal: 'carol',
    }
  }

  it('asks the provider, and again before the token expires', async () => {
    let asked = 0
    const tokenProvider = async () => {
      asked++
      return token(3)
    }
    await using producer = new Producer(
      { 'bootstrap.servers': cluster.listeners.SASL_SSL, ...oauth() },
      { tokenProvider },
    )
    let delivered = 0
    await waitFor('three tokens', async () => {
      if ((await producer.send({ topic: 'secured-oauth', value: 'v' })).error === undefined) delivered++
      return asked >= 3
    })
    expect(delivered).toBeGreaterThan(10)
    await roundTrip('SASL_SSL', oauth(), { tokenProvider })
  })

  it('reports a provider that fails, and asks it again', async () => {
    const error = await trouble('SASL_SSL', oauth(), {
      tokenProvider: async () => {
        throw new Error('the token server is down')
      },
    })
    expect(error).toMatchObject({ code: '_AUTHENTICATION', retriable: true })
    expect(error.message).toContain('the tokenProvider failed: the token server is down')
  })

  it('is refused at construction without a provider', () => {
    expect(() => new Producer({ 'bootstrap.servers': 'localhost:1', ...oauth() })).toThrow(/tokenProvider/)
  })
})
