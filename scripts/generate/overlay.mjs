// What CONFIGURATION.md does not say about its properties, and what this library decides about them.
// The generator refuses names that no longer exist and librdkafka's new hidden names that are not classified here.

/** Strings that librdkafka takes from a closed set; it compares case-sensitively, we do not. */
export const closed = {
  partitioner: ['random', 'consistent', 'consistent_random', 'murmur2', 'murmur2_random', 'fnv1a', 'fnv1a_random'],
  'share.acknowledgement.mode': ['implicit', 'explicit'],
}

/** Well-known values of strings that may also be something else. */
export const open = {
  'sasl.mechanisms': ['GSSAPI', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'],
  'group.remote.assignor': ['uniform', 'range'],
}

/** Strings that are lists: an array is joined with the separator. */
export const lists = {
  'metadata.broker.list': { separator: ',' },
  'partition.assignment.strategy': { separator: ',', of: ['range', 'roundrobin', 'cooperative-sticky'] },
  'plugin.library.paths': { separator: ';' },
  'ssl.providers': { separator: ',' },
  'ssl.ca.certificate.stores': { separator: ',' },
}

/** PEM texts: bytes are accepted as well; where several certificates make sense, an array of them. */
export const pem = {
  'ssl.key.pem': 'one',
  'ssl.certificate.pem': 'one',
  'ssl.ca.pem': 'many',
  'https.ca.pem': 'many',
  'sasl.oauthbearer.assertion.private.key.pem': 'one',
}

/** Integers that have names. */
export const named = { 'request.required.acks': { all: '-1' } }

/** Defaults that belong to the build that printed the document. */
export const buildDependent = ['builtin.features']

/**
 * Properties missing from CONFIGURATION.md (_RK_HIDDEN). `refused`: the library sets it, or it takes a C pointer, which
 * a string would corrupt.
 */
export const hidden = {
  'client.software.name': {
    type: 'string',
    description: 'Name of the client software as told to brokers (KIP-511): a-z, A-Z, 0-9, full stop and hyphen.',
  },
  'client.software.version': {
    type: 'string',
    description: 'Version of the client software as told to brokers (KIP-511): a-z, A-Z, 0-9, full stop and hyphen.',
  },
  'enable.sparse.connections': {
    type: 'boolean',
    default: 'true',
    description:
      'Connect only to the brokers that are needed. With false, the client keeps connections to all of them.',
  },
  'test.mock.num.brokers': {
    type: 'integer',
    range: '0 .. 10000',
    default: '0',
    description:
      'For tests: start this many mock brokers inside the client and use them instead of `bootstrap.servers`. ' +
      '`MockCluster` is the better way: it can be shared and controlled.',
  },
  'test.mock.broker.rtt': {
    type: 'integer',
    range: '0 .. 3600000',
    default: '0',
    description: 'For tests: latency of the mock brokers of `test.mock.num.brokers` in milliseconds.',
  },
  'metadata.request.timeout.ms': {
    type: 'integer',
    range: '10 .. 900000',
    default: '10',
    deprecated: true,
    description: 'No longer used.',
  },
  enable_sasl_queue: 'refused',
  ut_handle_ProduceResponse: 'refused',
}

/** Documented properties that the application may not set here; lib/config-advice.ts says what to use. */
export const refused = ['enabled_events']

/** Booleans of which only one value is accepted; lib/config-together.ts says why. */
export const narrowed = { 'log.queue': 'true', 'delivery.report.only.error': 'false' }

/** Without effect for a share consumer, though librdkafka does not say so. */
export const notForShare = [
  'enable.auto.offset.store',
  'offset.store.method',
  'offset.store.path',
  'offset.store.sync.interval.ms',
  'auto.commit.enable',
]

/** Values this library uses where the user gave none. */
export const overrides = (/** @type {string} */ version) => [
  {
    property: 'fetch.queue.backoff.ms',
    value: '10',
    clients: ['consumer'],
    reason:
      "with librdkafka's 1000, a partition's fetcher sleeps a second whenever the queue has reached its limit, and a " +
      'consumer slower than the fetcher then waits most of the time (measured: 0.5 to 1.2 million messages/s, 3.6 with 10)',
  },
  {
    property: 'queued.max.messages.kbytes',
    value: '32768',
    clients: ['consumer'],
    reason:
      'bounds what is prefetched so that a container of 512 MB survives. The limit holds for the whole consumer, not ' +
      'for each partition (partition streams excepted, they have queues of their own), counts message values only, and is ' +
      'looked at before each fetch: every broker may add one response of up to fetch.max.bytes (compressed), which ' +
      'librdkafka lowers to this limit when it is not set. Measured, 52 partitions on 3 brokers, ' +
      "uncompressed messages of 100 bytes to 100 kB, a consumer that stops reading: 70 to 88 MB, with librdkafka's " +
      '65536 91 to 107 MB',
  },
  {
    property: 'topic.metadata.propagation.max.ms',
    value: '10000',
    clients: ['producer'],
    reason:
      "with librdkafka's 30000, half a minute passes until the records for a topic that does not exist fail; a topic " +
      'that has just been made is known to all brokers of a KRaft cluster within a second or two',
  },
  {
    property: 'allow.auto.create.topics',
    value: 'false',
    clients: ['admin'],
    reason:
      'an admin client is a producer handle, for which librdkafka says true; describing a topic must not create it',
  },
  {
    property: 'client.software.name',
    value: 'odradek',
    clients: ['producer', 'consumer', 'share', 'admin'],
    reason: 'tells the operators of the brokers which client connects (KIP-511)',
  },
  {
    property: 'client.software.version',
    value: version,
    clients: ['producer', 'consumer', 'share', 'admin'],
    reason: 'tells the operators of the brokers which version connects (KIP-511)',
  },
]

/** Values librdkafka always gets, because the library does the work itself. */
export const forced = [
  {
    property: 'log.queue',
    value: 'true',
    clients: ['producer', 'consumer', 'share', 'admin'],
    reason:
      'log lines reach the `logger` option through a queue, as no JavaScript can run on the threads that write them',
  },
  {
    property: 'enable.auto.offset.store',
    value: 'false',
    clients: ['consumer'],
    reason:
      'the library stores an offset when the application asks for what comes after that message; librdkafka would ' +
      'store it when the message is prefetched, and a crash would skip it. false from the user means: only storeOffsets',
  },
]

/** Statistics that librdkafka emits and STATISTICS.md does not list, or lists without saying that they may be absent. */
export const statistics = {
  optional: ['cgrp', 'eos'],
  added: [
    {
      section: 'top-level',
      name: 'fatal?',
      type: '{ error: string; reason: string; cnt: number }',
      description: 'The fatal error of this client, if there was one',
    },
  ],
}
