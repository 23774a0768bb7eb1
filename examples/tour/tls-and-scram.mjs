// TLS, and a log-in with SCRAM. See docs/security.md for certificates of one's own, tokens and the clouds.
import { readFileSync } from 'node:fs'
import { Producer } from 'odradek'

const { KAFKA_TLS_BROKERS, KAFKA_CA, KAFKA_USERNAME, KAFKA_PASSWORD } = process.env
const producer = new Producer({
  'bootstrap.servers': KAFKA_TLS_BROKERS,
  'security.protocol': 'sasl_ssl',
  'sasl.mechanisms': 'SCRAM-SHA-512',
  'sasl.username': KAFKA_USERNAME,
  'sasl.password': KAFKA_PASSWORD,
  'ssl.ca.pem': readFileSync(KAFKA_CA),
})
// Fails within seconds, and says what to check.
await producer.ready()
const { topic, partition } = await producer.send({ topic: 'tour', partition: 2, value: 'secret' })
console.log(`sent to ${topic}/${partition} over TLS as ${KAFKA_USERNAME}`)
await producer.close()
