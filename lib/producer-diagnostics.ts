// node:diagnostics_channel events of producers. Without subscribers they cost a look at a flag.
import { channel } from 'node:diagnostics_channel'
import type { DeliveryReport } from './delivery-report.js'
import { KafkaError } from './errors.js'
import type { BatchRecord } from './record.js'

/**
 * What `odradek:producer:send` publishes, in the caller's context, before a record is written: subscribers may still set
 * its headers. The same object comes back with the delivery.
 */
export interface ProducerSendEvent {
  /** The producer's `client.id`. */
  client: string
  topic: string
  record: BatchRecord
}

/** What `odradek:producer:delivery` publishes, before whoever awaits the report gets it. */
export interface ProducerDeliveryEvent {
  client: string
  /** With `error` when the record was not delivered. */
  report: DeliveryReport
  /** The event of its sending; undefined when nobody was subscribed then. */
  send: ProducerSendEvent | undefined
}

/** @internal */
export const sendChannel = channel('odradek:producer:send')
/** @internal */
export const deliveryChannel = channel('odradek:producer:delivery')

/** @internal */
export function publishSend(client: string, topic: string, record: BatchRecord): ProducerSendEvent {
  const event = { client, topic, record }
  sendChannel.publish(event)
  return event
}

/** @internal */
export function publishBatch(
  client: string,
  topic: string | undefined,
  records: readonly (BatchRecord & { topic?: string })[],
): (ProducerSendEvent | undefined)[] {
  // What is not a record fails by itself.
  return records.map((record) => {
    if (typeof record !== 'object' || record === null) return undefined
    return publishSend(client, topic ?? String(record.topic), record)
  })
}

/** @internal */
export function publishDelivery(client: string, report: DeliveryReport, send: ProducerSendEvent | undefined): void {
  deliveryChannel.publish({ client, report, send } satisfies ProducerDeliveryEvent)
}

/** @internal A record that librdkafka has never had: what a subscriber began with its sending is to end. */
export function publishFailure(send: ProducerSendEvent, failure: unknown): void {
  const { client, topic, record } = send
  const error =
    failure instanceof KafkaError ? failure : new KafkaError('_PURGE_QUEUE', String(failure), { cause: failure })
  const nowhere = {
    partition: record.partition ?? -1,
    offset: -1001,
    timestamp: -1,
    latency: 0,
    brokerId: -1,
    index: 0,
  }
  publishDelivery(client, { topic, ...nowhere, status: 'notPersisted', error, opaque: record.opaque }, send)
}
