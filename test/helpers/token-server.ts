// A small OpenID Connect provider: a token endpoint and its signing keys, on a port of this machine.
import { createSign, createVerify, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

const newKeys = () => generateKeyPairSync('rsa', { modulusLength: 2048 })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString())

export interface TokenServerOptions {
  clientId: string
  clientSecret: string
  /** Seconds. */
  lifetime: number
  /** Serves https with it. */
  tls?: { certificate: string; key: string }
}

export class TokenServer {
  readonly issuer = 'odradek-test'
  readonly audience = 'kafka'
  /** What the token endpoint was sent. */
  readonly requests: URLSearchParams[] = []
  /** The tokens that were given out. */
  readonly given: string[] = []
  /** Answers that are failures, from now on. */
  failing = 0
  readonly #keys = newKeys()
  readonly #clientKeys = newKeys()
  readonly #options: TokenServerOptions
  readonly #server: Server

  private constructor(options: TokenServerOptions) {
    this.#options = options
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response)
    const { tls } = options
    this.#server = tls
      ? (createSecureServer({ cert: tls.certificate, key: tls.key }, serve) as never)
      : createServer(serve)
  }

  static async start(options: TokenServerOptions): Promise<TokenServer> {
    const server = new TokenServer(options)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    const { port } = this.#server.address() as { port: number }
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
  }

  get tokenUrl(): string {
    return `${this.url}/token`
  }

  get jwksUrl(): string {
    return `${this.url}/keys`
  }

  /** With which a client signs its assertions (the grant jwt-bearer). */
  get clientKey(): string {
    return this.#clientKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/keys') {
      const key = this.#keys.publicKey.export({ format: 'jwk' })
      return answer(response, 200, { keys: [{ ...key, kid: 'key-1', use: 'sig', alg: 'RS256' }] })
    }
    let body = ''
    for await (const chunk of request) body += chunk
    const form = new URLSearchParams(body)
    this.requests.push(form)
    if (this.failing > 0) {
      this.failing--
      return answer(response, 500, { error: 'server_error', error_description: 'the token server is having a day off' })
    }
    if (!this.#authorized(request, form)) return answer(response, 401, { error: 'invalid_client' })
    const { lifetime } = this.#options
    const token = this.#token(lifetime)
    this.given.push(token)
    answer(response, 200, { access_token: token, token_type: 'Bearer', expires_in: lifetime })
  }

  #authorized(request: IncomingMessage, form: URLSearchParams): boolean {
    const { clientId, clientSecret } = this.#options
    const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`
    if (form.get('grant_type') === 'client_credentials') return request.headers.authorization === basic
    const assertion = form.get('assertion') ?? ''
    const [header, claims, signature] = assertion.split('.')
    const verify = createVerify('sha256').update(`${header}.${claims}`)
    if (!signature || !verify.verify(this.#clientKeys.publicKey, signature, 'base64url')) return false
    const { iss, aud, exp } = decode(claims)
    return iss === clientId && aud === this.issuer && exp > Date.now() / 1000
  }

  #token(lifetime: number): string {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: this.issuer,
      aud: this.audience,
      sub: 'service',
      iat: now,
      exp: now + lifetime,
      scope: 'kafka',
    }
    const content = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })}.${encode(claims)}`
    return `${content}.${createSign('sha256').update(content).sign(this.#keys.privateKey, 'base64url')}`
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
