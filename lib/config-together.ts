// Contradictions between the values of a configuration: what rd_kafka_conf_finalize and rd_kafka_new would refuse when
// the client starts, found when it is constructed, and a little more.
import type { Settings } from './config-settings.js'
import { invalid } from './config-values.js'

/** What is known of a client beside its configuration. */
export interface ConfigContext {
  /** Whether the application provides OAUTHBEARER tokens; undefined when it is not known. */
  tokenProvider?: boolean
}

// RD_KAFKA_IDEMP_MAX_INFLIGHT
const idempotentInFlight = 5

/** Throws on the first contradiction. */
export function validateTogether(settings: Settings, context: ConfigContext = {}): void {
  checkBrokers(settings)
  refuse(
    settings.given('log.queue') === 'false',
    "'log.queue' is always true here: logger gets the log lines through it",
  )
  checkBackoff(settings)
  checkTls(settings)
  checkSasl(settings, context)
  if (settings.kind === 'producer') checkProducer(settings)
  if (settings.kind === 'consumer') checkConsumer(settings)
  if (settings.kind === 'share') checkShareConsumer(settings)
  if (settings.kind === 'consumer' || settings.kind === 'share') checkReceiveSize(settings)
}

function refuse(when: boolean, message: string): void {
  if (when) throw invalid(message)
}

function checkBrokers(s: Settings): void {
  const brokers = s.text('bootstrap.servers')
  // A plugin may bring the brokers, and the built-in mock cluster does.
  const elsewhere = s.given('plugin.library.paths') !== undefined || s.number('test.mock.num.brokers') > 0
  refuse(brokers === '' && !elsewhere, "'bootstrap.servers' is missing: where is Kafka? For example 'localhost:9092'")
  const protocol = s.text('security.protocol')
  for (const broker of brokers.split(',')) {
    const named = /^(\w+):\/\//.exec(broker)?.[1].toLowerCase()
    refuse(
      named !== undefined && named !== protocol,
      `${s.label('bootstrap.servers')} says ${named}://, but 'security.protocol' is ${protocol}`,
    )
  }
}

function checkBackoff(s: Settings): void {
  const share = s.kind === 'share'
  // The defaults of a share consumer are its own.
  const initial = Number(s.given('reconnect.backoff.ms') ?? (share ? 50 : s.number('reconnect.backoff.ms')))
  const max = Number(s.given('reconnect.backoff.max.ms') ?? (share ? 1000 : s.number('reconnect.backoff.max.ms')))
  refuse(max < initial, `'reconnect.backoff.max.ms' (${max}) must be at least 'reconnect.backoff.ms' (${initial})`)
}

function checkTls(s: Settings): void {
  refuse(
    s.given('ssl.keystore.location') !== undefined && s.given('ssl.keystore.password') === undefined,
    "'ssl.keystore.location' needs 'ssl.keystore.password'",
  )
  exclusive(s, 'https.ca.location', 'https.ca.pem')
}

function exclusive(s: Settings, a: string, b: string): void {
  refuse(
    s.given(a) !== undefined && s.given(b) !== undefined,
    `'${a}' and '${b}' are both set: keep one, there can be only one source`,
  )
}

function checkSasl(s: Settings, context: ConfigContext): void {
  const mechanism = s.text('sasl.mechanisms')
  const inUse = s.text('security.protocol').startsWith('sasl_')
  if (inUse && (mechanism === 'PLAIN' || mechanism.startsWith('SCRAM-'))) {
    const missing = ['sasl.username', 'sasl.password'].filter((name) => s.given(name) === undefined)
    refuse(missing.length > 0, `SASL ${mechanism} needs ${missing.map((name) => `'${name}'`).join(' and ')}`)
  }
  if (mechanism !== 'OAUTHBEARER') {
    refuse(
      context.tokenProvider === true,
      `tokenProvider is for OAUTHBEARER, but 'sasl.mechanisms' is ${mechanism}: set it to 'OAUTHBEARER'`,
    )
    return
  }
  checkOauthbearer(s, context, inUse)
}

function checkOauthbearer(s: Settings, { tokenProvider }: ConfigContext, inUse: boolean): void {
  const unsecured = s.is('enable.sasl.oauthbearer.unsecure.jwt')
  refuse(
    unsecured && tokenProvider === true,
    "'enable.sasl.oauthbearer.unsecure.jwt' and tokenProvider are two sources of tokens: keep one",
  )
  if (s.text('sasl.oauthbearer.method') === 'oidc') {
    refuse(
      unsecured,
      "'enable.sasl.oauthbearer.unsecure.jwt' and 'sasl.oauthbearer.method': 'oidc' are two sources of tokens: keep one",
    )
    refuse(
      tokenProvider === true,
      "tokenProvider and 'sasl.oauthbearer.method': 'oidc' are two sources of tokens: keep one",
    )
    checkOidc(s)
  } else {
    refuse(
      inUse && tokenProvider === false && !unsecured && s.given('plugin.library.paths') === undefined,
      "OAUTHBEARER needs a source of tokens: pass tokenProvider, or set 'sasl.oauthbearer.method' to 'oidc'",
    )
  }
}

function checkOidc(s: Settings): void {
  const metadata = s.text('sasl.oauthbearer.metadata.authentication.type')
  const query = /(?:^|,)\s*query=/.test(s.text('sasl.oauthbearer.config'))
  const endpointKnown = metadata === 'aws_iam' || (metadata === 'azure_imds' && query)
  if (!endpointKnown) need(s, 'sasl.oauthbearer.token.endpoint.url', "'sasl.oauthbearer.method': 'oidc'")
  if (metadata !== 'none') return
  if (s.text('sasl.oauthbearer.grant.type') === 'client_credentials') {
    need(s, 'sasl.oauthbearer.client.id', "'sasl.oauthbearer.method': 'oidc'")
    need(s, 'sasl.oauthbearer.client.secret', "'sasl.oauthbearer.method': 'oidc'")
    return
  }
  checkAssertion(s)
}

function checkAssertion(s: Settings): void {
  const at = 'sasl.oauthbearer.assertion'
  if (s.given(`${at}.file`) === undefined) {
    exclusive(s, `${at}.private.key.file`, `${at}.private.key.pem`)
    refuse(
      s.given(`${at}.private.key.file`) === undefined && s.given(`${at}.private.key.pem`) === undefined,
      `the grant type jwt-bearer needs '${at}.private.key.file', '${at}.private.key.pem' or '${at}.file'`,
    )
    return
  }
  const made = ['private.key.file', 'private.key.pem', 'private.key.passphrase', 'jwt.template.file', 'claim.sub']
  made.push('claim.aud', 'claim.iss', 'claim.jti.include', 'claim.exp.seconds', 'claim.nbf.seconds')
  for (const part of made) {
    refuse(
      s.given(`${at}.${part}`) !== undefined,
      `'${at}.file' is a finished assertion, '${at}.${part}' is for making one: keep one of the two`,
    )
  }
}

function need(s: Settings, name: string, because: string): void {
  refuse(s.given(name) === undefined, `${because} needs '${name}'`)
}

/** Whether the producer will be idempotent. */
export function isIdempotent(s: Settings): boolean {
  return s.is('enable.idempotence') || s.given('transactional.id') !== undefined
}

/** The delivery time-out as librdkafka sets it: a transaction's own is the default for its messages. */
export function messageTimeout(s: Settings): number {
  const given = s.given('message.timeout.ms')
  if (given !== undefined) return Number(given)
  return s.number(s.given('transactional.id') === undefined ? 'message.timeout.ms' : 'transaction.timeout.ms')
}

function checkProducer(s: Settings): void {
  refuse(
    s.is('delivery.report.only.error'),
    "'delivery.report.only.error' must stay false: send() and flush() wait for the report of every message",
  )
  if (s.given('transactional.id') !== undefined) checkTransactional(s)
  if (isIdempotent(s)) checkIdempotent(s)
  refuse(
    s.is('enable.gapless.guarantee') && !isIdempotent(s),
    "'enable.gapless.guarantee' needs 'enable.idempotence': true",
  )
  const timeout = messageTimeout(s)
  const linger = s.given('linger.ms')
  refuse(
    linger !== undefined && timeout !== 0 && timeout <= Number(linger),
    `${s.label('linger.ms')} (${linger}) must be below ${s.label('message.timeout.ms')} (${timeout}): a message would time out while it waits`,
  )
}

function checkTransactional(s: Settings): void {
  const timeout = s.number('transaction.timeout.ms')
  refuse(
    s.given('enable.idempotence') === 'false',
    "'transactional.id' needs idempotence: leave 'enable.idempotence' out, or set it to true",
  )
  const socket = s.given('socket.timeout.ms')
  refuse(
    socket !== undefined && Number(socket) > timeout + 100,
    `'socket.timeout.ms' (${socket}) must be at most 'transaction.timeout.ms' (${timeout}) + 100`,
  )
  const message = s.given('message.timeout.ms')
  refuse(
    message !== undefined && Number(message) > timeout,
    `${s.label('message.timeout.ms')} (${message}) must be at most 'transaction.timeout.ms' (${timeout})`,
  )
}

function checkIdempotent(s: Settings): void {
  const why = s.given('transactional.id') === undefined ? "with 'enable.idempotence'" : "with 'transactional.id'"
  const check = (name: string, allowed: (value: string) => boolean, rule: string): void => {
    const value = s.given(name)
    refuse(value !== undefined && !allowed(value), `${s.label(name)} must be ${rule} ${why}, got ${value}`)
  }
  check('acks', (value) => value === '-1', "'all' (-1)")
  check('max.in.flight', (value) => Number(value) <= idempotentInFlight, `at most ${idempotentInFlight}`)
  check('retries', (value) => Number(value) >= 1, 'at least 1')
  check('queue.buffering.backpressure.threshold', (value) => value === '1', '1')
  check('queuing.strategy', (value) => value === 'fifo', "'fifo'")
}

function checkConsumer(s: Settings): void {
  const min = s.number('fetch.min.bytes')
  refuse(
    min < 1 || min > 100_000_000,
    `'fetch.min.bytes' must be an integer from 1 to 100000000 for a consumer, got ${min}`,
  )
  if (s.text('group.protocol') === 'consumer') checkConsumerProtocol(s)
  else checkClassicProtocol(s)
}

function checkConsumerProtocol(s: Settings): void {
  const instead: Record<string, string> = {
    'session.timeout.ms': "it is the group's 'consumer.session.timeout.ms' on the broker",
    'heartbeat.interval.ms': "it is the group's 'consumer.heartbeat.interval.ms' on the broker",
    'partition.assignment.strategy': "the broker assigns; use 'group.remote.assignor'",
    'group.protocol.type': 'the new protocol has no types',
  }
  for (const [name, advice] of Object.entries(instead)) {
    refuse(s.given(name) !== undefined, `'${name}' does not go with 'group.protocol': 'consumer': ${advice}`)
  }
}

function checkClassicProtocol(s: Settings): void {
  const [poll, session] = [s.number('max.poll.interval.ms'), s.number('session.timeout.ms')]
  refuse(poll < session, `'max.poll.interval.ms' (${poll}) must be at least 'session.timeout.ms' (${session})`)
  const heartbeat = s.number('heartbeat.interval.ms')
  refuse(
    heartbeat >= session,
    `'heartbeat.interval.ms' (${heartbeat}) must be below 'session.timeout.ms' (${session}): the group would expel the consumer`,
  )
  const strategies = s.text('partition.assignment.strategy').split(',')
  refuse(
    strategies.includes('cooperative-sticky') && strategies.some((name) => name !== 'cooperative-sticky'),
    "'partition.assignment.strategy' mixes cooperative-sticky with eager strategies: all must be of one kind",
  )
}

function checkShareConsumer(s: Settings): void {
  need(s, 'group.id', 'a share consumer')
}

/** `fetch.max.bytes` as librdkafka sets it: at least one message, and no more than may be queued. */
export function fetchMaxBytes(s: Settings): number {
  if (s.given('fetch.max.bytes') !== undefined || s.kind === 'share') return s.number('fetch.max.bytes')
  const queued = s.number('queued.max.messages.kbytes') * 1024
  return Math.max(Math.min(s.number('fetch.max.bytes'), queued), s.number('message.max.bytes'))
}

function checkReceiveSize(s: Settings): void {
  const fetch = fetchMaxBytes(s)
  const message = s.number('message.max.bytes')
  refuse(
    s.kind === 'consumer' && fetch < message,
    `'fetch.max.bytes' (${fetch}) must be at least 'message.max.bytes' (${message})`,
  )
  const receive = s.given('receive.message.max.bytes')
  refuse(
    receive !== undefined && Number(receive) < fetch + 512,
    `'receive.message.max.bytes' (${receive}) must be at least 'fetch.max.bytes' (${fetch}) + 512`,
  )
}
