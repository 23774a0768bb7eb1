// What every client shares: the state machine open / closing / closed, commands and their answers, events.
import { abortable } from './abort.js'
import { Dispatch, type DispatchFunction, type NativeClient } from './binding.js'
import { checkCredential, checkOptions } from './client-check.js'
import { ConnectionTrouble } from './connection-trouble.js'
import { about, type ErrorCode, ErrorCodes, KafkaError, type NativeError } from './errors.js'
import { ready } from './ready.js'
import type { Statistics } from './statistics.generated.js'
import { lazyStatistics } from './statistics.js'
import { type TokenProvider, TokenRefresher } from './token-provider.js'
import { onNextTurn } from './turn.js'

/** How long an operation may take and how to stop waiting for it. */
export interface OperationOptions {
  /** Milliseconds. */
  timeout?: number
  /** Aborting stops the waiting, with the signal's reason; what was begun may still take effect. */
  signal?: AbortSignal
}

/** Log levels are syslog's: 0 emergency … 3 error, 4 warning, 6 info, 7 debug. */
export interface LogEntry {
  level: number
  facility: string
  message: string
  client: string
}

/** pino's shape, console's too. */
export interface Logger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
  debug(fields: object, message: string): void
}

/** Broker's throttling of a request (throttle_cb). */
export interface Throttle {
  broker: string
  brokerId: number
  /** Milliseconds. */
  throttleTime: number
}

/** Program values of every client, second argument of its constructor. */
export interface ClientOptions {
  /** Errors that belong to no call: connection trouble, authentication. Informational unless `error.fatal`. */
  onError?: (error: KafkaError) => void
  /** Statistics every `statistics.interval.ms`; their text is parsed when one of them is read. */
  onStatistics?: (statistics: Statistics) => void
  onThrottle?: (throttle: Throttle) => void
  /** librdkafka's log lines (see `debug`, `log_level`). Without one only fatal trouble is written, to stderr. */
  logger?: Logger
  /** For SASL OAUTHBEARER with tokens of one's own: called before the first connection and before each token expires. */
  tokenProvider?: TokenProvider
}

interface Command {
  resolve(value: unknown): void
  reject(error: unknown): void
  /** Runs while the answer is dispatched, before anything that crossed after it. */
  settled: ((value: unknown, error: NativeError | null) => void) | undefined
  /** Keeps the process alive. */
  held: boolean
}

type State = 'open' | 'closing' | 'closed'

export abstract class Client<Native extends NativeClient> {
  readonly #options: ClientOptions
  readonly #commands = new Map<number, Command>()
  #nextCommand = 1
  #state: State = 'open'
  #closing: Promise<void> | undefined
  #failure: KafkaError | undefined
  #lastError: KafkaError | undefined
  readonly #statisticsListeners = new Set<(statistics: Statistics) => void>()
  readonly #tokens: TokenRefresher
  readonly #trouble = new ConnectionTrouble()
  protected readonly native: Native
  /** What an error with this code is about: the group that is not to be read in, and the like. */
  protected resources: Readonly<Partial<Record<ErrorCode, string>>> = {}

  /** The client's name in logs and statistics: `client.id`, or a default of librdkafka's. */
  readonly name: string

  constructor(create: (dispatch: DispatchFunction) => Native, name: string, options: ClientOptions) {
    this.name = name
    this.#options = options
    try {
      const dispatch: DispatchFunction = (kind, a, b, c, d) => {
        if (kind === Dispatch.turn) return void onNextTurn(nextTurn)
        if (kind === Dispatch.messages) this.answered()
        this.dispatch(kind, a, b, c, d)
      }
      const nextTurn = () => this.native.nextTurn(dispatch)
      this.native = create(dispatch)
    } catch (error) {
      throw nativeThrow(error)
    }
    this.#tokens = new TokenRefresher(this.native, options.tokenProvider, (error) => this.report(error))
  }

  /**
   * Waits until a broker can be used: found, connected to, authenticated with. Not needed before anything else; for a
   * program that shall fail at its start rather than at its first message, and for probes.
   *
   * Rejects within `timeout` milliseconds (5 s without one), at once where trying again is of no use, with a KafkaError
   * whose message says what to check: `_AUTHENTICATION` the log-in, `_SSL` a certificate, `_UNSUPPORTED_FEATURE`
   * `security.protocol`, `_RESOLVE` a host's name, `_TRANSPORT` a port where nothing listens, `_TIMED_OUT` nobody
   * answered; `_STATE` when closed, or the client's fatal error.
   */
  async ready(options: OperationOptions = {}): Promise<void> {
    this.assertOpen()
    checkOptions(options, 'ready', ['timeout', 'signal'])
    await ready(
      {
        name: this.name,
        trouble: this.#trouble,
        fatal: () => this.#failure,
        describe: (timeout, signal) => {
          return this.command((id) => this.native.admin(id, 'describeCluster', null, { timeout }), signal)
        },
      },
      options,
    )
  }

  /**
   * New credentials for SASL PLAIN and SCRAM, used from the next authentication on (rd_kafka_sasl_set_credentials); right
   * after construction, too. Throws KafkaError `_INVALID_ARG` for what is no text or empty, `_STATE` when closed.
   */
  setSaslCredentials(username: string, password: string): void {
    this.assertOpen()
    checkCredential(username, 'username')
    checkCredential(password, 'password')
    const error = this.native.setSaslCredentials(username, password)
    if (error) throw KafkaError.from(error)
    this.#trouble.clear()
  }

  /** @internal Raises a fatal error (rd_kafka_test_fatal_error), to see what becomes of the client. */
  testFatalError(code: ErrorCode, reason: string): void {
    this.native.testFatalError(ErrorCodes[code], reason)
  }

  /** True from the call of `close` on. */
  get closed(): boolean {
    return this.#state !== 'open'
  }

  /** The last error of `onError`, for probes. */
  get lastError(): KafkaError | undefined {
    return this.#lastError
  }

  /** The fatal error that made this client useless, if there is one. */
  get fatalError(): KafkaError | undefined {
    return this.#failure
  }

  /** Throws when the client is closed, closing or of no use. */
  protected assertOpen(): void {
    if (this.#failure) throw this.#failure
    if (this.#state === 'open' || (this.#state === 'closing' && this.usableWhileClosing)) return
    throw closedError(this.name)
  }

  /** A consumer's hooks may still commit while it closes. */
  protected get usableWhileClosing(): boolean {
    return false
  }

  protected dispatch(kind: number, a: unknown, b: unknown, c: unknown, _d: unknown): void {
    switch (kind) {
      case Dispatch.command:
        this.#answer(a as number, b as NativeError | null, c)
        break
      case Dispatch.opened:
        if (a) this.#fail(KafkaError.from({ ...(a as NativeError), fatal: true }))
        break
      case Dispatch.error: {
        const error = this.#named(KafkaError.from(a as NativeError))
        if (error.fatal) this.#fail(error)
        else if (!TokenRefresher.isEcho(error)) this.report(error)
        break
      }
      case Dispatch.log:
        this.#log(a as number, b as string, c as string)
        break
      case Dispatch.statistics:
        this.#statistics(a as string)
        break
      case Dispatch.tokenRefresh:
        void this.#tokens.refresh(a as string)
        break
      case Dispatch.throttle:
        guard(() =>
          this.#options.onThrottle?.({ broker: a as string, brokerId: b as number, throttleTime: c as number }),
        )
        break
    }
  }

  #answer(id: number, error: NativeError | null, value: unknown): void {
    const command = this.#commands.get(id)
    if (!command) return
    this.#commands.delete(id)
    this.#unhold(command)
    command.settled?.(value, error)
    // The event that reports it may cross later; what is called next has to know already.
    if (error?.fatal) this.#failure ??= KafkaError.from(error)
    if (error) command.reject(error)
    else command.resolve(value)
  }

  #unhold(command: Command): void {
    if (!command.held) return
    command.held = false
    this.native.unhold()
  }

  #named(error: KafkaError): KafkaError {
    return about(error, this.resources[error.code] ?? '')
  }

  #fail(error: KafkaError): void {
    this.#failure ??= error
    this.report(error)
    this.failed(error)
  }

  /** @internal To `onError`; an error that belongs to no call. */
  protected report(error: KafkaError): void {
    const reported = this.#trouble.note(this.#named(error))
    if (!reported) return
    this.#lastError = reported
    guard(() => this.#options.onError?.(reported))
  }

  /** @internal A broker has answered. */
  protected answered(): void {
    if (this.#trouble.some) this.#trouble.clear()
  }

  /** @internal The error of a request that had no answer: with what is wrong with the connections. */
  protected explain(error: KafkaError): KafkaError {
    return this.#trouble.explain(error)
  }

  /**
   * Calls a function with the statistics, every `statistics.interval.ms` (which has to be set), as `onStatistics` does:
   * for whoever did not make this client. Returns a function that ends it.
   */
  observeStatistics(listener: (statistics: Statistics) => void): () => void {
    this.#statisticsListeners.add(listener)
    return () => {
      this.#statisticsListeners.delete(listener)
    }
  }

  #statistics(text: string): void {
    const { onStatistics } = this.#options
    if (!onStatistics && this.#statisticsListeners.size === 0) return
    const statistics = lazyStatistics(text)
    for (const listener of [onStatistics, ...this.#statisticsListeners]) guard(() => listener?.(statistics))
  }

  #log(level: number, facility: string, message: string): void {
    this.#trouble.log(level, facility, message)
    const { logger } = this.#options
    if (logger) {
      const method = level <= 3 ? 'error' : level === 4 ? 'warn' : level <= 6 ? 'info' : 'debug'
      guard(() => logger[method]({ facility, client: this.name, level }, message))
    } else if (level <= 2) {
      process.stderr.write(`odradek ${this.name}: ${facility}: ${message}\n`)
    }
  }

  /** Nothing crosses any more. */
  protected disposed(): void {}

  /** A fatal error has been found; wake whoever waits. */
  protected failed(_error: KafkaError): void {}

  /**
   * Sends a command and waits for its answer. `settled` runs in the order in which things cross, before anything that
   * crossed after the answer.
   */
  protected async command<T>(
    send: (id: number) => void,
    signal?: AbortSignal,
    settled?: (value: unknown, error: NativeError | null) => void,
  ): Promise<T> {
    signal?.throwIfAborted()
    // It would be answered by nobody.
    if (this.#state === 'closed') throw closedError(this.name)
    const id = this.#nextCommand++
    const command: Command = { resolve: () => {}, reject: () => {}, settled, held: true }
    const answer = new Promise<unknown>((resolve, reject) => Object.assign(command, { resolve, reject }))
    this.#commands.set(id, command)
    this.native.hold()
    send(id)
    try {
      // Whoever gave up does not keep the process alive either.
      return (await (signal ? abortable(answer, signal, () => this.#unhold(command)) : answer)) as T
    } catch (error) {
      // Made here, so that the stack leads to the caller.
      throw isNativeError(error) ? this.explain(this.#named(KafkaError.from(error))) : error
    }
  }

  /** @internal A command for somebody who shares this client: an admin client. */
  async request<T>(send: (native: NativeClient, id: number) => void, signal?: AbortSignal): Promise<T> {
    this.assertOpen()
    return this.command<T>((id) => send(this.native, id), signal)
  }

  /** Closes once; later calls get the same promise. `before` is what the kind of client does first. */
  protected closeOnce(timeout: number, before: () => Promise<void>): Promise<void> {
    this.#closing ??= this.#close(timeout, before)
    return this.#closing
  }

  async #close(timeout: number, before: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + timeout
    this.#state = 'closing'
    this.#tokens.stop()
    await before()
    const left = Math.max(0, Math.round(deadline - performance.now()))
    const closed = this.command<void>((id) => this.native.close(id, left)).finally(() => this.#dispose())
    // The native side is bound by the same deadline but for the time librdkafka needs to stop its threads.
    if (!(await settlesWithin(closed, left + closeGrace))) {
      const what = this.native.destroying() ? "librdkafka's threads" : 'requests under way'
      this.#dispose()
      const message = `${this.name}: not closed within ${timeout} ms: ${what} have yet to end, and go on in the background`
      throw new KafkaError('_TIMED_OUT', message)
    }
    await closed
  }

  /** Nothing crosses any more, so nobody is to wait for an answer. */
  #dispose(): void {
    this.#state = 'closed'
    this.native.dispose()
    this.disposed()
    const waiting = [...this.#commands.values()]
    this.#commands.clear()
    for (const command of waiting) {
      command.held = false
      command.reject(closedError(this.name))
    }
  }
}

const closeGrace = 300

/** Calls a user's handler: what it throws is an uncaught exception of the program, not of the dispatch. */
export function guard(call: () => unknown): void {
  try {
    const result = call()
    if (result instanceof Promise) result.catch(rethrow)
  } catch (error) {
    rethrow(error)
  }
}

function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

export function closedError(name: string): KafkaError {
  return new KafkaError('_STATE', `${name} is closed`)
}

export function isNativeError(error: unknown): error is NativeError {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'errno' in error
}

/** What the addon threw, as a KafkaError. */
export function nativeThrow(error: unknown): unknown {
  if (!(error instanceof Error) || !('errno' in error)) return error
  const { errno, message } = error as Error & { errno: number }
  return KafkaError.from({ errno, message, fatal: false, retriable: false, txnRequiresAbort: false })
}

/** Whether the promise settles (either way) within `ms` milliseconds. */
export async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms)
  })
  const settled = promise.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([settled, late])
  } finally {
    clearTimeout(timer)
  }
}
