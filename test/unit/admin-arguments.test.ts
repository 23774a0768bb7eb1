// What admin operations do not accept: found before anything is sent, and said exactly.
import { AdminClient, KafkaError } from 'odradek'
import { afterAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

const admin = new AdminClient({ 'bootstrap.servers': '127.0.0.1:1' })
afterAll(() => admin.close())

// biome-ignore lint/suspicious/noExplicitAny: arguments of the wrong types are the point
type Any = any
const wrong = (value: unknown): Any => value

const topic = 'orders'
const password = 'canary-4242'
const scram = { user: 'alice', mechanism: 'SCRAM-SHA-256', password }
const acl = { resourceType: 'topic', name: topic, principal: 'User:a', operation: 'read' }
const alter = (entry: unknown) =>
  admin.incrementalAlterConfigs([{ type: 'topic', name: topic, entries: [wrong(entry)] }])

const refused: [what: string, call: () => Promise<unknown>, message: RegExp][] = [
  ['a list that is none', () => admin.createTopics(wrong(topic)), /createTopics takes an array; got 'orders'/],
  ['an item that is none', () => admin.createTopics([wrong(topic)]), /createTopics takes an object; got 'orders'/],
  ['no topic', () => admin.createTopics([wrong({})]), /topic is a string that is not empty; got undefined/],
  ['a NUL', () => admin.createTopics([{ topic: 'a\0b' }]), /has no NUL character/],
  ['no partitions', () => admin.createTopics([{ topic, numPartitions: 0 }]), /numPartitions is an integer from 1/],
  ['half a replica', () => admin.createTopics([{ topic, replicationFactor: 1.5 }]), /replicationFactor .* got 1.5/],
  ['an object as a setting', () => admin.createTopics([{ topic, config: wrong({ a: {} }) }]), /config: a is a string/],
  ['brokers without a partition', () => admin.createTopics([{ topic, replicaAssignment: [] }]), /one or more brokers/],
  [
    'a partition without brokers',
    () => admin.createTopics([{ topic, replicaAssignment: [[1], []] }]),
    /one or more brokers/,
  ],
  [
    'a count and an assignment',
    () => admin.createTopics([{ topic, numPartitions: 2, replicaAssignment: [[1]] }]),
    /leave/,
  ],
  ['an empty name', () => admin.deleteTopics(['']), /a topic is a string that is not empty/],
  ['a count that is none', () => admin.createPartitions([{ topic, totalCount: wrong('9') }]), /totalCount .* got '9'/],
  ['an offset below the end', () => admin.deleteRecords([{ topic, partition: 0, offset: -2 }]), /Offset.end; got -2/],
  ['an unknown spec', () => admin.listOffsets([{ topic, partition: 0, spec: wrong('first') }]), /'earliest'.*'first'/],
  ['an invalid date', () => admin.listOffsets([{ topic, partition: 0, spec: new Date('no') }]), /a Date/],
  ['a partition below 0', () => admin.listOffsets([{ topic, partition: -1, spec: 'latest' }]), /integer from 0/],
  [
    'an unknown isolation',
    () => admin.listOffsets([{ topic, partition: 0, spec: 'latest' }], { isolationLevel: wrong('all') }),
    /read_committed/,
  ],
  [
    'an unknown resource',
    () => admin.describeConfigs([{ type: wrong('user'), name: 'a' }]),
    /type is 'topic', 'group', 'broker'/,
  ],
  [
    'a broker that is no id',
    () => admin.describeConfigs([{ type: 'broker', name: 'first' }]),
    /is its id; got 'first'/,
  ],
  ['an unknown op', () => alter({ name: 'a', op: 'add', value: 1 }), /op is 'set', 'delete', 'append', 'subtract'/],
  ['nothing to set', () => alter({ name: 'a' }), /a: value is a string, number or boolean; got undefined/],
  ['a value to delete', () => alter({ name: 'a', op: 'delete', value: 1 }), /delete takes no value/],
  ['no configuration', () => admin.alterConfigs([wrong({ type: 'topic', name: topic })]), /config takes an object/],
  ['an unknown state', () => admin.listConsumerGroups({ states: [wrong('Stable')] }), /states is .*'stable'/],
  ['an unknown type', () => admin.listConsumerGroups({ types: ['unknown'] }), /types is 'consumer', 'classic'/],
  ['no group', () => admin.listConsumerGroupOffsets(''), /group is a string that is not empty/],
  [
    'a special offset',
    () => admin.alterConsumerGroupOffsets('g', [{ topic, partition: 0, offset: -1 }]),
    /resetOffsets/,
  ],
  ['no target', () => admin.resetOffsets('g', topic, wrong({})), /to is 'beginning', 'end', a Date or an offset/],
  ['a target below 0', () => admin.resetOffsets('g', topic, { to: -2 }), /got -2/],
  ['any operation', () => admin.createAcls([wrong({ ...acl, operation: 'any' })]), /operation is 'all'/],
  ['a pattern to match', () => admin.createAcls([wrong({ ...acl, patternType: 'match' })]), /'literal', 'prefixed'/],
  ['no principal', () => admin.createAcls([wrong({ ...acl, principal: undefined })]), /principal is a string/],
  ['an unknown permission', () => admin.describeAcls({ permission: wrong('maybe') }), /'any', 'deny', 'allow'/],
  [
    'an unknown mechanism',
    () => admin.alterUserScramCredentials([wrong({ ...scram, mechanism: 'PLAIN' })]),
    /SCRAM-SHA-512/,
  ],
  [
    'too few iterations',
    () => admin.alterUserScramCredentials([wrong({ ...scram, iterations: 1 })]),
    /from 4096 to 16384/,
  ],
  [
    'an empty password',
    () => admin.alterUserScramCredentials([wrong({ ...scram, password: '' })]),
    /password is a string/,
  ],
  [
    'a salt that is none',
    () => admin.alterUserScramCredentials([wrong({ ...scram, salt: 'pepper' })]),
    /salt is a Buffer/,
  ],
  [
    'a password to delete',
    () => admin.alterUserScramCredentials([wrong({ ...scram, delete: true })]),
    /either a password or/,
  ],
  ['an unknown election', () => admin.electLeaders(wrong('quick')), /type is 'preferred', 'unclean'; got 'quick'/],
  ['no time at all', () => admin.describeCluster({ timeout: 0 }), /describeCluster: timeout is an integer from 1/],
  ['a time that is none', () => admin.metadata({ timeout: wrong('1s') }), /metadata: timeout .* got '1s'/],
  ['a broker below 0', () => admin.describeCluster({ broker: -1 }), /broker is an integer from 0/],
  [
    'an operation time that is none',
    () => admin.createTopics([{ topic }], { operationTimeout: -1 }),
    /operationTimeout/,
  ],
]

describe('an admin operation', () => {
  it.each(refused)('refuses %s', async (_, call, message) => {
    const error = await rejection(call())
    expect(error).toBeInstanceOf(KafkaError)
    expect(error.code).toBe('_INVALID_ARG')
    expect(error.message).toMatch(message)
    expect(`${error.message}${error.stack}`).not.toContain(password)
  })

  it('asks nothing about nothing', async () => {
    const empty = await Promise.all([
      admin.createTopics([]),
      admin.deleteTopics([]),
      admin.createPartitions([]),
      admin.describeTopics([]),
      admin.deleteRecords([]),
      admin.listOffsets([]),
      admin.describeConfigs([]),
      admin.incrementalAlterConfigs([]),
      admin.alterConfigs([]),
      admin.describeConsumerGroups([]),
      admin.deleteConsumerGroups([]),
      admin.listConsumerGroupOffsets('g', []),
      admin.alterConsumerGroupOffsets('g', []),
      admin.deleteConsumerGroupOffsets('g', []),
      admin.createAcls([]),
      admin.deleteAcls([]),
      admin.alterUserScramCredentials([]),
      admin.electLeaders('preferred', []),
    ])
    expect(empty.flat()).toEqual([])
  })
})

describe('AdminClient', () => {
  it('refuses a configuration as every client does', () => {
    expect(() => new AdminClient(wrong({ 'bootstrap.server': 'a' }))).toThrow(/bootstrap.servers/)
    expect(() => new AdminClient(wrong(undefined))).toThrow(KafkaError)
  })

  it('is made from a producer or a consumer only', () => {
    for (const other of [undefined, {}, admin]) {
      expect(() => AdminClient.from(wrong(other))).toThrow(/takes a Producer or a Consumer/)
    }
  })
})
