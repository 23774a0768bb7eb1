// A few requests of Kafka's protocol by hand: what a broker of the embedded cluster says, without a client's opinion.
import { connect, type Socket } from 'node:net'

/** Writes a request, in the order of its fields. `flexible` versions have compact lengths and tagged fields. */
class Writer {
  readonly #parts: Buffer[] = []
  readonly #flexible: boolean

  constructor(flexible: boolean) {
    this.#flexible = flexible
  }

  #number(size: 1 | 2 | 4, value: number): this {
    const buffer = Buffer.alloc(size)
    buffer.writeIntBE(value, 0, size)
    this.#parts.push(buffer)
    return this
  }
  int8 = (value: number) => this.#number(1, value)
  int16 = (value: number) => this.#number(2, value)
  int32 = (value: number) => this.#number(4, value)
  int64(value: number): this {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64BE(BigInt(value))
    this.#parts.push(buffer)
    return this
  }
  string(value: string | null): this {
    const bytes = value === null ? Buffer.alloc(0) : Buffer.from(value)
    if (this.#flexible) this.int8(value === null ? 0 : bytes.length + 1)
    else this.int16(value === null ? -1 : bytes.length)
    this.#parts.push(bytes)
    return this
  }
  array<T>(items: readonly T[], write: (item: T) => void): this {
    if (this.#flexible) this.int8(items.length + 1)
    else this.int32(items.length)
    for (const item of items) write(item)
    return this
  }
  tags(): this {
    return this.#flexible ? this.int8(0) : this
  }
  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }
}

class Reader {
  #at = 0
  readonly #bytes: Buffer
  readonly #flexible: boolean

  constructor(bytes: Buffer, flexible: boolean) {
    this.#bytes = bytes
    this.#flexible = flexible
  }

  #number(size: number): number {
    this.#at += size
    return this.#bytes.readIntBE(this.#at - size, size)
  }
  int8 = () => this.#number(1)
  int16 = () => this.#number(2)
  int32 = () => this.#number(4)
  int64(): number {
    this.#at += 8
    return Number(this.#bytes.readBigInt64BE(this.#at - 8))
  }
  string(): string | null {
    const length = this.#flexible ? this.int8() - 1 : this.int16()
    if (length < 0) return null
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }
  array<T>(read: () => T): T[] {
    const length = this.#flexible ? this.int8() - 1 : this.int32()
    return Array.from({ length: Math.max(0, length) }, read)
  }
  uuid(): string {
    this.#at += 16
    return this.#bytes.toString('hex', this.#at - 16, this.#at)
  }
  tags(): void {
    if (this.#flexible) this.int8()
  }
}

export interface Endpoint {
  host: string
  port: number
}

/** The brokers of a `bootstrap.servers`. */
export function endpoints(servers: string): Endpoint[] {
  return servers.split(',').map((server) => {
    const [host, port] = server.split(':')
    return { host, port: Number(port) }
  })
}

/** Sends one request on a connection of its own, and reads the answer. Rejects when the broker hangs up. */
async function ask<T>(
  { host, port }: Endpoint,
  api: { key: number; version: number; flexible?: boolean },
  write: (writer: Writer) => void,
  read: (reader: Reader) => T,
): Promise<T> {
  const flexible = api.flexible ?? false
  const head = new Writer(false).int16(api.key).int16(api.version).int32(1).string('wire').bytes()
  const body = new Writer(flexible)
  body.tags()
  write(body)
  const request = Buffer.concat([head, body.bytes()])
  const socket = connect({ host, port })
  try {
    socket.write(Buffer.concat([new Writer(false).int32(request.length).bytes(), request]))
    const reader = new Reader(await answer(socket), flexible)
    reader.int32() // correlation id
    reader.tags()
    return read(reader)
  } finally {
    socket.destroy()
  }
}

async function answer(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk])
    if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) return bytes.subarray(4)
  }
  throw new Error('the broker closed the connection')
}

/** ApiVersions: the requests a broker takes, with the versions of each. */
export function apiVersions(endpoint: Endpoint) {
  return ask(
    endpoint,
    { key: 18, version: 0 },
    () => {},
    (reader) => {
      reader.int16()
      return reader.array(() => ({ key: reader.int16(), min: reader.int16(), max: reader.int16() }))
    },
  )
}

/** Metadata: the brokers, the controller and some topics. */
export function metadata(endpoint: Endpoint, topics: string[] = []) {
  return ask(
    endpoint,
    { key: 3, version: 7 },
    (writer) => writer.array(topics, (topic) => writer.string(topic)).int8(0),
    (reader) => {
      reader.int32()
      const brokers = reader.array(() => ({
        id: reader.int32(),
        host: reader.string(),
        port: reader.int32(),
        rack: reader.string(),
      }))
      reader.string()
      return { brokers, controller: reader.int32(), topics: reader.array(() => topicOf(reader)) }
    },
  )
}

function topicOf(reader: Reader) {
  const errno = reader.int16()
  const name = reader.string()
  reader.int8()
  const partitions = reader.array(() => {
    reader.int16()
    const [id, leader, leaderEpoch] = [reader.int32(), reader.int32(), reader.int32()]
    const [replicas] = [reader.array(reader.int32), reader.array(reader.int32), reader.array(reader.int32)]
    return { id, leader, leaderEpoch, replicas }
  })
  return { errno, name, partitions: partitions.sort((a, b) => a.id - b.id) }
}

/** FindCoordinator: the id of the broker, or the error. */
export function findCoordinator(endpoint: Endpoint, type: 'group' | 'transaction', key: string) {
  return ask(
    endpoint,
    { key: 10, version: 1 },
    (writer) => writer.string(key).int8(type === 'group' ? 0 : 1),
    (reader) => {
      reader.int32()
      const errno = reader.int16()
      reader.string()
      return { errno, broker: reader.int32() }
    },
  )
}

/** Fetch of one partition: what the broker says of its log, and which replica it would rather be asked. */
export function fetchState(endpoint: Endpoint, topic: string, partition: number, offset: number) {
  return ask(
    endpoint,
    { key: 1, version: 11 },
    (writer) => {
      // replica, max wait, min bytes, max bytes, isolation level, session id, session epoch
      writer.int32(-1).int32(0).int32(0).int32(1_000_000).int8(0).int32(0).int32(-1)
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (id) => {
          writer.int32(id).int32(-1).int64(offset).int64(-1).int32(1_000_000)
        })
      })
      writer.array([], () => {}).string('')
    },
    (reader) => {
      reader.int32()
      reader.int16()
      reader.int32()
      const [state] = reader.array(() => {
        reader.string()
        return reader.array(() => {
          reader.int32()
          const errno = reader.int16()
          const high = reader.int64()
          reader.int64()
          const low = reader.int64()
          reader.array(() => {})
          return { errno, low, high, preferred: reader.int32() }
        })[0]
      })
      return state
    },
  )
}

/** ConsumerGroupHeartbeat (KIP-848): joins with epoch 0, and tells what the member is to have. */
export function groupHeartbeat(endpoint: Endpoint, group: string, member: string, epoch: number, topic: string) {
  return ask(
    endpoint,
    { key: 68, version: 1, flexible: true },
    (writer) => {
      // group, member, epoch, instance, rack, rebalance timeout
      writer.string(group).string(member).int32(epoch).string(null).string(null).int32(10_000)
      // topics, regex (the cluster ends the process without one), assignor, partitions owned
      writer
        .array([topic], (name) => writer.string(name))
        .string('')
        .string(null)
        .array([], () => {})
        .tags()
    },
    (reader) => heartbeatAnswer(reader),
  )
}

/** ShareGroupHeartbeat (KIP-932), likewise. */
export function shareGroupHeartbeat(endpoint: Endpoint, group: string, member: string, epoch: number, topic: string) {
  return ask(
    endpoint,
    { key: 76, version: 1, flexible: true },
    (writer) => {
      writer.string(group).string(member).int32(epoch).string(null)
      writer.array([topic], (name) => writer.string(name)).tags()
    },
    (reader) => heartbeatAnswer(reader),
  )
}

function heartbeatAnswer(reader: Reader) {
  reader.int32()
  const errno = reader.int16()
  reader.string()
  const member = reader.string()
  const epoch = reader.int32()
  const interval = reader.int32()
  // Null, that is unchanged, or partitions by topic id.
  const assigned = reader.int8() < 0 ? null : reader.array(() => topicPartitions(reader))
  return { errno, member, epoch, interval, partitions: assigned?.flat() ?? null }
}

function topicPartitions(reader: Reader): number[] {
  reader.uuid()
  const partitions = reader.array(reader.int32)
  reader.tags()
  return partitions
}
