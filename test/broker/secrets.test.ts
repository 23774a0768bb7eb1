// No secret is ever shown: a canary value goes through every path, in processes whose whole output is read.

import { createPrivateKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { createAuthority, startCluster } from '../helpers/kafka.js'
import { TokenServer } from '../helpers/token-server.js'

const canary = 'canary-7f3a91'
const users = { alice: `${canary}-password` }
const directory = mkdtempSync(join(tmpdir(), 'odradek-secrets-'))
let cluster: Awaited<ReturnType<typeof startCluster>>
let authority: Awaited<ReturnType<typeof createAuthority>>
let own: Awaited<ReturnType<typeof authority.issue>>
let tokens: TokenServer

beforeAll(async () => {
  authority = await createAuthority()
  own = await authority.issue('client')
  tokens = await TokenServer.start({ clientId: 'service', clientSecret: `${canary}-secret`, lifetime: 300 })
  const tls = { ...(await authority.issue('broker')), ca: authority.certificate }
  const { issuer, audience, jwksUrl } = tokens
  cluster = await startCluster({
    brokers: 1,
    listeners: {
      SASL: { protocol: 'SASL_PLAINTEXT', mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], users },
      MUTUAL: { protocol: 'SSL', tls, clientAuth: 'required' },
      OIDC: { protocol: 'SASL_PLAINTEXT', mechanisms: ['OAUTHBEARER'], oidc: { jwksUrl, issuer, audience } },
      OAUTH: { protocol: 'SASL_PLAINTEXT', mechanisms: ['OAUTHBEARER'] },
    },
  })
})
afterAll(async () => {
  await cluster?.stop()
  await tokens?.stop()
  await authority?.dispose()
  rmSync(directory, { recursive: true })
})

// In the child: each kind of client with a configuration, used, watched and printed in every way there is.
const child = `
const { AdminClient } = odradek
const { inspect } = await import('node:util')
const show = (what) => {
  console.log(what)
  console.log(String(what), inspect(what, { depth: Infinity, showHidden: true, getters: true }))
  try { console.log(JSON.stringify(what)) } catch {}
  if (what instanceof Error) for (let e = what; e; e = e.cause) console.log(e.message, e.stack)
}
const log = (fields, line) => show([fields, line])
const logger = { error: log, warn: log, info: log, debug: log }
async function exercise(config, options = {}, action = async () => {}) {
  const kinds = [
    () => new Producer({ 'message.timeout.ms': 2500, ...config }, given),
    () => new Consumer({ 'group.id': 'secrets', ...config }, given),
    () => new AdminClient(config, given),
  ]
  const given = { onError: show, onStatistics: show, logger, ...options }
  await Promise.all(kinds.map(async (make) => {
    let client
    try { client = make() } catch (error) { return show(error) }
    show(client)
    await client.ready({ timeout: 2500 }).then(() => console.log('READY'), show)
    if (client instanceof Producer) await client.send({ topic: 'secrets', value: 'v' }).then(show, show)
    await action(client)
    show(client)
    show(client.lastError)
    await client.close({ timeout: 3000 }).catch(show)
    show(client)
  }))
}
const everything = { debug: 'all', 'statistics.interval.ms': 300 }
`

/** Runs it; the output has each of these words and never the canary, plain or in base64. */
async function expectSilent(source: string, words: RegExp[], secrets: string[] = []): Promise<void> {
  const { code, output } = await runModule(child + source, { timeout: 60_000 })
  secrets = [...secrets, ...tokens.given.map((token) => token.split('.')[2])]
  for (const word of words) expect(output).toMatch(word)
  const forms = [canary, ...secrets].flatMap((secret) => [
    secret,
    // Wherever it begins within three bytes.
    ...[0, 1, 2].map((at) =>
      Buffer.from(secret)
        .subarray(at, at + 3 * Math.floor((secret.length - at) / 3))
        .toString('base64'),
    ),
  ])
  for (const form of forms) {
    const at = output.indexOf(form)
    expect(at < 0 ? '' : output.slice(Math.max(0, at - 300), at + 100)).toBe('')
  }
  expect(code).toBe(0)
}

const literal = (value: unknown) => JSON.stringify(value)
const servers = (listener: string) => ({ 'bootstrap.servers': cluster.listeners[listener] })

describe('passwords', () => {
  const login = (mechanism: string, password: string) => ({
    ...servers('SASL'),
    'security.protocol': 'sasl_plaintext',
    'sasl.mechanisms': mechanism,
    'sasl.username': 'alice',
    'sasl.password': password,
  })

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('of SASL %s: right, wrong, changed', async (mechanism) => {
    await expectSilent(
      `
      await exercise({ ...${literal(login(mechanism, users.alice))}, ...everything })
      await exercise({ ...${literal(login(mechanism, `${canary}-wrong`))}, ...everything }, {}, async (client) => {
        client.setSaslCredentials('alice', '${canary}-changed')
        await client.ready({ timeout: 1500 }).catch(show)
        try { client.setSaslCredentials('', '${canary}') } catch (error) { show(error) }
      })`,
      [/READY/, /refused the log-in/, /persisted/, /"txmsgs"/, /SASL/],
    )
  })

  it('of users that are made', async () => {
    await expectSilent(
      `
      await exercise({ 'bootstrap.servers': ${literal(cluster.brokers)}, ...everything }, {}, async (client) => {
        if (!(client instanceof AdminClient)) client = AdminClient.from(client)
        for (const one of [
          { user: 'bob', mechanism: 'SCRAM-SHA-512', password: '${canary}' },
          { user: 'bob', mechanism: 'SCRAM-SHA-256', password: '${canary}', iterations: 1 },
          { user: '', mechanism: 'SCRAM-SHA-256', password: '${canary}' },
          { user: 'bob', mechanism: 'SCRAM', password: '${canary}' },
          { user: 'bob', mechanism: 'SCRAM-SHA-256', password: ['${canary}'] },
        ]) await client.alterUserScramCredentials([one], { timeout: 3000 }).then(show, show)
        show(await client.describeUserScramCredentials())
      })`,
      [/READY/, /iterations/, /user: 'bob'/],
    )
  })

  it('of brokers, in their configuration', async () => {
    await expectSilent(
      `
      await exercise({ 'bootstrap.servers': ${literal(cluster.brokers)}, ...everything }, {}, async (client) => {
        if (!(client instanceof AdminClient)) client = AdminClient.from(client)
        const name = 'listener.name.none.ssl.key.password'
        for (const value of ['${canary}', '${canary}\\0', ['${canary}'], { a: '${canary}' }, () => '${canary}']) {
          const options = { timeout: 3000, validateOnly: true }
          const resource = { type: 'broker', name: 1 }
          await client.alterConfigs([{ ...resource, config: { [name]: value } }], options).then(show, show)
          await client.incrementalAlterConfigs([{ ...resource, entries: [{ name, value }] }], options).then(show, show)
        }
      })`,
      [/READY/, /password is a text without a NUL/, /got an array/, /got an object/, /got a function/, /name: '1'/],
    )
  })
})

describe('keys', () => {
  it('and their passphrases: PEM and PKCS#12, right and wrong', async () => {
    const passphrase = `${canary}-passphrase`
    const encrypted = createPrivateKey(own.key).export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase,
    }) as string
    const file = join(directory, 'client.p12')
    writeFileSync(file, await authority.pkcs12(own, passphrase))
    const tls = { ...servers('MUTUAL'), 'security.protocol': 'ssl', 'ssl.ca.pem': authority.certificate }
    const pem = { ...tls, 'ssl.certificate.pem': own.certificate, 'ssl.key.pem': encrypted }
    const store = { ...tls, 'ssl.keystore.location': file }
    // Lines of the key itself.
    const lines = [own.key, encrypted].flatMap((key) =>
      key.split('\n').filter((line) => line && !line.startsWith('--')),
    )
    await expectSilent(
      `
      const tls = ${literal(tls)}, pem = ${literal(pem)}, store = ${literal(store)}
      await exercise({ ...pem, 'ssl.key.password': ${literal(passphrase)}, ...everything })
      await exercise({ ...pem, 'ssl.key.password': '${canary}-wrong', ...everything })
      await exercise({ ...tls, 'ssl.certificate.pem': pem['ssl.certificate.pem'], 'ssl.key.pem': ${literal(own.key)}, ...everything })
      await exercise({ ...store, 'ssl.keystore.password': ${literal(passphrase)}, ...everything })
      await exercise({ ...store, 'ssl.keystore.password': '${canary}-wrong', ...everything })
      await exercise({ ...tls, 'ssl.key.pem': '-----BEGIN PRIVATE KEY-----\\n${canary}\\n-----END PRIVATE KEY-----', ...everything })`,
      [/READY/, /ssl\.key\.pem|ssl\.key\.password|private key/i, /ssl\.keystore/],
      lines,
    )
  })
})

describe('tokens', () => {
  it('of a provider, good and bad, and a provider that throws', async () => {
    await expectSilent(
      `
      const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
      const now = Date.now() / 1000
      const token = part({ alg: 'none' }) + '.' + part({ sub: '${canary}', iat: now, exp: now + 300 }) + '.'
      const good = { token, lifetimeMs: (now + 300) * 1000, principal: 'carol' }
      const config = { 'bootstrap.servers': ${literal(cluster.listeners.OAUTH)}, 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'OAUTHBEARER', ...everything }
      const bad = [
        good,
        { ...good, token: '${canary}' },
        { ...good, token: '${canary}\\u0001' },
        { ...good, lifetimeMs: 1 },
        { ...good, lifetimeMs: '${canary}' },
        { ...good, principal: undefined },
        { ...good, extensions: { auth: '${canary}' } },
        { ...good, extensions: { 'a b': '${canary}' } },
        '${canary}',
      ]
      await Promise.all(bad.map((token) => exercise({ ...config, 'sasl.oauthbearer.config': '${canary}' }, { tokenProvider: () => token })))
      const failing = () => { throw new Error('no token today') }
      await exercise({ ...config, 'sasl.oauthbearer.config': '${canary}' }, { tokenProvider: failing })`,
      [/READY/, /persisted/, /the tokenProvider failed/, /no token today/],
    )
  })

  it('of OpenID Connect, with the secret right and wrong', async () => {
    const oidc = {
      ...servers('OIDC'),
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanisms': 'OAUTHBEARER',
      'sasl.oauthbearer.method': 'oidc',
      'sasl.oauthbearer.client.id': 'service',
      'sasl.oauthbearer.token.endpoint.url': tokens.tokenUrl,
    }
    const jwt = {
      ...oidc,
      'sasl.oauthbearer.grant.type': 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'sasl.oauthbearer.assertion.private.key.pem': tokens.clientKey,
      'sasl.oauthbearer.assertion.claim.iss': 'service',
      'sasl.oauthbearer.assertion.claim.aud': tokens.issuer,
      'sasl.oauthbearer.assertion.claim.sub': 'service',
    }
    await expectSilent(
      `
      const oidc = ${literal(oidc)}
      await exercise({ ...oidc, 'sasl.oauthbearer.client.secret': '${canary}-secret', ...everything })
      await exercise({ ...oidc, 'sasl.oauthbearer.client.secret': '${canary}-wrong', ...everything })
      const { 'sasl.oauthbearer.client.id': _, ...jwt } = ${literal(jwt)}
      await exercise({ ...jwt, ...everything })`,
      [/READY/, /persisted/, /401/],
      tokens.clientKey.split('\n').filter((line) => line && !line.startsWith('--')),
    )
  })
})

describe('configurations that are refused', () => {
  it('name the property and not the value', async () => {
    await expectSilent(
      `
      const base = { 'bootstrap.servers': 'localhost:9092' }
      const secrets = ['sasl.password', 'sasl.username', 'ssl.key.password', 'ssl.key.pem', 'ssl.keystore.password', 'ssl.ca.pem',
        'sasl.oauthbearer.config', 'sasl.oauthbearer.client.secret', 'sasl.oauthbearer.assertion.private.key.pem', 'sasl.oauthbearer.assertion.private.key.passphrase',
        'sasl.pasword', 'password', 'sasl.jaas.config', 'ssl.truststore.location']
      const closing = []
      const open = (config) => {
        for (const make of [() => new Producer(config), () => new Consumer({ ...config, 'group.id': 'g' }), () => new AdminClient(config)]) {
          try {
            const client = make()
            show(client)
            closing.push(client.ready({ timeout: 200 }).catch(show).then(() => client.close({ timeout: 0 })))
          } catch (error) { show(error) }
        }
      }
      for (const name of secrets) {
        for (const value of ['${canary}', ['${canary}'], { '${canary}': '${canary}' }, '${canary}\\0', Buffer.from('${canary}')]) {
          open({ ...base, [name]: value, 'security.protocol': 'sasl_ssl', 'sasl.mechanisms': 'OAUTHBEARER' })
        }
      }
      open({ 'bootstrap.servers': 'user:${canary}@localhost:9092' })
      open({ ...base, 'sasl.password': '${canary}', 'sasl_password': '${canary}2' })
      await Promise.all(closing)`,
      [/unknown property 'sasl.pasword', did you mean 'sasl.password'/, /ssl\.key\.pem/],
    )
  })
})
