// SASL OAUTHBEARER with a program's own tokens: asked for before the first connection, and before each expires.
import type { NativeClient } from './binding.js'
import { KafkaError } from './errors.js'

export interface OAuthBearerToken {
  token: string
  /** When it expires: milliseconds since 1970. librdkafka asks for the next at 80 % of the time until then. */
  lifetimeMs: number
  /** Whom it stands for. */
  principal: string
  /** SASL extensions (KIP-342). */
  extensions?: Readonly<Record<string, string>>
}

/** Called with `sasl.oauthbearer.config`; the signal aborts when the client closes. What it throws is reported and tried again. */
export type TokenProvider = (context: {
  config: string
  signal: AbortSignal
}) => OAuthBearerToken | Promise<OAuthBearerToken>

const failed = 'the tokenProvider failed: '

/** @internal */
export class TokenRefresher {
  readonly #native: NativeClient
  readonly #provider: TokenProvider | undefined
  readonly #report: (error: KafkaError) => void
  readonly #closing = new AbortController()
  #running = false

  constructor(native: NativeClient, provider: TokenProvider | undefined, report: (error: KafkaError) => void) {
    this.#native = native
    this.#provider = provider
    this.#report = report
  }

  /** The client closes: an answer is of no use any more. */
  stop(): void {
    this.#closing.abort()
  }

  async refresh(config: string): Promise<void> {
    if (this.#running || this.#closing.signal.aborted) return
    this.#running = true
    try {
      if (!this.#provider) throw new Error('there is no tokenProvider among the options of the client')
      const token = await this.#provider({ config, signal: this.#closing.signal })
      if (!this.#closing.signal.aborted) this.#set(token)
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#fail(error)
    } finally {
      this.#running = false
    }
  }

  #set(given: OAuthBearerToken): void {
    const { token, lifetimeMs, principal, extensions } = given ?? {}
    if (typeof token !== 'string' || typeof principal !== 'string' || !Number.isFinite(lifetimeMs)) {
      throw new Error('it is to return { token: string, lifetimeMs: ms since 1970, principal: string }')
    }
    const error = this.#native.setToken(token, lifetimeMs, principal, Object.entries(extensions ?? {}).flat())
    if (error) throw new Error(withoutValue(error.message))
  }

  /** librdkafka reports what it was told of a failure, which has been reported. */
  static isEcho({ message }: KafkaError): boolean {
    return message.includes(`SASL OAUTHBEARER token: ${failed}`)
  }

  #fail(cause: unknown): void {
    const why = `${failed}${cause instanceof Error ? cause.message : String(cause)}`
    this.#native.setTokenFailure(why)
    this.#report(new KafkaError('_AUTHENTICATION', why, { retriable: true, cause }))
  }
}

/** librdkafka ends what it says of a token with the token, or as much of it as there is room for. */
function withoutValue(message: string): string {
  return message.startsWith('Must supply an unexpired token') ? message : message.split(': ')[0]
}
