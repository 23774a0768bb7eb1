// What librdkafka says of a connection that failed, told as what to check. The codes tell the cases apart.
import { type ErrorCode, KafkaError } from './errors.js'

/** A connection's failure, explained. */
export interface Diagnosis {
  /** What to check; its `cause` is librdkafka's error. */
  error: KafkaError
  /** Trying again is of no use: it is the configuration. */
  permanent: boolean
}

interface Broker {
  /** 'host:port', as far as it is known. */
  address: string
  /** `security.protocol`. */
  protocol: string
  /** Where the address comes from. */
  source: string
}

interface Rule {
  /** librdkafka's code, if only that one. */
  code?: ErrorCode
  text: RegExp
  /** The protocols it is about, if not all. */
  protocol?: RegExp
  as: ErrorCode
  permanent?: boolean
  says: (broker: Broker, match: RegExpExecArray) => string
}

const tls = /ssl$/
const noTls = /plaintext$/
const noSasl = /^(?:plaintext|ssl)$/
const proxy = 'A proxy before a broker that is down closes connections, too.'

const sasl: readonly Rule[] = [
  {
    code: '_AUTHENTICATION',
    text: /tokenProvider failed: |SASL OAUTHBEARER token/,
    as: '_AUTHENTICATION',
    says: (_, { input }) => `there is no token to log in with: ${input}`,
  },
  {
    code: '_AUTHENTICATION',
    text: /SASL (\S+) mechanism handshake failed: .*Unsupported SASL mechanism: broker's supported mechanisms: (\S+)/,
    as: '_AUTHENTICATION',
    permanent: true,
    says: ({ address }, [, mechanism, offered]) =>
      `${address} does not offer SASL ${mechanism}: set 'sasl.mechanisms' to one of ${offered.replaceAll(',', ', ')}`,
  },
  {
    code: '_AUTHENTICATION',
    text: /not valid in current SASL state/,
    as: '_UNSUPPORTED_FEATURE',
    permanent: true,
    says: ({ address, protocol }) =>
      `${address} does not use SASL: set 'security.protocol' to '${protocol.slice('sasl_'.length)}' instead of ` +
      `'${protocol}', or take the port of a listener with SASL`,
  },
  {
    code: '_AUTHENTICATION',
    text: /Failed to initialize SASL authentication: (.*?)(?: \(after \d+ms.*)?$/,
    as: '_AUTHENTICATION',
    permanent: true,
    says: ({ address }, [, why]) => `this client cannot log in to ${address}: ${why}`,
  },
  {
    code: '_AUTHENTICATION',
    text: /^(?:SASL authentication error: )?(.*?)(?: \(after \d+ms.*)?$/,
    as: '_AUTHENTICATION',
    permanent: true,
    says: ({ address }, [, why]) =>
      `${address} refused the log-in (${why}): check 'sasl.mechanisms', and the user name and password or the token`,
  },
]

const certificate: readonly Rule[] = [
  {
    text: /certificate verify failed/,
    as: '_SSL',
    permanent: true,
    says: ({ address }) =>
      `the certificate of ${address} is signed by nobody whom this client trusts: check 'ssl.ca.location' or ` +
      "'ssl.ca.pem' (without them the system's certificates count)",
  },
  {
    text: /client SSL authentication might be required|alert (?:\w+ )*(?:certificate(?: \w+)*|unknown ca|handshake failure)/,
    as: '_SSL',
    permanent: true,
    says: ({ address }, [why]) =>
      `${address} wants a certificate of this client, or another one (${why}): check 'ssl.certificate.pem' and ` +
      "'ssl.key.pem', or 'ssl.keystore.location'",
  },
]

const protocol: readonly Rule[] = [
  {
    text: /connecting to a PLAINTEXT broker listener|wrong version number|packet length too long|record layer failure|Disconnected.*in state SSL_HANDSHAKE/,
    protocol: tls,
    as: '_UNSUPPORTED_FEATURE',
    says: ({ address, protocol }) =>
      `${address} does not speak TLS: set 'security.protocol' to '${protocol.replace('ssl', 'plaintext')}' instead of ` +
      `'${protocol}', or take the port of a listener with TLS. ${proxy}`,
  },
  {
    code: '_TRANSPORT',
    text: /(?:Disconnected|Receive failed|Invalid frame size).*in state APIVERSION_QUERY/,
    protocol: noTls,
    as: '_UNSUPPORTED_FEATURE',
    says: ({ address, protocol }) =>
      `${address} ends connections at the first request, so it probably speaks TLS: set 'security.protocol' to ` +
      `'${protocol.replace('plaintext', 'ssl')}' instead of '${protocol}', or take the port of a listener without TLS. ${proxy}`,
  },
  {
    code: '_TRANSPORT',
    text: /Disconnected.*after \d{1,4}ms in state UP/,
    protocol: noSasl,
    as: '_UNSUPPORTED_FEATURE',
    says: ({ address, protocol }) =>
      `${address} ends connections as soon as they are made, so it probably wants SASL: set 'security.protocol' to ` +
      `'sasl_${protocol}' instead of '${protocol}', and 'sasl.mechanisms'`,
  },
]

const network: readonly Rule[] = [
  {
    code: '_RESOLVE',
    text: /Failed to resolve '[^']*': (.*?)(?: \(after \d+ms.*)?$/,
    as: '_RESOLVE',
    says: ({ address, source }, [, why]) => `the name ${address} does not resolve (${why}): check ${source} and DNS`,
  },
  {
    code: '_TRANSPORT',
    text: /Connection refused/,
    as: '_TRANSPORT',
    says: ({ address, source }) =>
      `nothing listens at ${address} (Connection refused): check ${source}, and that the broker runs`,
  },
  {
    code: '_TRANSPORT',
    text: /timed out|[Uu]nreachable|No route to host/,
    as: '_TRANSPORT',
    says: ({ address, source }, { input }) =>
      `${address} cannot be reached (${input}): check ${source}, firewalls, and that the broker runs`,
  },
]

// The first that matches counts.
const rules = [...sasl, ...certificate, ...protocol, ...network]

/** By why a certificate was refused: the words of native/conf.cc, which come with librdkafka's log. */
const refusals: readonly [why: RegExp, says: (broker: Broker) => string][] = [
  [
    /for another host|for another address/,
    ({ address, source }) =>
      `the certificate of ${address} is for another host: use a name that it lists (subjectAltName) in ${source}`,
  ],
  [
    /expired|not valid yet/,
    ({ address }) =>
      `the certificate of ${address}, or its authority's, is not valid now: renew it, or set the clock right`,
  ],
  [
    /revoked/,
    ({ address }) => `the certificate of ${address} was revoked (ssl.crl.location): the broker needs another`,
  ],
]

/**
 * Explains the error of a connection.
 * @param refusal what librdkafka's log said of the broker's certificate just before, if it did
 */
export function diagnose(error: KafkaError, refusal?: string): Diagnosis {
  const { broker, text } = parse(error.message)
  const explained = (code: ErrorCode, message: string, permanent = false): Diagnosis => ({
    error: new KafkaError(code, message, { cause: error, retriable: !permanent }),
    permanent,
  })
  if (refusal !== undefined && text.includes('certificate verify failed')) {
    const known = refusals.find(([why]) => why.test(refusal))
    if (known) return explained('_SSL', known[1](broker), true)
  }
  for (const { code, text: pattern, protocol, as, permanent, says } of rules) {
    if ((code && code !== error.code) || (protocol && !protocol.test(broker.protocol))) continue
    const match = pattern.exec(text)
    if (match) return explained(as, says(broker, match), permanent)
  }
  return { error, permanent: false }
}

// 'sasl_ssl://host:9093/bootstrap: text', 'host:9092/3: text', 'GroupCoordinator: host:9092: text'
const bootstrap = /^(?:(\w+):\/\/)?(\S+)\/(bootstrap|-?\d+): (.*)$/s
const coordinator = /^(?:(\w+):\/\/)?(?:Group|Txn)Coordinator(?:\/-?\d+)?: (?:(\S+:\d+): )?(.*)$/s

function parse(message: string): { broker: Broker; text: string } {
  const told = bootstrap.exec(message)
  if (told) {
    const [, protocol = 'plaintext', address, id, text] = told
    const source = id === 'bootstrap' ? "'bootstrap.servers'" : "the broker's 'advertised.listeners'"
    return { broker: { address, protocol, source }, text }
  }
  const [, protocol = 'plaintext', address = 'the broker', text = message] = coordinator.exec(message) ?? []
  return { broker: { address, protocol, source: "the broker's 'advertised.listeners'" }, text }
}
