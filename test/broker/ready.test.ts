// What keeps a client from its cluster: found within seconds, with a code and a message that says what to check.
import { createServer, type Server, type Socket } from 'node:net'
import { AdminClient, Consumer, KafkaError, Producer, type ProducerConfig } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthority, startCluster, uniqueGroup } from '../helpers/kafka.js'
import { rejection, waitFor } from '../helpers/wait.js'

const users = { alice: 'alice-secret' }
let cluster: Awaited<ReturnType<typeof startCluster>>
let authority: Awaited<ReturnType<typeof createAuthority>>
let stranger: Awaited<ReturnType<typeof createAuthority>>
let silent: Server
const sockets = new Set<Socket>()

beforeAll(async () => {
  authority = await createAuthority()
  stranger = await createAuthority()
  const tls = { ...(await authority.issue('broker')), ca: authority.certificate }
  const otherName = await authority.issue('broker', { names: ['kafka.example.com', '10.1.2.3'] })
  const mechanisms: ['PLAIN', 'SCRAM-SHA-512'] = ['PLAIN', 'SCRAM-SHA-512']
  cluster = await startCluster({
    brokers: 1,
    listeners: {
      SSL: { protocol: 'SSL', tls },
      MUTUAL: { protocol: 'SSL', tls, clientAuth: 'required' },
      OTHER_NAME: { protocol: 'SSL', tls: otherName },
      EXPIRED: { protocol: 'SSL', tls: await authority.issue('broker', { days: -1 }) },
      SASL: { protocol: 'SASL_PLAINTEXT', mechanisms, users },
      SASL_SSL: { protocol: 'SASL_SSL', tls, mechanisms, users },
      // Kafka says where to find it, and nobody can.
      ADVERTISED: { protocol: 'PLAINTEXT', host: 'broker-1.invalid' },
    },
    config: { 'connections.max.idle.ms': 3000 },
  })
  silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1')
  await waitFor('a server that says nothing', () => silent.listening)
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  silent?.close()
  await cluster?.stop()
  await authority?.dispose()
  await stranger?.dispose()
})

type Security = Omit<ProducerConfig, 'bootstrap.servers'>
const login = (password = users.alice, mechanism = 'PLAIN') =>
  ({ 'sasl.mechanisms': mechanism, 'sasl.username': 'alice', 'sasl.password': password }) as const
const trusted = () => ({ 'ssl.ca.pem': authority.certificate })

interface Case {
  servers: () => string
  security: () => Security
  code: string
  message: RegExp
}
const address = (name: string) => () => cluster.listeners[name]
const silentAddress = () => `127.0.0.1:${(silent.address() as { port: number }).port}`

const cases: Record<string, Case> = {
  'a wrong password (PLAIN)': {
    servers: address('SASL'),
    security: () => ({ 'security.protocol': 'sasl_plaintext', ...login('wrong') }),
    code: '_AUTHENTICATION',
    message: /127\.0\.0\.1:\d+ refused the log-in \(.*Invalid username or password\): check .*password/,
  },
  'a wrong password (SCRAM, over TLS)': {
    servers: address('SASL_SSL'),
    security: () => ({ 'security.protocol': 'sasl_ssl', ...trusted(), ...login('wrong', 'SCRAM-SHA-512') }),
    code: '_AUTHENTICATION',
    message: /refused the log-in \(.*invalid credentials.*\): check .*password/,
  },
  'a mechanism that is not offered': {
    servers: address('SASL'),
    security: () => ({ 'security.protocol': 'sasl_plaintext', ...login(users.alice, 'SCRAM-SHA-256') }),
    code: '_AUTHENTICATION',
    message: /does not offer SASL SCRAM-SHA-256: set 'sasl.mechanisms' to one of .*SCRAM-SHA-512/,
  },
  'a closed port': {
    servers: () => '127.0.0.1:1',
    security: () => ({}),
    code: '_TRANSPORT',
    message: /nothing listens at 127\.0\.0\.1:1 \(Connection refused\): check 'bootstrap.servers'/,
  },
  'an authority that is not trusted': {
    servers: address('SSL'),
    security: () => ({ 'security.protocol': 'ssl', 'ssl.ca.pem': stranger.certificate }),
    code: '_SSL',
    message: /signed by nobody whom this client trusts: check 'ssl.ca.location' or 'ssl.ca.pem'/,
  },
  'a certificate for another host': {
    servers: address('OTHER_NAME'),
    security: () => ({ 'security.protocol': 'ssl', ...trusted() }),
    code: '_SSL',
    message: /the certificate of 127\.0\.0\.1:\d+ is for another host: .*subjectAltName/,
  },
  'a certificate that has expired': {
    servers: address('EXPIRED'),
    security: () => ({ 'security.protocol': 'ssl', ...trusted() }),
    code: '_SSL',
    message: /the certificate of 127\.0\.0\.1:\d+, or its authority's, is not valid now/,
  },
  'no certificate of its own': {
    servers: address('MUTUAL'),
    security: () => ({ 'security.protocol': 'ssl', ...trusted() }),
    code: '_SSL',
    message: /wants a certificate of this client.*check 'ssl.certificate.pem' and 'ssl.key.pem'/,
  },
  'TLS to a listener without': {
    servers: () => cluster.brokers,
    security: () => ({ 'security.protocol': 'ssl', ...trusted() }),
    code: '_UNSUPPORTED_FEATURE',
    message: /does not speak TLS: set 'security.protocol' to 'plaintext' instead of 'ssl'/,
  },
  'no TLS to a listener with it': {
    servers: address('SSL'),
    security: () => ({}),
    code: '_UNSUPPORTED_FEATURE',
    message: /probably speaks TLS: set 'security.protocol' to 'ssl' instead of 'plaintext'/,
  },
  'SASL without TLS to a listener with both': {
    servers: address('SASL_SSL'),
    security: () => ({ 'security.protocol': 'sasl_plaintext', ...login() }),
    code: '_UNSUPPORTED_FEATURE',
    message: /probably speaks TLS: set 'security.protocol' to 'sasl_ssl' instead of 'sasl_plaintext'/,
  },
  'no SASL to a listener with it': {
    servers: address('SASL'),
    security: () => ({}),
    code: '_UNSUPPORTED_FEATURE',
    message: /probably wants SASL: set 'security.protocol' to 'sasl_plaintext'/,
  },
  'SASL to a listener without': {
    servers: () => cluster.brokers,
    security: () => ({ 'security.protocol': 'sasl_plaintext', ...login() }),
    code: '_UNSUPPORTED_FEATURE',
    message: /does not use SASL: set 'security.protocol' to 'plaintext'/,
  },
  'a name that does not resolve': {
    servers: () => 'no-such-host.invalid:9092',
    security: () => ({}),
    code: '_RESOLVE',
    message: /the name no-such-host\.invalid:9092 does not resolve \(.+\): check 'bootstrap.servers' and DNS/,
  },
  'an advertised name that does not resolve': {
    servers: () => cluster.listeners.ADVERTISED.replace('broker-1.invalid', '127.0.0.1'),
    security: () => ({}),
    code: '_RESOLVE',
    message:
      /the name broker-1\.invalid:\d+ does not resolve \(.+\): check the broker's 'advertised.listeners' and DNS/,
  },
  'something else that never answers': {
    servers: silentAddress,
    security: () => ({}),
    code: '_TIMED_OUT',
    message: /no broker has answered within 5000 ms/,
  },
}

const clients = {
  producer: (config: ProducerConfig) => new Producer(config),
  consumer: ({ ...config }: ProducerConfig) => new Consumer({ ...config, 'group.id': uniqueGroup() } as never),
  admin: (config: ProducerConfig) => new AdminClient(config as never),
}

describe.each(Object.entries(clients))('ready() of a %s', (_, open) => {
  it.concurrent.each(Object.entries(cases))('%s', async (_, { servers, security, code, message }) => {
    const client = open({ 'bootstrap.servers': servers(), ...security() })
    const from = performance.now()
    const error = await rejection(client.ready())
    const took = performance.now() - from
    await client.close({ timeout: 1000 })
    expect(error).toBeInstanceOf(KafkaError)
    expect(`${error.code}: ${error.message}`).toMatch(message)
    expect(error.code).toBe(code)
    if (code !== '_TIMED_OUT') expect((error.cause as KafkaError).message).toContain(servers().replace(/.*:/, ':'))
    expect(JSON.stringify(error)).not.toContain(users.alice)
    // 4.5 seconds, and what a loaded machine needs.
    expect(took).toBeLessThan(20_000)
  })

  it('resolves when a broker answers, again and again', async () => {
    const client = open({
      'bootstrap.servers': `127.0.0.1:1,${cluster.listeners.SASL_SSL}`,
      'security.protocol': 'sasl_ssl',
      ...trusted(),
      ...login(),
    })
    await client.ready()
    await Promise.all([client.ready(), client.ready({ timeout: 10_000 })])
    await client.close()
    expect((await rejection(client.ready())).code).toBe('_STATE')
  })
})

describe('ready()', () => {
  const nowhere = { 'bootstrap.servers': '127.0.0.1:1' } as const

  it('takes a timeout and a signal, and refuses others', async () => {
    await using producer = new Producer(nowhere)
    const from = performance.now()
    expect((await rejection(producer.ready({ timeout: 300 }))).code).toBe('_TRANSPORT')
    expect(performance.now() - from).toBeLessThan(20_000)
    const ending = new AbortController()
    const waiting = rejection(producer.ready({ timeout: 60_000, signal: ending.signal }))
    ending.abort(new Error('enough'))
    expect((await waiting).message).toBe('enough')
    expect((await rejection(producer.ready({ signal: ending.signal }))).message).toBe('enough')
    for (const timeout of [0, -1, Number.NaN, '5s' as never]) {
      expect(await rejection(producer.ready({ timeout }))).toMatchObject({ code: '_INVALID_ARG' })
    }
  })

  it('ends with the client', async () => {
    const producer = new Producer(nowhere)
    const waiting = rejection(producer.ready({ timeout: 60_000 }))
    await producer.close({ timeout: 1000 })
    expect((await waiting).code).toMatch(/^_(STATE|DESTROY)$/)
  })

  it('gives the error of a configuration that only librdkafka can judge', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n'
    const producer = new Producer({ ...nowhere, 'security.protocol': 'ssl', 'ssl.ca.pem': pem })
    const error = await rejection(producer.ready())
    expect(error).toMatchObject({ code: '_INVALID_ARG', fatal: true })
    expect(error.message).toContain('ssl.ca.pem')
    await producer.close()
  })

  it('succeeds with the password that was set after a wrong one', async () => {
    await using producer = new Producer({
      'bootstrap.servers': cluster.listeners.SASL,
      'security.protocol': 'sasl_plaintext',
      ...login('wrong'),
      'reconnect.backoff.max.ms': 300,
    })
    expect((await rejection(producer.ready())).code).toBe('_AUTHENTICATION')
    producer.setSaslCredentials('alice', users.alice)
    await producer.ready({ timeout: 30_000 })
  })
})

describe('operations that time out', () => {
  const refused = { message: /nothing listens at 127\.0\.0\.1:1 \(Connection refused\)/, code: '_TRANSPORT' }
  const nowhere = { 'bootstrap.servers': '127.0.0.1:1' } as const

  it('say why: requests, transactions, records', async () => {
    await using admin = new AdminClient(nowhere)
    await using producer = new Producer({ ...nowhere, 'message.timeout.ms': 500 })
    await using transactional = new Producer({ ...nowhere, 'transactional.id': 'none' })
    await using consumer = new Consumer({ ...nowhere, 'group.id': 'none' })
    const errors = await Promise.all([
      rejection(admin.describeTopics(['a'], { timeout: 500 })),
      rejection(admin.metadata({ timeout: 500 })),
      rejection(admin.clusterId({ timeout: 500 })),
      rejection(producer.send({ topic: 'a', value: 'b' })),
      rejection(transactional.initTransactions({ timeout: 1000 })),
      rejection(consumer.committed([{ topic: 'a', partition: 0 }], { timeout: 500 })),
    ])
    for (const error of errors) {
      expect(error.code).toMatch(/^_(MSG_)?TIMED_OUT$/)
      expect(error.message).toMatch(refused.message)
      expect(error.cause).toMatchObject({ code: '_TRANSPORT', cause: { code: '_TRANSPORT' } })
    }
  })
})

describe('onError', () => {
  it('says once that all brokers are down, and why', async () => {
    const errors: KafkaError[] = []
    const consumer = new Consumer(
      { 'bootstrap.servers': '127.0.0.1:1', 'group.id': 'none' },
      { onError: (error) => errors.push(error) },
    )
    await rejection(consumer.ready())
    await consumer.close({ timeout: 1000 })
    const down = errors.filter(({ code }) => code === '_ALL_BROKERS_DOWN')
    expect(down).toHaveLength(1)
    expect(down[0].message).toMatch(/1\/1 brokers are down: nothing listens at 127\.0\.0\.1:1/)
    expect(errors.some(({ code }) => code === '_TRANSPORT')).toBe(true)
  })

  it('does not hear of connections that brokers end because they are idle', { timeout: 90_000 }, async () => {
    const errors: KafkaError[] = []
    const ended: string[] = []
    const note = (_: object, line: string) => ended.push(line)
    const logger = { error: note, warn: note, info: note, debug: note }
    const options = { logger, onError: (error: KafkaError) => errors.push(error) }
    await using producer = new Producer({ 'bootstrap.servers': cluster.brokers }, options)
    await using admin = new AdminClient({ 'bootstrap.servers': cluster.brokers }, options)
    await producer.ready()
    await admin.ready()
    await waitFor(
      'ends of idle connections',
      () => ended.filter((line) => /Disconnected.*state UP/.test(line)).length > 3,
      60_000,
    )
    await producer.send({ topic: 'after-idling', value: 'v' })
    await admin.describeCluster()
    expect(errors).toEqual([])
    expect(producer.lastError).toBeUndefined()
  })
})
