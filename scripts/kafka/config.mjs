// What a node of the tests' Kafka is configured with: quick in tests, small, and with KIP-848 and share groups on (4.2's default).

const LOGIN_MODULE = 'org.apache.kafka.common.security'
const PROTOCOLS = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/**
 * A listener beside the plain one that every cluster has.
 * @typedef {object} Listener
 * @property {'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'} protocol
 * @property {string} [host] advertised name, 127.0.0.1 if not given
 * @property {{ certificate: string, key: string, ca?: string }} [tls] PEM, for SSL and SASL_SSL; `ca` is who signs the clients' certificates
 * @property {'none' | 'requested' | 'required'} [clientAuth] whether clients need a certificate
 * @property {('PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'GSSAPI')[]} [mechanisms] for SASL_*
 * @property {Record<string, string>} [users] name -> password, for PLAIN and SCRAM
 * @property {{ jwksUrl: string, audience?: string, issuer?: string }} [oidc] OAUTHBEARER with signed tokens; unsecured tokens if not given
 * @property {{ keytab: string, principal: string }} [kerberos] who the broker is, for GSSAPI; the service is the principal's first part
 * @property {Record<string, string | number | boolean>} [config] broker properties for this listener only, without their prefix
 */

const jaas = (module, options = {}, from = LOGIN_MODULE) => {
  const pairs = Object.entries(options).map(([name, value]) => ` ${name}="${value.replace(/["\\]/g, '\\$&')}"`)
  return `${from}.${module} required${pairs.join('')};`
}

function tlsProperties(tls, clientAuth) {
  const properties = {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': tls.certificate,
    'ssl.keystore.key': tls.key,
    'ssl.client.auth': clientAuth ?? 'none',
  }
  if (tls.ca) Object.assign(properties, { 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': tls.ca })
  return properties
}

function oauthProperties(oidc) {
  const handlers = `${LOGIN_MODULE}.oauthbearer`
  if (!oidc) {
    return {
      'oauthbearer.sasl.jaas.config': jaas('oauthbearer.OAuthBearerLoginModule', {
        unsecuredLoginStringClaim_sub: 'broker',
      }),
      'oauthbearer.sasl.server.callback.handler.class': `${handlers}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
    }
  }
  const properties = {
    'oauthbearer.sasl.jaas.config': jaas('oauthbearer.OAuthBearerLoginModule'),
    'oauthbearer.sasl.server.callback.handler.class': `${handlers}.OAuthBearerValidatorCallbackHandler`,
    'oauthbearer.sasl.oauthbearer.jwks.endpoint.url': oidc.jwksUrl,
  }
  if (oidc.audience) properties['oauthbearer.sasl.oauthbearer.expected.audience'] = oidc.audience
  if (oidc.issuer) properties['oauthbearer.sasl.oauthbearer.expected.issuer'] = oidc.issuer
  return properties
}

function kerberosProperties({ keytab, principal }) {
  const own = { useKeyTab: 'true', storeKey: 'true', isInitiator: 'false', keyTab: keytab, principal }
  const options = { ...own, serviceName: principal.split('/')[0] }
  return { 'gssapi.sasl.jaas.config': jaas('Krb5LoginModule', options, 'com.sun.security.auth.module') }
}

function saslProperties({ mechanisms, users = {}, oidc, kerberos }) {
  const properties = { 'sasl.enabled.mechanisms': mechanisms.join(',') }
  for (const mechanism of mechanisms) {
    if (mechanism === 'OAUTHBEARER') {
      Object.assign(properties, oauthProperties(oidc))
    } else if (mechanism === 'GSSAPI') {
      Object.assign(properties, kerberosProperties(kerberos))
    } else if (mechanism === 'PLAIN') {
      const entries = Object.entries(users).map(([name, password]) => [`user_${name}`, password])
      properties['plain.sasl.jaas.config'] = jaas('plain.PlainLoginModule', Object.fromEntries(entries))
    } else {
      properties[`${mechanism.toLowerCase()}.sasl.jaas.config`] = jaas('scram.ScramLoginModule')
    }
  }
  return properties
}

/** @param {string} name @param {Listener} listener */
function checkListener(name, listener) {
  const { protocol, tls, mechanisms } = listener
  const wrong = (problem) => new TypeError(`listener ${name}: ${problem}`)
  if (!/^[A-Z][A-Z0-9_]*$/.test(name)) throw wrong('a name is upper-case letters, digits and underscores')
  if (['PLAINTEXT', 'INTERNAL', 'CONTROLLER'].includes(name)) throw wrong('this name is the cluster’s own')
  if (!PROTOCOLS.includes(protocol)) throw wrong(`protocol is "${protocol}", accepted are ${PROTOCOLS.join(', ')}`)
  if (protocol.endsWith('SSL') && !tls) throw wrong(`${protocol} needs tls: { certificate, key }`)
  if (protocol.startsWith('SASL') && !mechanisms?.length) throw wrong(`${protocol} needs mechanisms`)
  if (mechanisms?.includes('GSSAPI') && !listener.kerberos) throw wrong('GSSAPI needs kerberos: { keytab, principal }')
}

/** @param {string} name @param {Listener} listener */
export function listenerProperties(name, listener) {
  checkListener(name, listener)
  const { protocol, tls, clientAuth, config } = listener
  const properties = {
    ...(protocol.endsWith('SSL') ? tlsProperties(tls, clientAuth) : {}),
    ...(protocol.startsWith('SASL') ? saslProperties(listener) : {}),
    ...config,
  }
  const prefix = `listener.name.${name.toLowerCase()}.`
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [prefix + key, value]))
}

/** Arguments of Kafka's `format`: SCRAM users exist from the first moment. */
export function scramArguments(listeners) {
  const args = []
  for (const { mechanisms = [], users = {} } of Object.values(listeners)) {
    for (const mechanism of mechanisms.filter((name) => name.startsWith('SCRAM'))) {
      for (const [name, password] of Object.entries(users)) {
        args.push('--add-scram', `${mechanism}=[name="${name}",password="${password}"]`)
      }
    }
  }
  return [...new Set(args.filter((_, i) => i % 2))].flatMap((value) => ['--add-scram', value])
}

/** What makes a broker that lives for a few minutes quick and small, and lets tests use short time-outs. */
function testProperties(nodes) {
  const replicas = Math.min(3, nodes)
  return {
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 10,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 10,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 5,
    'default.replication.factor': replicas,
    'min.insync.replicas': nodes > 1 ? 2 : 1,
    'auto.create.topics.enable': true,
    'group.initial.rebalance.delay.ms': 0,
    'group.streams.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'group.consumer.min.session.timeout.ms': 1000,
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.consumer.heartbeat.interval.ms': 1000,
    'group.share.min.session.timeout.ms': 1000,
    'group.share.min.heartbeat.interval.ms': 100,
    'group.share.heartbeat.interval.ms': 1000,
    'group.share.min.record.lock.duration.ms': 1000,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    // A killed broker is noticed within three seconds instead of nine.
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3000,
    'controller.quorum.append.linger.ms': 5,
    // A deleted topic's files go at once, and the log cleaner does not hold 128 MB.
    'log.segment.delete.delay.ms': 1000,
    'log.cleaner.dedupe.buffer.size': 8 * 1024 * 1024,
    'num.io.threads': 4,
    'num.network.threads': 2,
    'background.threads': 4,
  }
}

/**
 * The properties of one node: broker and controller in one process.
 * @param {object} node
 * @param {number} node.id
 * @param {number} node.nodes how many there are
 * @param {Record<string, number>} node.ports listener name -> port, CONTROLLER and PLAINTEXT included; with INTERNAL, brokers
 *   talk over that one (in a container the others are advertised under an address that is good outside only)
 * @param {string} [node.outside] host:port under which PLAINTEXT is advertised, if it is not where it listens
 * @param {string} node.voters controller.quorum.voters
 * @param {string} node.directory
 * @param {string} [node.bind] address to listen on
 * @param {Record<string, Listener>} [node.listeners]
 * @param {boolean | { superUsers: string[] }} [node.acls]
 * @param {Record<string, string | number | boolean>} [node.config]
 */
export function nodeProperties(node) {
  const { listeners = {}, acls = false, bind = '127.0.0.1', config = {}, ports, outside } = node
  const addresses = { PLAINTEXT: outside ?? `127.0.0.1:${ports.PLAINTEXT}` }
  const protocols = { CONTROLLER: 'PLAINTEXT', PLAINTEXT: 'PLAINTEXT' }
  if (ports.INTERNAL) {
    addresses.INTERNAL = `127.0.0.1:${ports.INTERNAL}`
    protocols.INTERNAL = 'PLAINTEXT'
  }
  for (const [name, { host = '127.0.0.1', protocol }] of Object.entries(listeners)) {
    addresses[name] = `${host}:${ports[name]}`
    protocols[name] = protocol
  }
  const join = (entries) => entries.join(',')
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': node.voters,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': ports.INTERNAL ? 'INTERNAL' : 'PLAINTEXT',
    listeners: join(Object.keys(protocols).map((name) => `${name}://${bind}:${ports[name]}`)),
    'advertised.listeners': join(Object.entries(addresses).map(([name, address]) => `${name}://${address}`)),
    'listener.security.protocol.map': join(Object.entries(protocols).map(([name, protocol]) => `${name}:${protocol}`)),
    'log.dirs': node.directory,
    ...testProperties(node.nodes),
  }
  for (const [name, listener] of Object.entries(listeners))
    Object.assign(properties, listenerProperties(name, listener))
  if (acls) {
    // ANONYMOUS is who comes over the plain listener: the brokers themselves, Kafka's tools and the tests' witness.
    const superUsers = ['User:ANONYMOUS', ...(acls === true ? [] : acls.superUsers.map((user) => `User:${user}`))]
    properties['authorizer.class.name'] = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
    properties['super.users'] = superUsers.join(';')
  }
  return { ...properties, ...config }
}

/** Java's properties format, which knows Latin-1 only. */
export function formatProperties(properties) {
  const escaped = (value) =>
    String(value)
      .replace(/\\/g, '\\\\')
      .replace(/\n/g, '\\n')
      .replace(/\r/g, '\\r')
      .replace(/^ /, '\\ ')
      .replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escaped(value)}\n`)
    .join('')
}
