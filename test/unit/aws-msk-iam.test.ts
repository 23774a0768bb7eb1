// Tokens for AWS MSK: what AWS documents them to be, made without a network from credentials that are nobody's.
import { createHash, createHmac } from 'node:crypto'
import { awsMskIamTokenProvider } from 'odradek/aws-msk-iam'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { runModule } from '../helpers/child.js'
import { rejection } from '../helpers/wait.js'

const accessKeyId = 'AKIAEXAMPLEEXAMPLE00'
const secretAccessKey = 'canary-secret-access-key'
const sessionToken = 'session-token'
const region = 'eu-central-1'
const context = () => ({ config: '', signal: new AbortController().signal })
const urlOf = (token: string) => new URL(Buffer.from(token, 'base64url').toString())

/** Signature version 4 of the URL, from AWS's description of it. */
function signatureOf(url: URL): string {
  const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest()
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
  // Not signed: the signature, and what the signer adds after it.
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature' && name !== 'User-Agent')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
  const date = url.searchParams.get('X-Amz-Date') as string
  const scope = `${date.slice(0, 8)}/${region}/kafka-cluster/aws4_request`
  const request = ['GET', '/', query, `host:${url.host}\n`, 'host', sha256('')].join('\n')
  const key = ['kafka-cluster', 'aws4_request'].reduce<Buffer>(
    hmac,
    hmac(hmac(`AWS4${secretAccessKey}`, date.slice(0, 8)), region),
  )
  return hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(request)].join('\n')).toString('hex')
}

function expectToken(token: string, lifetimeMs: number): void {
  const url = urlOf(token)
  expect(url.origin).toBe(`https://kafka.${region}.amazonaws.com`)
  const parameters = Object.fromEntries(url.searchParams)
  expect(parameters).toMatchObject({
    Action: 'kafka-cluster:Connect',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Expires': '900',
    'X-Amz-Security-Token': sessionToken,
    'X-Amz-SignedHeaders': 'host',
  })
  const date = parameters['X-Amz-Date']
  expect(date).toMatch(/^\d{8}T\d{6}Z$/)
  expect(parameters['X-Amz-Credential']).toBe(`${accessKeyId}/${date.slice(0, 8)}/${region}/kafka-cluster/aws4_request`)
  expect(parameters['X-Amz-Signature']).toBe(signatureOf(url))
  expect(token).not.toMatch(/[+/=]/)
  const signed = Date.parse(date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'))
  expect(lifetimeMs).toBe(signed + 900_000)
  expect(Buffer.from(token, 'base64url').toString()).not.toContain(secretAccessKey)
}

describe('a token', () => {
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey)
    vi.stubEnv('AWS_SESSION_TOKEN', sessionToken)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  })
  afterEach(() => void vi.unstubAllEnvs())

  it('is a signed URL in base64url, by the default chain of credentials', async () => {
    const { token, lifetimeMs, principal } = await awsMskIamTokenProvider({ region })(context())
    expectToken(token, lifetimeMs)
    expect(principal).toBe('aws-msk-iam')
    expect(lifetimeMs - Date.now()).toBeGreaterThan(800_000)
  })

  it('comes from a provider of credentials that is given, asked for each token', async () => {
    vi.unstubAllEnvs()
    const credentials = vi.fn(async () => ({ accessKeyId, secretAccessKey, sessionToken }))
    const provider = awsMskIamTokenProvider({ region, credentials })
    for (const _ of [1, 2]) {
      const { token, lifetimeMs } = await provider(context())
      expectToken(token, lifetimeMs)
    }
    expect(credentials).toHaveBeenCalledTimes(2)
  })

  it('is not made when there are no credentials, and the error says whose fault that is', async () => {
    const credentials = async () => Promise.reject(new Error('no role here'))
    await expect(awsMskIamTokenProvider({ region, credentials })(context())).rejects.toThrow(/no role here/)
  })
})

it.each([
  [undefined, /it takes \{ region/],
  [{}, /region is missing/],
  [{ region: '' }, /region must be a non-empty string/],
  [{ region, role: 'x' }, /unknown option role; known are region, profile, roleArn/],
  [{ region, profile: 'a', roleArn: 'b' }, /three sources/],
  [{ region, credentials: {} }, /credentials must be a function/],
  [{ region, roleSessionName: 'a' }, /roleSessionName goes with roleArn/],
])('refuses %j', async (options, message) => {
  const error = await rejection(Promise.resolve().then(() => awsMskIamTokenProvider(options as never)))
  expect(error).toMatchObject({ code: '_INVALID_ARG', message: expect.stringMatching(message) })
})

it('names the package to install when it is missing', async () => {
  // As on a machine where nobody installed it: the child's loader does not find it.
  const hooks = `export async function resolve(name, context, next) {
    if (name !== 'aws-msk-iam-sasl-signer-js') return next(name, context)
    throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const dist = new URL('../../dist/aws-msk-iam.js', import.meta.url).href
  const { code, output } = await runModule(`
    const { register } = await import('node:module')
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    const { awsMskIamTokenProvider } = await import(${JSON.stringify(dist)})
    const provider = awsMskIamTokenProvider({ region: 'eu-central-1' })
    const error = await provider({ config: '' }).catch((error) => error)
    console.log(error.code, error.message)
    // And a client says so.
    const producer = new Producer(
      { 'bootstrap.servers': 'localhost:1', 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': 'OAUTHBEARER' },
      { tokenProvider: provider },
    )
    console.log((await producer.ready({ timeout: 1000 }).catch((error) => error)).message)
    await producer.close({ timeout: 0 })
  `)
  expect(output).toContain('_UNSUPPORTED_FEATURE AWS MSK IAM needs the package aws-msk-iam-sasl-signer-js: npm install')
  expect(output).toContain('the tokenProvider failed: AWS MSK IAM needs the package')
  expect(code).toBe(0)
})
