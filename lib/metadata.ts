// What a broker says of its cluster (rd_kafka_metadata).
import type { TopicDescription } from './admin-topics.js'
import { errorName, KafkaError } from './errors.js'

export interface BrokerMetadata {
  id: number
  host: string
  port: number
}

export interface PartitionMetadata {
  partition: number
  /** The id of the broker; -1 when there is none at the moment. */
  leader: number
  replicas: number[]
  isr: number[]
  error?: KafkaError
}

export interface TopicMetadata {
  topic: string
  partitions: PartitionMetadata[]
  error?: KafkaError
}

export interface Metadata {
  /** Who said so. */
  originBroker: { id: number; name: string }
  brokers: BrokerMetadata[]
  topics: TopicMetadata[]
}

/** @internal The same of a topic that was described: rd_kafka_metadata would need a topic object, and may create it. */
export function topicMetadata({ topic, partitions, error }: TopicDescription): TopicMetadata {
  const list = partitions.map(({ partition, leader, replicas, isr }) => ({
    partition,
    leader: leader?.id ?? -1,
    replicas: replicas.map(({ id }) => id),
    isr: isr.map(({ id }) => id),
  }))
  if (!error) return { topic, partitions: list }
  return { topic, partitions: list, error }
}

type Coded = { errno?: number; error?: KafkaError }

/** @internal */
export function metadataFrom(json: string): Metadata {
  const metadata = JSON.parse(json) as Metadata
  for (const topic of metadata.topics) {
    setError(topic, topic.topic)
    for (const partition of topic.partitions) setError(partition, `${topic.topic} [${partition.partition}]`)
  }
  return metadata
}

function setError(item: Coded, what: string): void {
  const { errno } = item
  if (errno === undefined) return
  delete item.errno
  const error = new KafkaError(errorName(errno))
  item.error = new KafkaError(error.code, `${what}: ${error.message}`)
}
