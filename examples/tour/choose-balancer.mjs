// Which partition does a record go to? librdkafka's partitioner, by default of the key; or a balancer, as in kafka-go.
import { leastBytes, Producer, partitionFor, roundRobin } from 'odradek'

const config = { 'bootstrap.servers': process.env.KAFKA_BROKERS }
const records = ['paris', 'rome', 'paris', 'rome'].map((key) => ({ key, value: 'v' }))

async function partitions(producer) {
  const reports = await producer.sendBatch('tour', records)
  await producer.close()
  return [...reports].map(({ partition }) => partition).join(' ')
}

console.log(`murmur2 (as Java): ${await partitions(new Producer({ ...config, partitioner: 'murmur2_random' }))}`)
console.log(`told beforehand:   ${records.map(({ key }) => partitionFor(key, 4, 'murmur2')).join(' ')}`)
console.log(`round robin:       ${await partitions(new Producer(config, { balancer: roundRobin() }))}`)
console.log(`least bytes:       ${await partitions(new Producer(config, { balancer: leastBytes() }))}`)
const own = (record, count) => record.key.length % count
console.log(`one of one's own:  ${await partitions(new Producer(config, { balancer: own }))}`)
