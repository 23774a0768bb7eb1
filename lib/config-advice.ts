// What to use instead: for properties that cannot be set here, and for names that other clients have.

const onOtherThreads = "it would run on librdkafka's own threads, where no JavaScript can run"
const rebalance = 'pass onAssigned, onRevoked and onLost in the second constructor argument'
const reports =
  'send() and sendBatch() return the reports; onDelivery in the second constructor argument gets all of them'
const serde = 'pass key and value in the second constructor argument'

/** For each property of type "refused". */
export const refusedAdvice: Readonly<Record<string, string>> = {
  error_cb: "listen to the client's 'error' event",
  throttle_cb: "listen to the client's 'throttle' event",
  stats_cb: "pass onStatistics in the second constructor argument, and set 'statistics.interval.ms'",
  log_cb: 'pass logger in the second constructor argument',
  oauthbearer_token_refresh_cb: 'pass tokenProvider in the second constructor argument',
  rebalance_cb: rebalance,
  dr_cb: reports,
  dr_msg_cb: reports,
  offset_commit_cb: 'commit() returns a promise',
  consume_cb: 'read with `for await (const message of consumer)`',
  partitioner_cb: "set 'partitioner', or give each record its partition",
  msg_order_cmp: 'librdkafka has deprecated it without a replacement',
  opaque: 'each record takes an opaque of its own',
  default_topic_conf: 'set the topic properties here, beside the others',
  enabled_events: 'the library enables the events it handles',
  enable_sasl_queue: 'the library decides it; pass tokenProvider in the second constructor argument',
  ssl_key: "set 'ssl.key.pem' or 'ssl.key.location'",
  ssl_certificate: "set 'ssl.certificate.pem' or 'ssl.certificate.location'",
  ssl_ca: "set 'ssl.ca.pem' or 'ssl.ca.location'",
  ssl_engine_callback_data:
    "it is a C pointer; OpenSSL's engines are configured with 'ssl.engine.location' and 'ssl.engine.id'",
  'ssl.certificate.verify_cb': `${onOtherThreads}; trust is set with 'ssl.ca.pem' or 'ssl.ca.location'`,
  interceptors: onOtherThreads,
  background_event_cb: onOtherThreads,
  socket_cb: onOtherThreads,
  connect_cb: onOtherThreads,
  closesocket_cb: onOtherThreads,
  open_cb: onOtherThreads,
  resolve_cb: onOtherThreads,
  ut_handle_ProduceResponse: "it is a C pointer for librdkafka's own tests",
  'ssl.truststore.location':
    "librdkafka reads no Java trust stores; set 'ssl.ca.location' or 'ssl.ca.pem' to PEM certificates",
  'sasl.jaas.config': "librdkafka knows no JAAS; set 'sasl.mechanisms', 'sasl.username' and 'sasl.password'",
}

/** Names of the Java client, KafkaJS, node-rdkafka and others whose counterpart spelling alone would not find. */
export const foreignNames: Readonly<Record<string, string>> = {
  brokers: "did you mean 'bootstrap.servers'?",
  kafkaJS: "set librdkafka's properties here: 'bootstrap.servers', 'client.id', …",
  ssl: "did you mean 'security.protocol': 'ssl'?",
  sasl: "did you mean 'sasl.mechanisms', 'sasl.username' and 'sasl.password'?",
  username: "did you mean 'sasl.username'?",
  password: "did you mean 'sasl.password'?",
  mechanism: "did you mean 'sasl.mechanisms'?",
  compression: "did you mean 'compression.type'?",
  idempotent: "did you mean 'enable.idempotence'?",
  autoCommit: "did you mean 'enable.auto.commit'?",
  autoCommitInterval: "did you mean 'auto.commit.interval.ms'?",
  fromBeginning: "did you mean 'auto.offset.reset': 'earliest'?",
  requestTimeout: "did you mean 'socket.timeout.ms'?",
  connectionTimeout: "did you mean 'socket.connection.setup.timeout.ms'?",
  maxInFlightRequests: "did you mean 'max.in.flight'?",
  maxWaitTimeInMs: "did you mean 'fetch.wait.max.ms'?",
  rackId: "did you mean 'client.rack'?",
  retry: "did you mean 'retries' and 'retry.backoff.ms'?",
  'fetch.max.wait.ms': "did you mean 'fetch.wait.max.ms'?",
  'max.request.size': "did you mean 'message.max.bytes'?",
  'buffer.memory': "did you mean 'queue.buffering.max.kbytes'?",
  'max.block.ms': 'send() waits for room as long as its signal allows',
  'default.api.timeout.ms': 'every call takes a timeout',
  'key.serializer': serde,
  'value.serializer': serde,
  'key.deserializer': serde,
  'value.deserializer': serde,
  'interceptor.classes': 'wrap the calls, or use the middleware of the processing layer',
  'partitioner.class': "did you mean 'partitioner'?",
  'sasl.login.callback.handler.class': 'pass tokenProvider in the second constructor argument',
  'ssl.truststore.password': "librdkafka reads no Java trust stores; set 'ssl.ca.location' or 'ssl.ca.pem'",
  'ssl.truststore.type': "librdkafka reads no Java trust stores; set 'ssl.ca.location' or 'ssl.ca.pem'",
  'ssl.keystore.type': "'ssl.keystore.location' is always PKCS#12",
  event_cb: 'errors, log lines and statistics are events and options of the client',
}

/** For properties of share consumers that a consumer has another way for. */
export const shareOnlyAdvice: Readonly<Record<string, string>> = {
  'max.poll.records': 'a consumer bounds its batches with batches({ max })',
}
