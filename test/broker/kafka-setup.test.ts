// The tests' Kafka itself, seen by Kafka's own clients: if this file fails, no other broker test means anything.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Listener, listenerProperties } from '../../scripts/kafka/config.mjs'
import { notePid, removeLeftovers, runDirectory } from '../../scripts/kafka/directories.mjs'
import { fetchMetadata } from '../../scripts/kafka/metadata.mjs'
import { verifyJars } from '../../scripts/kafka/obtain.mjs'
import { bootstrapServers, createAuthority, createTopic, kafkaTool, startCluster, witness } from '../helpers/kafka.js'
import type { Compression, Witness } from '../helpers/witness.js'

type Cluster = Awaited<ReturnType<typeof startCluster>>

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the shared broker', () => {
  test.each<Compression>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'returns records written with %s',
    async (compression) => {
      const w = await witness()
      const topic = await createTopic('roundtrip', { partitions: 2 })
      const timestamp = 1_700_000_000_000
      const written = await w.produce(
        topic,
        [
          {
            partition: 0,
            key: 'k',
            value: 'v',
            timestamp,
            headers: [
              ['a', '1'],
              ['a', null],
              ['b', Buffer.from([0, 255])],
            ],
          },
          { partition: 1, key: null, value: null },
          { partition: 1, key: '', value: Buffer.alloc(100_000, 7) },
        ],
        { compression },
      )
      expect(written.map(({ partition, offset }) => [partition, offset])).toEqual([
        [0, 0],
        [1, 0],
        [1, 1],
      ])
      const records = await w.consume({ topic })
      expect(records).toHaveLength(3)
      const [first] = records.filter((record) => record.partition === 0)
      expect(first).toMatchObject({ offset: 0, timestamp, timestampType: 'CreateTime', key: Buffer.from('k') })
      expect(first.headers).toEqual([
        ['a', Buffer.from('1')],
        ['a', null],
        ['b', Buffer.from([0, 255])],
      ])
      const [absent, large] = records.filter((record) => record.partition === 1)
      expect([absent.key, absent.value]).toEqual([null, null])
      expect(large.key).toEqual(Buffer.alloc(0))
      expect(large.value?.equals(Buffer.alloc(100_000, 7))).toBe(true)
      await w.deleteTopic(topic)
    },
  )

  test('shows committed transactions only to those who ask for that', async () => {
    const w = await witness()
    const topic = await createTopic('isolation')
    await w.produce(topic, [{ value: 'kept' }], { transaction: { id: topic, end: 'commit' } })
    await w.produce(topic, [{ value: 'aborted' }], { transaction: { id: topic, end: 'abort' } })
    await w.produce(topic, [{ value: 'open' }], { transaction: { id: topic, end: 'leave' } })
    const values = async (isolation: 'read_committed' | 'read_uncommitted') =>
      (await w.consume({ topic, isolation })).map((record) => String(record.value))
    expect(await values('read_committed')).toEqual(['kept'])
    expect(await values('read_uncommitted')).toEqual(['kept', 'aborted', 'open'])
    expect(await w.endOffsets(topic)).toEqual({ 0: 5 })
    expect(await w.endOffsets(topic, 'read_committed')).toEqual({ 0: 4 })
    const producers = await w.describeProducers(topic, 0)
    expect(producers.map((producer) => producer.transactionStart)).toEqual([4])
    await w.fenceProducer(topic)
    await expect.poll(() => w.endOffsets(topic, 'read_committed')).toEqual({ 0: 6 })
  })

  test('has the features of Kafka 4.2: consumer groups by KIP-848, share groups, transactions version 2', async () => {
    const features = await kafkaTool('kafka-features', ['describe'])
    expect(features).toMatch(/group\.version.*FinalizedVersionLevel: 1/)
    expect(features).toMatch(/share\.version.*FinalizedVersionLevel: 1/)
    expect(features).toMatch(/transaction\.version.*FinalizedVersionLevel: 2/)
  })

  test('tells groups, offsets and settings', async () => {
    const w = await witness()
    const topic = await createTopic('told', { partitions: 1, config: { 'retention.ms': 1234567 } })
    await w.produce(topic, [
      { value: 'a', timestamp: 1000 },
      { value: 'b', timestamp: 2000 },
    ])
    expect((await w.describeConfig('topic', topic))['retention.ms'].value).toBe('1234567')
    await w.alterConfig('topic', topic, { 'retention.ms': null })
    expect((await w.describeConfig('topic', topic))['retention.ms'].source).toBe('DEFAULT_CONFIG')
    expect(await w.offsetsForTime(topic, 1500)).toEqual({ 0: 1 })
    await w.deleteRecords(topic, 0, 1)
    expect(await w.beginningOffsets(topic)).toEqual({ 0: 1 })

    const group = `${topic}-group`
    const read = [
      '--topic',
      topic,
      '--group',
      group,
      '--from-beginning',
      '--max-messages',
      '1',
      '--timeout-ms',
      '20000',
    ]
    expect(await kafkaTool('kafka-console-consumer', read)).toBe('b\n')
    expect(await w.groupOffsets(group)).toEqual({ [topic]: { 0: { offset: 2, metadata: '', leaderEpoch: 0 } } })
    expect(await w.describeGroup(group)).toMatchObject({ group, type: 'Classic', state: 'Empty', members: [] })
    await w.deleteGroup(group)
    expect((await w.listGroups()).map((entry) => entry.group)).not.toContain(group)
  })

  test('a question that Kafka refuses is refused with Kafka’s own words', async () => {
    const w = await witness()
    await expect(w.describeTopic('no-such-topic')).rejects.toMatchObject({ name: 'UnknownTopicOrPartitionException' })
    await expect(kafkaTool('kafka-topics', ['--nonsense'])).rejects.toThrow(/nonsense is not a recognized option/)
    await expect(kafkaTool('kafka-nonsense', [])).rejects.toThrow(/not a tool of Kafka/)
  })
})

describe('a cluster of three brokers', () => {
  let cluster: Cluster
  let w: Witness

  beforeAll(async () => {
    cluster = await startCluster({ brokers: 3 })
    w = (await witness()).at(cluster.brokers)
  }, 120_000)
  afterAll(() => cluster?.stop())

  test('a paused broker is silent and goes on when it is resumed', { timeout: 60_000 }, async () => {
    const [witnessing, paused] = cluster.nodes
    const up = async () =>
      (await fetchMetadata(`127.0.0.1:${witnessing.port}`)).brokers.map((broker) => broker.id).sort()
    expect(await up()).toEqual([1, 2, 3])
    paused.pause()
    await expect.poll(up, { timeout: 30_000 }).toEqual([1, 3])
    paused.resume()
    await expect.poll(up, { timeout: 30_000 }).toEqual([1, 2, 3])
  })

  test('goes on without the broker that leads, which comes back with its data', { timeout: 90_000 }, async () => {
    const { partitions } = await w.createTopic('survivor')
    expect(partitions[0].replicas).toHaveLength(3)
    await w.produce('survivor', [{ value: 'before' }])
    const leader = cluster.nodes[partitions[0].leader - 1]
    await leader.kill()
    expect(leader.pid).toBeUndefined()
    await w.produce('survivor', [{ value: 'while it was down' }])
    await leader.start()
    await expect
      .poll(async () => (await w.describeTopic('survivor')).partitions[0].isr.length, { timeout: 30_000 })
      .toBe(3)
    const [stopped] = cluster.nodes
    await stopped.stop()
    const records = await w.consume({ topic: 'survivor' })
    expect(records.map((record) => String(record.value))).toEqual(['before', 'while it was down'])
  })
})

describe('listeners with TLS and SASL', () => {
  const users = { alice: 'alice-secret', root: 'root-"secret\\' }
  let cluster: Cluster
  let authority: Awaited<ReturnType<typeof createAuthority>>
  let plain: Witness
  let clientStore: Record<string, string>

  beforeAll(async () => {
    authority = await createAuthority()
    const server = await authority.issue('broker')
    const client = await authority.issue('client')
    const tls = { ...server, ca: authority.certificate }
    cluster = await startCluster({
      acls: { superUsers: ['root'] },
      listeners: {
        SSL: { protocol: 'SSL', tls },
        MUTUAL: { protocol: 'SSL', tls, clientAuth: 'required', host: 'localhost' },
        SASL_PLAINTEXT: { protocol: 'SASL_PLAINTEXT', mechanisms: ['PLAIN', 'SCRAM-SHA-512'], users },
        SASL_SSL: { protocol: 'SASL_SSL', tls, mechanisms: ['SCRAM-SHA-256', 'OAUTHBEARER'], users },
      },
    })
    plain = (await witness()).at(cluster.brokers)
    await plain.createTopic('secured')
    for (const principal of ['User:ANONYMOUS', 'User:CN=client', 'User:alice', 'User:carol']) {
      await plain.createAcl({ resourceType: 'TOPIC', resourceName: 'secured', principal, operation: 'ALL' })
    }
    clientStore = {
      'security.protocol': 'SSL',
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.certificates': authority.certificate,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': client.certificate,
      'ssl.keystore.key': client.key,
    }
  }, 120_000)
  afterAll(async () => {
    await cluster?.stop()
    await authority?.dispose()
  })

  const trusting = () => ({ 'ssl.truststore.type': 'PEM', 'ssl.truststore.certificates': authority.certificate })
  const login = (module: string, options: string) => `org.apache.kafka.common.security.${module} required ${options};`
  const scram = (password: string, mechanism: string, protocol = 'SASL_SSL') => ({
    ...trusting(),
    'security.protocol': protocol,
    'sasl.mechanism': mechanism,
    'sasl.jaas.config': login('scram.ScramLoginModule', `username="alice" password="${password}"`),
  })

  async function roundTrip(listener: string, config: Record<string, string>): Promise<void> {
    const w = (await witness()).at(cluster.listeners[listener], config)
    const value = `over ${listener} ${config['sasl.mechanism']}`
    const [{ offset }] = await w.produce('secured', [{ value }])
    const records = await w.consume({ topic: 'secured', from: { 0: offset } })
    expect(records.map((record) => String(record.value))).toEqual([value])
  }

  test('TLS with a private authority', () => roundTrip('SSL', { ...trusting(), 'security.protocol': 'SSL' }))

  test('mutual TLS, which refuses a client without a certificate', async () => {
    await roundTrip('MUTUAL', clientStore)
    const [host, port] = cluster.listeners.MUTUAL.split(':')
    const socket = connect({ host, port: Number(port), ca: authority.certificate, minVersion: 'TLSv1.3' })
    const [error] = await once(socket, 'error')
    expect(error.code).toMatch(/ALERT|ECONNRESET/)
  })

  test('SASL PLAIN, whose passwords may hold any character', () =>
    roundTrip('SASL_PLAINTEXT', {
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'PLAIN',
      'sasl.jaas.config': login('plain.PlainLoginModule', 'username="root" password="root-\\"secret\\\\"'),
    }))

  test('SCRAM with both hashes, also for a user who comes later', async () => {
    await roundTrip('SASL_SSL', scram(users.alice, 'SCRAM-SHA-256'))
    await roundTrip('SASL_PLAINTEXT', scram(users.alice, 'SCRAM-SHA-512', 'SASL_PLAINTEXT'))
    await plain.upsertScram('alice', 'SCRAM-SHA-256', 'changed')
    expect(Object.keys(await plain.describeScram())).toEqual(['alice', 'root'])
    await expect.poll(() => roundTrip('SASL_SSL', scram('changed', 'SCRAM-SHA-256')).then(() => 'in')).toBe('in')
    const refused = (await witness()).at(cluster.listeners.SASL_SSL, scram('wrong', 'SCRAM-SHA-256'))
    await expect(refused.listTopics()).rejects.toMatchObject({ name: 'SaslAuthenticationException' })
  })

  test('OAUTHBEARER with unsecured tokens', () =>
    roundTrip('SASL_SSL', {
      ...trusting(),
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'OAUTHBEARER',
      'sasl.jaas.config': login('oauthbearer.OAuthBearerLoginModule', 'unsecuredLoginStringClaim_sub="carol"'),
      'sasl.login.callback.handler.class':
        'org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredLoginCallbackHandler',
    }))

  test('access control lists hold for who is no super user', async () => {
    await plain.createTopic('forbidden')
    const alice = (await witness()).at(
      cluster.listeners.SASL_PLAINTEXT,
      scram(users.alice, 'SCRAM-SHA-512', 'SASL_PLAINTEXT'),
    )
    await expect(alice.produce('forbidden', [{ value: 'x' }])).rejects.toMatchObject({
      name: 'TopicAuthorizationException',
    })
    expect(await plain.describeAcls()).toHaveLength(4)
  })
})

test('a cluster that cannot be is refused before anything starts, and the reason is named', async () => {
  const listener = (name: string, options: object) => () => listenerProperties(name, options as Listener)
  expect(listener('tls', { protocol: 'SSL' })).toThrow(/listener tls: a name is upper-case/)
  expect(listener('PLAINTEXT', { protocol: 'PLAINTEXT' })).toThrow(/PLAINTEXT: this name is the cluster’s own/)
  expect(listener('TLS', { protocol: 'TLS' })).toThrow(/protocol is "TLS", accepted are PLAINTEXT, SSL/)
  expect(listener('TLS', { protocol: 'SSL' })).toThrow(/SSL needs tls/)
  expect(listener('SASL', { protocol: 'SASL_PLAINTEXT' })).toThrow(/needs mechanisms/)
  await expect(startCluster({ brokers: 2 as 3 })).rejects.toThrow(/brokers is 2, accepted are 1 and 3/)
})

test('a node that cannot start says why, and nothing of it stays', { timeout: 60_000 }, async () => {
  await expect(startCluster({ config: { 'log.retention.bytes': 'many' } })).rejects.toThrow(
    /Kafka node 1 ended \(exit code 1\) before it was ready\.[\s\S]*log\.retention\.bytes/,
  )
})

describe('nothing is left behind', () => {
  test('when the process that started a broker is killed', { timeout: 60_000 }, async () => {
    const script = `
      import { startCluster } from ${JSON.stringify(new URL('../../scripts/kafka/cluster.mjs', import.meta.url).href)}
      const { nodes, directory } = await startCluster()
      console.log(JSON.stringify({ pid: nodes[0].pid, directory }))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
    const { pid, directory } = JSON.parse(line)
    expect(alive(pid)).toBe(true)
    child.kill('SIGKILL')
    await expect.poll(() => alive(pid), { timeout: 10_000 }).toBe(false)
    expect(existsSync(join(directory, 'node-1', 'data'))).toBe(false)
  })

  test('when that process is killed while a broker is paused: the next start ends it', async () => {
    const program = 'setInterval(() => {}, 1000)'
    const gone = spawn(process.execPath, ['-e', ''])
    await once(gone, 'exit')
    const directory = runDirectory(gone.pid!)
    const paused = spawn(process.execPath, ['-e', program, join(directory, 'node-1')])
    await once(paused, 'spawn')
    paused.kill('SIGSTOP')
    mkdirSync(join(directory, 'node-1'), { recursive: true })
    notePid(join(directory, 'node-1'), paused.pid!)
    removeLeftovers()
    expect(await once(paused, 'exit')).toEqual([null, 'SIGKILL'])
    expect(existsSync(directory)).toBe(false)
  })
})

test('jars that are not the pinned ones are refused by name', () => {
  const directory = mkdtempSync(join(tmpdir(), 'odradek-jars-'))
  try {
    writeFileSync(join(directory, 'good.jar'), 'good')
    writeFileSync(join(directory, 'bad.jar'), 'bad')
    writeFileSync(join(directory, 'other.jar'), '')
    const good = '770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c'
    const sums = new Map([
      ['good.jar', good],
      ['bad.jar', good],
      ['lost.jar', good],
    ])
    const refusal = () => verifyJars(directory, sums)
    expect(refusal).toThrow(/bad\.jar has SHA-256 [0-9a-f]{64}, expected 770e/)
    expect(refusal).toThrow(/lost\.jar is missing/)
    expect(refusal).toThrow(/other\.jar is not in the list/)
    expect(refusal).not.toThrow(/good\.jar/)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('the shared broker is where it was said to be', () => {
  expect(bootstrapServers()).toMatch(/^[\w.-]+:\d+(,[\w.-]+:\d+)*$/)
})
