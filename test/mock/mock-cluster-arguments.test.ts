// Whatever it is given, a cluster says what is wrong with it, and goes on.
import fc from 'fast-check'
import { Consumer, ErrorCodes, KafkaError, MockCluster, Producer } from 'odradek'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

let cluster: MockCluster
beforeEach(async () => {
  cluster = new MockCluster({ brokers: 3 })
  await cluster.createTopic('t')
})
afterEach(() => cluster.close())

// biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
type Wrong = any

describe('an error', () => {
  it.each<[string, (c: Wrong) => unknown]>([
    ['brokers is an integer from 1 to 1000; got 0', () => new MockCluster({ brokers: 0 })],
    ["there is no 'broker'", () => new MockCluster({ broker: 3 } as Wrong)],
    ['MockCluster takes { brokers, logger }; got 3', () => new MockCluster(3 as Wrong)],
    ["a broker's id is an integer from 0 to 2147483647; got -1", (c) => c.broker(-1)],
    ["the broker is one of the cluster's brokers, 1, 2, 3; got 4", (c) => c.broker(4).down()],
    ['broker 2 is in the cluster already; its brokers are 1, 2, 3', (c) => c.broker(2).add()],
    ['rtt is an integer from 0 to 2147483647; got 1.5', (c) => c.brokers.rtt(1.5)],
    ['rtt is an integer from 0 to 2147483647; got "1"', (c) => c.broker(1).rtt('1')],
    ['rack is a string of 1 to 10000 characters, none of them NUL; got ""', (c) => c.broker(1).rack('')],
    ['host is a string of 1 to 127 characters', (c) => c.broker(1).advertise('h'.repeat(128), 1)],
    ['port is an integer from 1 to 65535; got 65536', (c) => c.broker(1).advertise('h', 65536)],
    [
      'a topic\'s name is up to 249 letters, digits, dots, underscores and hyphens; got "a b"',
      (c) => c.partition('a b', 0),
    ],
    ['a partition is an integer from 0 to 9999; got -1', (c) => c.partition('t', -1)],
    ["leader is one of the cluster's brokers, 1, 2, 3; got 9", (c) => c.partition('t', 0).leader(9)],
    ['leader is an integer from 0 to 2147483647; got undefined', (c) => c.partition('t', 0).leader()],
    [
      "follower is a broker's id, an integer from 0 to 2147483647, or null for none; got -1",
      (c) => c.partition('t', 0).follower(-1),
    ],
    [
      "followerWatermarks takes { low, high }; there is no 'lo'",
      (c) => c.partition('t', 0).followerWatermarks({ lo: 1 }),
    ],
    [
      'high is an integer from 0 to 9007199254740991; got -1',
      (c) => c.partition('t', 0).followerWatermarks({ high: -1 }),
    ],
    [
      'leaderEpoch is an integer from -1 to 2147483647; got undefined',
      (c) => c.partition('t', 0).pushLeaderResponse(1),
    ],
    ['beforeOffset is an integer from 0 to 9007199254740991; got 1n', (c) => c.partition('t', 0).deleteRecords(1n)],
    ['got "Produces", did you mean \'Produce\'?', (c) => c.pushErrors('Produces', [])],
    ['got "CreateTopics", it is one of Produce, Fetch, ', (c) => c.pushErrors('CreateTopics', [])],
    ['got 0, it is one of Produce, Fetch, ', (c) => c.clearErrors(0)],
    [
      'errors is an array of errors by name, such as [\'REQUEST_TIMED_OUT\']; got "UNKNOWN"',
      (c) => c.pushErrors('Produce', 'UNKNOWN'),
    ],
    [
      "there is no error 'REQUEST_TIMEDOUT'; did you mean 'REQUEST_TIMED_OUT'?",
      (c) => c.pushErrors('Produce', ['REQUEST_TIMEDOUT']),
    ],
    [
      'takes broker errors, and \'_TRANSPORT\' to close the connection; got "_TIMED_OUT"',
      (c) => c.pushErrors('Fetch', ['_TIMED_OUT']),
    ],
    ['a Metadata response has no error of its own', (c) => c.pushErrors('Metadata', ['UNKNOWN'])],
    [
      "pushErrors takes { error, rtt }; there is no 'err'",
      (c) => c.broker(1).pushErrors('Fetch', [{ err: 'UNKNOWN' }]),
    ],
    [
      'rtt is an integer from 0 to 2147483647; got undefined',
      (c) => c.broker(1).pushErrors('Fetch', [{ error: 'UNKNOWN' }]),
    ],
    [
      'apiKey is, for a partition, one of Produce, Fetch, ShareFetch, ShareAcknowledge; got "Heartbeat"',
      (c) => c.partition('t', 0).pushErrors('Heartbeat', []),
    ],
    [
      "takes a broker's error by name, such as 'REQUEST_TIMED_OUT' (see ErrorCodes); got \"_TRANSPORT\"",
      (c) => c.partition('t', 0).pushErrors('Fetch', ['_TRANSPORT']),
    ],
    ["topicError takes a broker's error by name", (c) => c.topicError('t', 3)],
    ["a coordinator is of a 'group' or a 'transaction'; got \"share\"", (c) => c.coordinator('share', 'g', 1)],
    ["coordinator is one of the cluster's brokers, 1, 2, 3; got 4", (c) => c.coordinator('group', 'g', 4)],
    ['transactional.id is a string of 1 to 10000 characters', (c) => c.coordinator('transaction', 'a\0b', 1)],
    ["controller is a broker's id", (c) => c.controller('1')],
    ['max, for Produce, is an integer from 0 to 10; got 11', (c) => c.apiVersions('Produce', { max: 11 })],
    ['max, for Produce, is an integer from 8 to 10; got 7', (c) => c.apiVersions('Produce', { min: 8, max: 7 })],
    ['apiVersions takes { min, max }; got undefined', (c) => c.apiVersions('Produce')],
    [
      "consumerGroups.configure takes { initialRebalanceDelay, sessionTimeout, heartbeatInterval }; there is no 'rtt'",
      (c) => c.consumerGroups.configure({ rtt: 1 }),
    ],
    ['sessionTimeout is an integer from 1 to 2000000; got 0', (c) => c.consumerGroups.configure({ sessionTimeout: 0 })],
    [
      "isolationLevel is 'read_uncommitted' or 'read_committed'; got 1",
      (c) => c.shareGroups.configure({ isolationLevel: 1 }),
    ],
    [
      'the assignment is a Map from member ids to arrays of { topic, partition }; got an object',
      (c) => c.consumerGroups.targetAssignment('g', {}),
    ],
    [
      'member \'m\' is assigned an array of { topic, partition }; got "t"',
      (c) => c.consumerGroups.targetAssignment('g', new Map([['m', 't']])),
    ],
    [
      "prefixes is an array of metric names' beginnings, 'all', or null for none; got \"org\"",
      (c) => c.telemetry.requestedMetrics('org'),
    ],
    ['pushInterval is an integer from 1 to 2147483647; got 0', (c) => c.telemetry.pushInterval(0)],
  ])('names the argument, what was given and what is accepted: %s', (message, call) => {
    expect(() => call(cluster)).toThrow(
      expect.objectContaining({ code: '_INVALID_ARG', message: expect.stringContaining(message) }),
    )
  })

  it('of an argument rejects what returns a promise', async () => {
    const partitions = rejection(cluster.createTopic('u', { partitions: 10_001 }))
    expect(await partitions).toMatchObject({ message: 'partitions is an integer from 1 to 10000; got 10001' })
    const name = await rejection(cluster.deleteTopic('..'))
    expect(name).toMatchObject({ code: '_INVALID_ARG', message: expect.stringContaining('got ".."') })
  })

  it('leaves everything as it was', async () => {
    expect(() => cluster.shareGroups.configure({ maxSize: 1, maxRecordLocks: -1 })).toThrow('maxRecordLocks')
    expect(() => cluster.pushErrors('Produce', ['RECORD_LIST_TOO_LARGE', 'NOTHING' as Wrong])).toThrow('NOTHING')
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
    expect((await producer.send({ topic: 't', value: 'v' })).offset).toBe(0)
  })

  it('keeps the last broker that clients know of', () => {
    const last = expect.objectContaining({
      code: '_STATE',
      message: expect.stringContaining('clients know of no other'),
    })
    cluster.broker(1).hide()
    cluster.broker(2).decommission()
    expect(() => cluster.broker(3).hide()).toThrow(last)
    expect(() => cluster.broker(3).decommission()).toThrow(last)
    cluster.broker(1).decommission()
    cluster.broker(2).add()
    cluster.broker(3).decommission()
  })

  it('keeps the versions in which a partition may have no leader', () => {
    cluster.apiVersions('Fetch', { min: 12 })
    expect(() => cluster.partition('t', 0).leader(null)).toThrow(
      expect.objectContaining({ code: '_STATE', message: expect.stringContaining('Fetch is set to 12 and newer') }),
    )
    cluster.apiVersions('Fetch', {})
    cluster.partition('t', 0).leader(null)
    expect(() => cluster.apiVersions('Fetch', { max: 12 })).toThrow(
      'max, for Fetch, is an integer from 0 to 11; got 12',
    )
    cluster.apiVersions('Fetch', { max: 11 })
  })
})

// Every operation, of up to three arguments; parts of a cluster are made of the first.
const operations: Record<string, (c: Wrong, a: unknown, b: unknown, d: unknown) => unknown> = {
  createTopic: (c, a, b) => c.createTopic(a, b),
  ensureTopics: (c, a) => c.ensureTopics(a),
  deleteTopic: (c, a) => c.deleteTopic(a),
  topicError: (c, a, b) => c.topicError(a, b),
  pushErrors: (c, a, b) => c.pushErrors(a, b),
  clearErrors: (c, a) => c.clearErrors(a),
  controller: (c, a) => c.controller(a),
  coordinator: (c, a, b, d) => c.coordinator(a, b, d),
  apiVersions: (c, a, b) => c.apiVersions(a, b),
  down: (c, a) => c.broker(a).down(),
  up: (c, a) => c.broker(a).up(),
  rtt: (c, a, b) => c.broker(a).rtt(b),
  rack: (c, a, b) => c.broker(a).rack(b),
  add: (c, a) => c.broker(a).add(),
  decommission: (c, a) => c.broker(a).decommission(),
  hide: (c, a) => c.broker(a).hide(),
  advertise: (c, a, b, d) => c.broker(a).advertise(b, d),
  pushBrokerErrors: (c, a, b, d) => c.broker(a).pushErrors(b, d),
  errorsLeft: (c, a, b) => c.broker(a).errorsLeft(b),
  leader: (c, a, b, d) => c.partition(a, b).leader(d),
  follower: (c, a, b, d) => c.partition(a, b).follower(d),
  followerWatermarks: (c, a, b, d) => c.partition(a, b).followerWatermarks(d),
  pushLeaderResponse: (c, a, b, d) => c.partition('t', a).pushLeaderResponse(b, d),
  pushPartitionErrors: (c, a, b, d) => c.partition('t', a).pushErrors(b, d),
  deleteRecords: (c, a, b, d) => c.partition(a, b).deleteRecords(d),
  requests: (c, a) => c.requests.list(a),
  requestedMetrics: (c, a) => c.telemetry.requestedMetrics(a),
  pushInterval: (c, a) => c.telemetry.pushInterval(a),
  configureGroups: (c, a) => c.consumerGroups.configure(a),
  groupAssignment: (c, a, b) => c.consumerGroups.targetAssignment(a, b),
  configureShareGroups: (c, a) => c.shareGroups.configure(a),
  shareGroupAssignment: (c, a, b) => c.shareGroups.targetAssignment(a, b),
  memberIds: (c, a) => c.shareGroups.memberIds(a),
}

const names = [
  't',
  'u',
  'Produce',
  'Fetch',
  'group',
  'all',
  '',
  '\0',
  'a'.repeat(300),
  ...Object.keys(ErrorCodes).slice(0, 9),
]
const numbers = [
  -2,
  -1,
  0,
  1,
  2,
  3,
  9,
  1.5,
  Number.NaN,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  Number.POSITIVE_INFINITY,
]
const others = [
  null,
  undefined,
  [],
  ['UNKNOWN'],
  ['_TRANSPORT', { rtt: 5 }],
  {},
  { max: 7 },
  { low: 1 },
  { partitions: 3 },
  new Map(),
  new Map([['m', [{ topic: 't', partition: 0 }]]]),
]
const argument = fc.oneof(
  fc.constantFrom<unknown>(...names, ...numbers, ...others),
  fc.anything({ withMap: true, withBigInt: true, withNullPrototype: true }),
)

describe('arguments of all kinds', () => {
  it('end in a KafkaError, if they are wrong, and never the process', async () => {
    const run = fc.asyncProperty(
      fc.constantFrom(...Object.keys(operations)),
      argument,
      argument,
      argument,
      async (name, a, b, d) => {
        try {
          await operations[name](cluster, a, b, d)
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error
        }
      },
    )
    await fc.assert(run, { numRuns: 3000 })
  })

  it('while clients are at work, end neither clients nor process', async () => {
    const topics = fc.constantFrom('t', 'u', 'v')
    const broker = fc.integer({ min: 1, max: 5 })
    const partition = fc.integer({ min: 0, max: 3 })
    const apiKey = fc.constantFrom(
      'Produce',
      'Fetch',
      'FindCoordinator',
      'JoinGroup',
      'SyncGroup',
      'Heartbeat',
      'OffsetCommit',
      'ListOffsets',
      'ApiVersion',
    )
    const error = fc.constantFrom(
      'NOT_LEADER_OR_FOLLOWER',
      'UNKNOWN_TOPIC_OR_PART',
      'NOT_COORDINATOR',
      'REQUEST_TIMED_OUT',
      'OFFSET_OUT_OF_RANGE',
      '_TRANSPORT',
      'UNKNOWN_MEMBER_ID',
      'UNKNOWN',
    )
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('down', 'up', 'add', 'decommission', 'hide'), broker),
      fc.tuple(fc.constant('rtt'), broker, fc.integer({ min: 0, max: 20 })),
      fc.tuple(fc.constant('pushErrors'), apiKey, fc.array(error, { maxLength: 3 })),
      fc.tuple(fc.constant('pushBrokerErrors'), broker, apiKey, fc.array(error, { maxLength: 3 })),
      fc.tuple(fc.constantFrom('leader', 'follower'), topics, partition, fc.option(broker)),
      fc.tuple(fc.constant('followerWatermarks'), topics, partition, fc.record({ low: partition, high: partition })),
      fc.tuple(fc.constant('pushLeaderResponse'), partition, broker, fc.integer({ min: -1, max: 9 })),
      fc.tuple(
        fc.constant('pushPartitionErrors'),
        partition,
        fc.constantFrom('Produce', 'Fetch'),
        fc.constant(['NOT_LEADER_OR_FOLLOWER']),
      ),
      fc.tuple(fc.constantFrom('deleteTopic', 'createTopic'), topics),
      fc.tuple(fc.constant('deleteRecords'), topics, partition, fc.integer({ min: 0, max: 20 })),
      fc.tuple(fc.constant('coordinator'), fc.constant('group'), fc.constant('g'), broker),
      fc.tuple(
        fc.constant('apiVersions'),
        fc.constantFrom('Produce', 'Fetch', 'Metadata'),
        fc.record({ max: fc.integer({ min: 4, max: 12 }) }),
      ),
    )
    const run = fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 30 }), async (steps) => {
      await using cluster = new MockCluster({ brokers: 3 })
      const config = {
        'bootstrap.servers': cluster.bootstrapServers,
        'reconnect.backoff.ms': 5,
        'reconnect.backoff.max.ms': 20,
      }
      const producer = new Producer({ ...config, 'linger.ms': 0, 'message.timeout.ms': 500, 'retry.backoff.ms': 5 })
      const consumer = new Consumer({
        ...config,
        'group.id': 'g',
        'auto.offset.reset': 'earliest',
        'fetch.wait.max.ms': 10,
      })
      await consumer.subscribe(['t', 'u', 'v'])
      for (const [name, ...args] of steps) {
        for (const topic of ['t', 'u']) producer.send({ topic, value: 'v' }).catch(() => {})
        try {
          await operations[name as string](cluster, ...(args as [unknown, unknown, unknown]))
        } catch (error) {
          if (!(error instanceof KafkaError)) throw error
        }
        await consumer.poll(5).catch(() => {})
      }
      await Promise.allSettled([producer.close({ timeout: 200 }), consumer.close({ timeout: 200 })])
    })
    await fc.assert(run, { numRuns: 10 })
  })
})
