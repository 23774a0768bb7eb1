// Where the numbers come from: clients' statistics and counters, processors' events, pipelines' metrics.
import {
  Consumer,
  type DeliveryReport,
  type DeliveryReports,
  KafkaError,
  Producer,
  type Statistics,
  type TransactionCounts,
} from '../index.js'
import { Pipeline } from '../pipeline.js'
import { type Outcome, Processor, type ProcessorEvent } from '../processor.js'
import {
  type Count,
  Counts,
  durations,
  Histogram,
  type HistogramSeries,
  type Instrument,
  type Labels,
} from './instruments.js'

/** What can be observed. */
export type Observable = Producer | Consumer | Processor | Pipeline

type PartitionStatistics = Statistics['topics'][string]['partitions'][string]
type Read = () => Iterable<readonly [Labels, number]>

interface Client {
  readonly client: Producer | Consumer
  readonly labels: Labels
  statistics: Statistics | undefined
}

/** Of a topic's messages with one outcome. */
interface Handled {
  readonly series: HistogramSeries
  readonly messages: Count
}

const system = { messaging_system: 'kafka' }
const ofGroup = (group: string) => ({ messaging_consumer_group_name: group })
// Of the reports that come at once.
const forwarded = 16

/** Everything that is observed, as instruments. */
export class Sources {
  readonly #clients = new Set<Client>()
  readonly #processors = new Set<Processor>()
  readonly #pipelines = new Set<Pipeline>()
  readonly #ends: (() => void)[] = []
  readonly #messages = new Counts()
  readonly #retries = new Counts()
  readonly #deadLetters = new Counts()
  readonly #rebalances = new Counts()
  readonly #deliveries = new Counts()
  readonly process = new Histogram('messaging.process.duration', 'Time that handlers took.', durations)
  readonly operation = new Histogram(
    'messaging.client.operation.duration',
    'Time from produce to delivery report.',
    durations,
  )

  observe(item: Observable): void {
    if (item instanceof Producer || item instanceof Consumer) this.#observeClient(item)
    else if (item instanceof Processor) this.#observeProcessor(item)
    else if (item instanceof Pipeline) this.#pipelines.add(item)
    else throw new KafkaError('_INVALID_ARG', 'observe() takes Producers, Consumers, Processors and Pipelines')
  }

  #observeClient(client: Producer | Consumer): Client {
    for (const known of this.#clients) if (known.client === client) return known
    const group = client instanceof Consumer ? client.groupId : null
    const entry: Client = {
      client,
      labels: { ...system, messaging_client_id: client.name, ...(group === null ? {} : ofGroup(group)) },
      statistics: undefined,
    }
    this.#clients.add(entry)
    this.#ends.push(
      client.observeStatistics((statistics) => {
        entry.statistics = statistics
      }),
    )
    return entry
  }

  #observeProcessor(processor: Processor): void {
    if (this.#processors.has(processor)) return
    this.#processors.add(processor)
    const group = processor.groupId
    const handled = this.#handledOf(group)
    this.#ends.push(
      processor.observe((event) => {
        if (event.type !== 'handled') return this.#event(event, { ...system, ...ofGroup(group) })
        const { series, messages } = handled(event.topic, event.outcome)
        series.add(event.duration / 1000, event.calls)
        this.process.forward?.(event.duration / 1000, series.labels)
        messages.value += event.count
      }),
    )
  }

  /** Where what is handled is counted: looked up by what an event has, because there are many. */
  #handledOf(group: string): (topic: string, outcome: Outcome) => Handled {
    const topics = new Map<string, Partial<Record<Outcome, Handled>>>()
    return (topic, outcome) => {
      let outcomes = topics.get(topic)
      if (!outcomes) {
        outcomes = {}
        topics.set(topic, outcomes)
      }
      let handled = outcomes[outcome]
      if (!handled) {
        const key = `${outcome}/${topic}/${group}`
        const labels = () => ({
          ...system,
          messaging_operation_name: 'process',
          ...ofGroup(group),
          messaging_destination_name: topic,
          outcome,
          // The conventions' value where there is no name for it.
          ...(outcome === 'failure' ? { error_type: '_OTHER' } : {}),
        })
        handled = { series: this.process.seriesOf(key, labels), messages: this.#messages.of(key, labels) }
        outcomes[outcome] = handled
      }
      return handled
    }
  }

  #event(event: ProcessorEvent, labels: Labels): void {
    const group = labels.messaging_consumer_group_name
    switch (event.type) {
      case 'retry':
        this.#retries.add(`${event.topic}/${group}`, () => ({ ...labels, messaging_destination_name: event.topic }))
        break
      case 'retryTopic':
      case 'deadLetter':
        this.#deadLetters.add(`${event.type}/${event.topic}/${group}`, () => ({
          ...labels,
          messaging_destination_name: event.topic,
          kind: event.type === 'deadLetter' ? 'dead_letter' : 'retry_topic',
        }))
        break
      case 'rebalance':
        this.#rebalances.add(`${event.kind}/${group}`, () => ({ ...labels, kind: event.kind }))
        break
    }
  }

  /** Reports as `onDelivery` or `sendBatch` bring them. */
  deliveries(reports: DeliveryReports): void {
    const { length } = reports
    // OpenTelemetry's histogram takes longer for one time than the brokers for a message: of many it gets some.
    const stride = Math.ceil(length / forwarded)
    let [last, known, count]: [string | undefined, HistogramSeries | undefined, number] = [undefined, undefined, 0]
    for (let i = 0; i < length; i++) {
      const { topic, latency, error } = reports.at(i) as DeliveryReport
      if (error) {
        this.delivery(topic, latency / 1e6, error.code)
        continue
      }
      if (topic !== last || !known) {
        this.#delivered(last, count)
        ;[last, known, count] = [topic, this.#deliverySeries(topic, undefined), 0]
      }
      count++
      known.add(latency / 1e6, 1)
      if (i % stride === 0) this.operation.forward?.(latency / 1e6, known.labels)
    }
    this.#delivered(last, count)
  }

  /** How long one took, and what came of it. */
  delivery(topic: string, seconds: number, code: string | undefined): void {
    const series = this.#deliverySeries(topic, code)
    series.add(seconds, 1)
    this.operation.forward?.(seconds, series.labels)
    this.#deliveries.add(`${code ?? ''}/${topic}`, () => series.labels)
  }

  #delivered(topic: string | undefined, count: number): void {
    if (topic === undefined) return
    this.#deliveries.add(`/${topic}`, () => this.#deliverySeries(topic, undefined).labels, count)
  }

  #deliverySeries(topic: string, code: string | undefined): HistogramSeries {
    return this.operation.seriesOf(`${code ?? ''}/${topic}`, () => ({
      ...system,
      messaging_operation_name: 'send',
      messaging_destination_name: topic,
      ...(code ? { error_type: code } : {}),
    }))
  }

  stop(): void {
    for (const end of this.#ends.splice(0)) end()
    this.#clients.clear()
    this.#processors.clear()
    this.#pipelines.clear()
  }

  // --- Reading

  /** Those of running processors, too: their consumer is there once they run. */
  *#all(): Iterable<Client> {
    for (const processor of this.#processors) {
      const { consumer, producer } = processor
      if (consumer && !consumer.closed) this.#observeClient(consumer)
      if (producer && !producer.closed) this.#observeClient(producer)
    }
    for (const entry of this.#clients) {
      // A closed client's counters would go on for ever, and its gauges would lie.
      if (entry.client.closed) this.#clients.delete(entry)
      else yield entry
    }
  }

  *#statistics(type: 'producer' | 'consumer'): Iterable<[Statistics, Labels, Client]> {
    for (const entry of this.#all()) {
      if (entry.statistics?.type === type) yield [entry.statistics, entry.labels, entry]
    }
  }

  *#topics(
    type: 'producer' | 'consumer',
    field: 'txmsgs' | 'txbytes' | 'rxmsgs' | 'rxbytes',
  ): ReturnType<Read> & Iterable<readonly [Labels, number]> {
    const operation = { messaging_operation_name: type === 'producer' ? 'send' : 'poll' }
    for (const [statistics, labels] of this.#statistics(type)) {
      for (const [topic, { partitions }] of Object.entries(statistics.topics)) {
        let sum = 0
        for (const [number, partition] of Object.entries(partitions)) if (number !== '-1') sum += partition[field]
        yield [{ ...labels, ...operation, messaging_destination_name: topic }, sum]
      }
    }
  }

  *#brokers(field: 'txerrs' | 'rxerrs' | 'txretries' | 'req_timeouts'): Iterable<readonly [Labels, number]> {
    for (const entry of this.#all()) {
      for (const broker of Object.values(entry.statistics?.brokers ?? {})) {
        yield [{ ...entry.labels, broker: broker.name }, broker[field]]
      }
    }
  }

  *#window(field: 'rtt' | 'int_latency' | 'outbuf_latency'): Iterable<readonly [Labels, number]> {
    for (const entry of this.#all()) {
      for (const broker of Object.values(entry.statistics?.brokers ?? {})) {
        const window = broker[field]
        if (!window || window.cnt === 0) continue
        for (const quantile of ['p50', 'p95', 'p99'] as const) {
          yield [{ ...entry.labels, broker: broker.name, quantile: `0.${quantile.slice(1)}` }, window[quantile] / 1e6]
        }
      }
    }
  }

  *#length(field: 'messages' | 'bytes'): Iterable<readonly [Labels, number]> {
    for (const { client, labels } of this.#all()) if (client instanceof Producer) yield [labels, client.length[field]]
  }

  /**
   * What is committed is what Kafka's own tool counts from. Statistics know it; without them it is what was handed out.
   */
  *#lag(): Iterable<readonly [Labels, number]> {
    for (const { client, labels, statistics } of this.#all()) {
      if (!(client instanceof Consumer)) continue
      for (const { topic, partition, lag } of client.lag()) {
        const known = statistics?.topics[topic]?.partitions[String(partition)]
        const committed = known?.consumer_lag ?? -1
        const value = committed >= 0 ? committed : (lag ?? (isDrained(client, topic, partition, known) ? 0 : null))
        if (value === null) continue
        const where = { messaging_destination_name: topic, messaging_destination_partition_id: String(partition) }
        yield [{ ...labels, ...where }, value]
      }
    }
  }

  *#assigned(): Iterable<readonly [Labels, number]> {
    for (const { client, labels } of this.#all()) {
      if (client instanceof Consumer) yield [labels, client.assignment.length]
    }
  }

  *#rebalanced(): Iterable<readonly [Labels, number]> {
    for (const [statistics, labels] of this.#statistics('consumer')) {
      if (statistics.cgrp) yield [labels, statistics.cgrp.rebalance_cnt]
    }
  }

  *#health(field: 'running' | 'queued' | 'sleeping'): Iterable<readonly [Labels, number]> {
    let number = 0
    for (const processor of this.#processors) {
      yield [{ ...system, ...ofGroup(processor.groupId), processor: String(number++) }, processor.health()[field]]
    }
  }

  *#transactions(): Iterable<readonly [Labels, number]> {
    let number = 0
    const pipelines = [...this.#pipelines].map(({ metrics }) => metrics)
    for (const { counts } of this.#processors) if (counts.pipeline) pipelines.push(counts.pipeline)
    for (const ended of pipelines) yield* byResult({ ...system, pipeline: String(number++) }, ended)
    // A processor's pipeline has told of its producer's, and of those that this one has replaced.
    const told = new Set([...this.#processors].map(({ producer }) => producer))
    for (const { client, labels } of this.#all()) {
      if (!(client instanceof Producer) || told.has(client)) continue
      if (client.transactionCounts) yield* byResult(labels, client.transactionCounts)
    }
  }

  /** All of them. Names and units are OpenTelemetry's where it has some. */
  get instruments(): Instrument[] {
    const counter = (name: string, unit: string, help: string, read: Read): Instrument => ({
      name,
      kind: 'counter',
      unit,
      help,
      read,
    })
    const gauge = (name: string, unit: string, help: string, read: Read): Instrument => ({
      name,
      kind: 'gauge',
      unit,
      help,
      read,
    })
    const message = '{message}'
    return [
      counter('messaging.client.sent.messages', message, 'Messages sent to brokers.', () =>
        this.#topics('producer', 'txmsgs'),
      ),
      counter('messaging.client.sent.bytes', 'By', 'Bytes of messages sent to brokers.', () =>
        this.#topics('producer', 'txbytes'),
      ),
      counter('messaging.client.consumed.messages', message, 'Messages received from brokers.', () =>
        this.#topics('consumer', 'rxmsgs'),
      ),
      counter('messaging.client.consumed.bytes', 'By', 'Bytes of messages received from brokers.', () =>
        this.#topics('consumer', 'rxbytes'),
      ),
      counter('messaging.client.deliveries', message, 'Delivery reports, by error.', () => this.#deliveries.read()),
      counter('messaging.process.messages', message, 'Messages handled, by outcome.', () => this.#messages.read()),
      gauge('kafka.producer.queue.messages', message, 'Messages without a delivery report.', () =>
        this.#length('messages'),
      ),
      gauge('kafka.producer.queue.bytes', 'By', 'Bytes without a delivery report.', () => this.#length('bytes')),
      gauge('kafka.consumer.lag', message, 'Messages between what is committed and the end.', () => this.#lag()),
      gauge('kafka.consumer.partitions', '{partition}', 'Partitions assigned.', () => this.#assigned()),
      counter('kafka.consumer.rebalances', '{rebalance}', 'Rebalances.', () => this.#rebalanced()),
      counter('kafka.broker.request.errors', '{error}', 'Requests that failed.', () => this.#brokers('txerrs')),
      counter('kafka.broker.response.errors', '{error}', 'Responses that failed.', () => this.#brokers('rxerrs')),
      counter('kafka.broker.request.retries', '{retry}', 'Requests sent again.', () => this.#brokers('txretries')),
      counter('kafka.broker.request.timeouts', '{timeout}', 'Requests without an answer.', () =>
        this.#brokers('req_timeouts'),
      ),
      gauge('kafka.broker.rtt', 's', 'Round-trip time of the last interval.', () => this.#window('rtt')),
      gauge('kafka.producer.queue.time', 's', 'Time in the queue, of the last interval.', () =>
        this.#window('int_latency'),
      ),
      gauge('kafka.processor.running', message, 'Handlers at work.', () => this.#health('running')),
      gauge('kafka.processor.queued', message, 'Messages that wait for a handler.', () => this.#health('queued')),
      gauge('kafka.processor.sleeping', message, 'Messages that wait for their next attempt.', () =>
        this.#health('sleeping'),
      ),
      counter('kafka.processor.retries', '{attempt}', 'Attempts after the first.', () => this.#retries.read()),
      counter('kafka.processor.dead.letters', message, 'Messages sent to dead-letter and retry topics.', () =>
        this.#deadLetters.read(),
      ),
      counter('kafka.processor.rebalances', '{rebalance}', 'Partitions assigned, revoked and lost.', () =>
        this.#rebalances.read(),
      ),
      counter('kafka.transactions', '{transaction}', 'Transactions, by result.', () => this.#transactions()),
    ]
  }
}

function* byResult(labels: Labels, { committed, aborted }: TransactionCounts): Iterable<readonly [Labels, number]> {
  yield [{ ...labels, result: 'committed' }, committed]
  yield [{ ...labels, result: 'aborted' }, aborted]
}

/** Of a partition without a position: whether it is empty, or there was nothing from where this consumer began. */
function isDrained(
  client: Consumer,
  topic: string,
  partition: number,
  known: PartitionStatistics | undefined,
): boolean {
  const watermarks = client.cachedWatermarks({ topic, partition })
  if (watermarks && watermarks.low >= 0 && watermarks.low === watermarks.high) return true
  return known !== undefined && known.rxmsgs === 0 && known.eof_offset >= 0 && known.eof_offset === known.hi_offset
}
