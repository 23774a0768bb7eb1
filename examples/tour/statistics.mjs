// librdkafka's statistics, typed. For Prometheus and OpenTelemetry see odradek/metrics.
import { setTimeout } from 'node:timers/promises'
import { Producer } from 'odradek'

let last
const producer = new Producer(
  { 'bootstrap.servers': process.env.KAFKA_BROKERS, 'statistics.interval.ms': 200 },
  {
    onStatistics(statistics) {
      if (statistics.txmsgs > 0) last = statistics
    },
  },
)
await producer.send({ topic: 'tour', value: 'counted' })
while (!last) await setTimeout(50)
const { rtt } = Object.values(last.brokers).find(({ rtt }) => rtt?.cnt > 0)
console.log(`${last.txmsgs} message sent, a round trip takes ${rtt.avg / 1000} ms`)
await producer.close()
