// Kafka's own Java clients as a witness: what they wrote we must read, what we wrote they must read, and what the
// broker says of topics, groups and transactions. See scripts/kafka/Witness.java.
import type { Json, WitnessConnection } from './witness-connection.js'

export type Isolation = 'read_committed' | 'read_uncommitted'
export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
type Bytes = Buffer | string | null

export interface RecordToWrite {
  value: Bytes
  key?: Bytes
  headers?: [name: string, value: Bytes][]
  partition?: number
  timestamp?: number
}

export interface WrittenRecord {
  partition: number
  offset: number
  timestamp: number
}

export interface WitnessRecord extends WrittenRecord {
  timestampType: 'CreateTime' | 'LogAppendTime'
  leaderEpoch: number | null
  key: Buffer | null
  value: Buffer | null
  headers: [name: string, value: Buffer | null][]
}

export interface ProduceOptions {
  compression?: Compression
  /** `leave` goes away without ending the transaction, as a killed program does. */
  transaction?: { id: string; end: 'commit' | 'abort' | 'leave' }
}

export interface ConsumeOptions {
  topic: string
  partitions?: number[]
  /** Where to start in some partitions; the others start at their beginning. */
  from?: { [partition: number]: number }
  isolation?: Isolation
  /** Wait for this many records; without it, read to the end offsets of the moment. */
  count?: number
  /** Milliseconds, 30,000 if not given; then the promise rejects and says what came. */
  timeout?: number
}

export interface TopicOptions {
  partitions?: number
  replication?: number
  config?: { [name: string]: string | number | boolean }
}

export interface TopicDescription {
  name: string
  topicId: string
  partitions: { partition: number; leader: number; replicas: number[]; isr: number[] }[]
}

export interface GroupDescription {
  group: string
  type: 'Classic' | 'Consumer' | 'Share'
  state: string
  assignor?: string
  coordinator?: number
  members: {
    memberId: string
    instanceId?: string | null
    clientId: string
    assignment: { [topic: string]: number[] }
  }[]
}

export interface GroupOffsets {
  [topic: string]: { [partition: number]: { offset: number; metadata: string; leaderEpoch: number | null } }
}

export interface Acl {
  resourceType: string
  resourceName: string
  patternType?: string
  principal: string
  host?: string
  operation: string
  permission?: string
}

export interface ActiveProducer {
  producerId: number
  producerEpoch: number
  lastSequence: number
  /** Where the open transaction starts, null when there is none. */
  transactionStart: number | null
}

type ConfigType = 'topic' | 'broker' | 'group' | 'broker_logger' | 'client_metrics'

interface WireRecord extends Omit<WitnessRecord, 'key' | 'value' | 'headers'> {
  key: string | null
  value: string | null
  headers: [string, string | null][]
}

const encode = (bytes: Bytes | undefined): string | null =>
  bytes === null || bytes === undefined ? null : Buffer.from(bytes as string).toString('base64')

const decode = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text, 'base64'))

const decodeRecord = (record: WireRecord): WitnessRecord => ({
  ...record,
  key: decode(record.key),
  value: decode(record.value),
  headers: record.headers.map(([name, value]) => [name, decode(value)]),
})

export class Witness {
  #connection: WitnessConnection
  #bootstrap: string
  #config: { [name: string]: string }

  /** @param config properties of Java clients, for listeners with TLS or SASL */
  constructor(connection: WitnessConnection, bootstrap: string, config: { [name: string]: string } = {}) {
    this.#connection = connection
    this.#bootstrap = bootstrap
    this.#config = config
  }

  /** The same witness for another cluster or listener. */
  at(bootstrap: string, config: { [name: string]: string } = {}): Witness {
    return new Witness(this.#connection, bootstrap, config)
  }

  #ask<T>(op: string, fields: { [name: string]: Json | undefined } = {}, parts?: unknown[]): Promise<T> {
    const where = { bootstrap: this.#bootstrap, config: this.#config }
    return this.#connection.request({ op, ...where, ...fields }, parts) as Promise<T>
  }

  // Records

  async produce(topic: string, records: RecordToWrite[], options: ProduceOptions = {}): Promise<WrittenRecord[]> {
    const wire = records.map(({ key, value, headers = [], partition, timestamp }) => ({
      key: encode(key),
      value: encode(value),
      headers: headers.map(([name, value]): Json[] => [name, encode(value)]),
      partition,
      timestamp,
    }))
    const { compression, transaction } = options
    return await this.#ask('produce', { topic, records: wire, compression, transaction })
  }

  async consume(options: ConsumeOptions): Promise<WitnessRecord[]> {
    const records: WireRecord[] = []
    await this.#ask('consume', { ...options }, records)
    return records.map(decodeRecord)
  }

  // Topics

  /** Settles when each partition has a leader. */
  async createTopic(topic: string, options: TopicOptions = {}): Promise<TopicDescription> {
    const { partitions, replication, config } = options
    return await this.#ask('createTopic', { topic, partitions, replication, topicConfig: config })
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#ask('deleteTopic', { topic })
  }

  async createPartitions(topic: string, total: number): Promise<void> {
    await this.#ask('createPartitions', { topic, total })
  }

  /** Moves the beginning of a partition. */
  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    await this.#ask('deleteRecords', { topic, partition, before })
  }

  async listTopics(): Promise<string[]> {
    return await this.#ask('listTopics')
  }

  async describeTopic(topic: string): Promise<TopicDescription> {
    return await this.#ask('describeTopic', { topic })
  }

  async endOffsets(topic: string, isolation: Isolation = 'read_uncommitted'): Promise<{ [partition: number]: number }> {
    return await this.#ask('offsets', { topic, at: 'end', isolation })
  }

  async beginningOffsets(topic: string): Promise<{ [partition: number]: number }> {
    return await this.#ask('offsets', { topic, at: 'beginning' })
  }

  /** The first offset with this time or a later one; -1 when there is none. */
  async offsetsForTime(topic: string, time: number): Promise<{ [partition: number]: number }> {
    return await this.#ask('offsets', { topic, at: time })
  }

  // Groups

  async listGroups(): Promise<{ group: string; type: string; protocol: string; state: string }[]> {
    return await this.#ask('listGroups')
  }

  async describeGroup(group: string): Promise<GroupDescription> {
    return await this.#ask('describeGroup', { group })
  }

  async groupOffsets(group: string): Promise<GroupOffsets> {
    return await this.#ask('groupOffsets', { group })
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#ask('deleteGroup', { group })
  }

  // Configuration and security

  async describeConfig(type: ConfigType, name: string): Promise<{ [name: string]: { value: string; source: string } }> {
    return await this.#ask('describeConfig', { type, name })
  }

  /** null takes a setting back. */
  async alterConfig(type: ConfigType, name: string, set: { [name: string]: string | null }): Promise<void> {
    await this.#ask('alterConfig', { type, name, set })
  }

  async createAcl(acl: Acl): Promise<void> {
    await this.#ask('createAcl', { ...acl })
  }

  async describeAcls(): Promise<Required<Acl>[]> {
    return await this.#ask('describeAcls')
  }

  /** All of them. */
  async deleteAcls(): Promise<void> {
    await this.#ask('deleteAcls')
  }

  async upsertScram(user: string, mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512', password: string): Promise<void> {
    await this.#ask('upsertScram', { user, mechanism, password })
  }

  async describeScram(): Promise<{ [user: string]: { mechanism: string; iterations: number }[] }> {
    return await this.#ask('describeScram')
  }

  // Cluster and transactions

  async describeCluster(): Promise<{
    clusterId: string
    controller: number
    nodes: { id: number; host: string; port: number }[]
  }> {
    return await this.#ask('describeCluster')
  }

  async listTransactions(): Promise<{ transactionalId: string; producerId: number; state: string }[]> {
    return await this.#ask('listTransactions')
  }

  async describeProducers(topic: string, partition: number): Promise<ActiveProducer[]> {
    return await this.#ask('describeProducers', { topic, partition })
  }

  /** What another instance with the same transactional.id does to the first. */
  async fenceProducer(transactionalId: string): Promise<void> {
    await this.#ask('fenceProducer', { transactionalId })
  }
}
