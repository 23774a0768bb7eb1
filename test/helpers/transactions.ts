// What the tests of transactions on the embedded cluster share.
import { Consumer, KafkaError, type MockCluster, Producer, type ProducerConfig } from 'odradek'
import { expect } from 'vitest'
import { rejection } from './wait.js'

export type GroupOffsets = Parameters<Producer['sendOffsetsToTransaction']>

export function transactionalProducer(cluster: MockCluster, id: string, more: ProducerConfig = {}): Producer {
  return new Producer({
    'bootstrap.servers': cluster.bootstrapServers,
    'transactional.id': id,
    'transaction.timeout.ms': 20_000,
    'retry.backoff.ms': 20,
    'linger.ms': 0,
    ...more,
  })
}

/** Initialised, with its coordinator on broker 2: the calls of each broker can be told apart. */
export async function readyProducer(cluster: MockCluster, id: string, more: ProducerConfig = {}): Promise<Producer> {
  cluster.coordinator('transaction', id, 2)
  const producer = transactionalProducer(cluster, id, more)
  await producer.initTransactions()
  return producer
}

/** One offset of the topic, and the metadata of a group that nobody has joined. */
export async function groupOffsets(cluster: MockCluster, group: string, topic: string): Promise<GroupOffsets> {
  const config = { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': group, 'enable.auto.commit': false }
  await using consumer = new Consumer(config)
  return [[{ topic, partition: 0, offset: 1 }], await consumer.groupMetadata()]
}

export async function kafkaError(promise: Promise<unknown>): Promise<KafkaError> {
  const error = await rejection(promise)
  expect(error).toBeInstanceOf(KafkaError)
  return error as KafkaError
}
