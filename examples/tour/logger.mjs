// librdkafka's log lines go to a logger: pino, console, or anything with error, warn, info and debug.
import { Producer } from 'odradek'

const levels = ['error', 'warn', 'info', 'debug']
const lines = []
const logger = Object.fromEntries(
  levels.map((level) => [level, (fields, text) => lines.push({ level, ...fields, text })]),
)
const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS, 'client.id': 'tour', debug: 'broker,topic' }
const producer = new Producer(config, { logger })
await producer.send({ topic: 'tour', value: 'logged' })
await producer.close()
const connected = lines.find(({ text }) => /CONNECT -> |-> UP/.test(text))
console.log(`${connected.level} ${connected.client} ${connected.facility}: ${connected.text}`)
