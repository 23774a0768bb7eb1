// SASL OAUTHBEARER: tokens of an OpenID Connect server, and of a provider whose tokens do not last.
import { Consumer, type KafkaError, Producer, type ProducerConfig, type Statistics, type TokenProvider } from 'odradek'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAuthority, startCluster, uniqueTopic } from '../helpers/kafka.js'
import { TokenServer } from '../helpers/token-server.js'
import { rejection, waitFor } from '../helpers/wait.js'

const clientSecret = 'canary-client-secret'
const identity = { clientId: 'orders-service', clientSecret }
const reauthentication = 10_000
let plain: TokenServer
let secure: TokenServer
let authority: Awaited<ReturnType<typeof createAuthority>>
let cluster: Awaited<ReturnType<typeof startCluster>>

beforeAll(async () => {
  authority = await createAuthority()
  plain = await TokenServer.start({ ...identity, lifetime: 10 })
  secure = await TokenServer.start({ ...identity, lifetime: 300, tls: await authority.issue('tokens') })
  const { issuer, audience, jwksUrl } = plain
  const mechanisms: ['OAUTHBEARER'] = ['OAUTHBEARER']
  const config = { 'connections.max.reauth.ms': reauthentication }
  cluster = await startCluster({
    brokers: 1,
    listeners: {
      OIDC: { protocol: 'SASL_PLAINTEXT', mechanisms, oidc: { jwksUrl, issuer, audience }, config },
      UNSECURED: { protocol: 'SASL_PLAINTEXT', mechanisms, config },
    },
  })
})
afterAll(async () => {
  await cluster?.stop()
  await plain?.stop()
  await secure?.stop()
  await authority?.dispose()
})

const oauth = (listener: string) =>
  ({
    'bootstrap.servers': cluster.listeners[listener],
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanisms': 'OAUTHBEARER',
  }) as const

const oidc = (server: TokenServer, more: Partial<ProducerConfig> = {}) => ({
  ...oauth('OIDC'),
  'sasl.oauthbearer.method': 'oidc' as const,
  'sasl.oauthbearer.client.id': identity.clientId,
  'sasl.oauthbearer.client.secret': clientSecret,
  'sasl.oauthbearer.token.endpoint.url': server.tokenUrl,
  ...more,
})

describe('OpenID Connect', () => {
  it('gets a token with client id and secret, and sends the scope', async () => {
    const before = plain.requests.length
    await using producer = new Producer(oidc(plain, { 'sasl.oauthbearer.scope': 'kafka' }))
    await producer.ready()
    expect((await producer.send({ topic: 'oidc', value: 'v' })).status).toBe('persisted')
    expect(Object.fromEntries(plain.requests[before])).toEqual({ grant_type: 'client_credentials', scope: 'kafka' })
  })

  it('asks for the token over TLS, with an authority of its own', async () => {
    const topic = uniqueTopic('oidc')
    // Its key is not among those that the broker asks the other server for.
    const issued = secure.given.length
    await using stranger = new Producer(oidc(secure, { 'https.ca.pem': authority.certificate }))
    const error = await rejection(stranger.ready())
    expect(secure.given.length).toBeGreaterThan(issued)
    expect(error.code).toBe('_AUTHENTICATION')
    expect(error.message).toMatch(/refused the log-in/)
    await using distrustful = new Producer(oidc(secure))
    const refused = await rejection(distrustful.ready())
    expect(refused.code).toBe('_AUTHENTICATION')
    expect(refused.message).toMatch(/there is no token to log in with: .*(certificate|SSL)/i)
    await using consumer = new Consumer({ ...oidc(plain), 'group.id': topic } as never)
    await consumer.ready()
  })

  it('gets a token for an assertion that it signs', async () => {
    await using producer = new Producer({
      ...oauth('OIDC'),
      'sasl.oauthbearer.method': 'oidc',
      'sasl.oauthbearer.grant.type': 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'sasl.oauthbearer.token.endpoint.url': plain.tokenUrl,
      'sasl.oauthbearer.assertion.private.key.pem': plain.clientKey,
      'sasl.oauthbearer.assertion.claim.iss': identity.clientId,
      'sasl.oauthbearer.assertion.claim.aud': plain.issuer,
      'sasl.oauthbearer.assertion.claim.sub': 'service',
    })
    await producer.ready()
    expect(plain.requests.at(-1)?.get('grant_type')).toContain('jwt-bearer')
  })

  it('says what the token server said, never the secret', async () => {
    await using producer = new Producer(oidc(plain, { 'sasl.oauthbearer.client.secret': `${clientSecret}-wrong` }))
    const error = await rejection(producer.ready())
    expect(error.code).toBe('_AUTHENTICATION')
    expect(error.message).toMatch(/no token to log in with: .*invalid_client/)
    expect(JSON.stringify(error)).not.toContain(clientSecret)
  })
})

// Unsecured tokens, as Kafka's test handler takes them.
function unsecured(lifetime: number) {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Date.now() / 1000
  const token = `${part({ alg: 'none' })}.${part({ sub: 'carol', iat: now, exp: now + lifetime })}.`
  return { token, lifetimeMs: (now + lifetime) * 1000, principal: 'carol' }
}

/** Sends all the time until the condition holds; what was sent, and what became of it. */
async function load(config: ProducerConfig, tokenProvider: TokenProvider | undefined, until: () => boolean) {
  const errors: KafkaError[] = []
  let statistics: Statistics | undefined
  const producer = new Producer(
    { ...config, 'statistics.interval.ms': 500, 'reconnect.backoff.max.ms': 200 },
    {
      ...(tokenProvider ? { tokenProvider } : {}),
      onError: (error) => errors.push(error),
      onStatistics: (stats) => {
        statistics = stats
      },
    },
  )
  let sent = 0
  let failed = 0
  await waitFor(
    'the end of the load',
    async () => {
      const reports = await producer.sendBatch(
        'oauth-load',
        Array.from({ length: 100 }, () => ({ value: 'v' })),
      )
      sent += reports.length
      failed += reports.failures.length
      return until()
    },
    60_000,
  )
  const current = statistics
  await waitFor('statistics of the end', () => statistics !== current)
  await producer.close()
  const broker = Object.values(statistics?.brokers ?? {}).find(({ nodeid }) => nodeid === 1)
  return { errors, sent, failed, broker }
}

describe('tokens of ten seconds, under load', () => {
  it.concurrent('a provider: connections are authenticated again and stay', { timeout: 90_000 }, async () => {
    const asked: number[] = []
    const provider = async () => {
      asked.push(Date.now())
      return unsecured(10)
    }
    const from = Date.now()
    const { errors, sent, failed, broker } = await load(oauth('UNSECURED'), provider, () => {
      return asked.length >= 3 && Date.now() - from > 2.2 * reauthentication
    })
    expect(errors).toEqual([])
    expect(failed).toBe(0)
    expect(sent).toBeGreaterThan(1000)
    // Kafka ends a connection that does not authenticate again within these ten seconds.
    expect(broker).toMatchObject({ connects: 1, disconnects: 0 })
  })

  it.concurrent('OpenID Connect: the same', { timeout: 90_000 }, async () => {
    const issued = plain.given.length
    const from = Date.now()
    const { errors, failed, broker } = await load(oidc(plain), undefined, () => {
      return plain.given.length - issued >= 3 && Date.now() - from > 2.2 * reauthentication
    })
    expect(errors).toEqual([])
    expect(failed).toBe(0)
    expect(broker).toMatchObject({ connects: 1, disconnects: 0 })
  })

  it.concurrent('a provider that fails is reported and asked again, and nothing is lost', {
    timeout: 90_000,
  }, async () => {
    let asked = 0
    const provider = async () => {
      asked++
      if (asked === 2) throw new Error('the token server is down')
      return unsecured(10)
    }
    const { errors, failed, broker } = await load(oauth('UNSECURED'), provider, () => asked >= 4)
    expect(failed).toBe(0)
    const [first] = errors
    expect(first).toMatchObject({ code: '_AUTHENTICATION', retriable: true })
    expect(first.message).toBe('the tokenProvider failed: the token server is down')
    // Without a token in time, Kafka ended the connection; there was another with the next one.
    expect(broker?.connects).toBeGreaterThan(1)
  })
})
