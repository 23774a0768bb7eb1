// Options and fields that an operation does not know: what was meant would be done otherwise, or to everything.
import { AdminClient, Consumer, KafkaError, Producer } from 'odradek'
import { afterAll, describe, expect, it } from 'vitest'
import { rejection } from '../helpers/wait.js'

const config = { 'bootstrap.servers': '127.0.0.1:1' }
const admin = new AdminClient(config)
afterAll(() => admin.close())

// biome-ignore lint/suspicious/noExplicitAny: arguments of the wrong types are the point
type Any = any
const wrong = (value: unknown): Any => value

const topic = 'orders'
const partition = { topic, partition: 0 }
const acl = { resourceType: 'topic', name: topic, principal: 'User:a', operation: 'read' } as const
const secret = 'canary-5151'

/** Each operation with these options, and what it takes beside `timeout` and `signal`. */
const operations: Record<string, [takes: readonly string[], call: (options: Any) => Promise<unknown>]> = {
  createTopics: [['broker', 'operationTimeout', 'validateOnly'], (o) => admin.createTopics([{ topic }], o)],
  deleteTopics: [['broker', 'operationTimeout'], (o) => admin.deleteTopics([topic], o)],
  createPartitions: [
    ['broker', 'operationTimeout', 'validateOnly'],
    (o) => admin.createPartitions([{ topic, totalCount: 2 }], o),
  ],
  describeTopics: [['broker', 'includeAuthorizedOperations'], (o) => admin.describeTopics([topic], o)],
  deleteRecords: [['operationTimeout'], (o) => admin.deleteRecords([{ ...partition, offset: 0 }], o)],
  listOffsets: [
    ['operationTimeout', 'isolationLevel'],
    (o) => admin.listOffsets([{ ...partition, spec: 'latest' }], o),
  ],
  waitForTopic: [[], (o) => admin.waitForTopic(topic, o)],
  ensureTopics: [[], (o) => admin.ensureTopics([{ topic }], o)],
  describeConfigs: [['broker'], (o) => admin.describeConfigs([{ type: 'topic', name: topic }], o)],
  incrementalAlterConfigs: [
    ['broker', 'validateOnly'],
    (o) => admin.incrementalAlterConfigs([{ type: 'topic', name: topic, entries: [{ name: 'a', value: 1 }] }], o),
  ],
  alterConfigs: [
    ['broker', 'validateOnly'],
    (o) => admin.alterConfigs([{ type: 'topic', name: topic, config: { a: 1 } }], o),
  ],
  listConsumerGroups: [['broker', 'states', 'types'], (o) => admin.listConsumerGroups(o)],
  describeConsumerGroups: [['includeAuthorizedOperations'], (o) => admin.describeConsumerGroups(['g'], o)],
  deleteConsumerGroups: [[], (o) => admin.deleteConsumerGroups(['g'], o)],
  listConsumerGroupOffsets: [['requireStableOffsets'], (o) => admin.listConsumerGroupOffsets('g', null, o)],
  alterConsumerGroupOffsets: [[], (o) => admin.alterConsumerGroupOffsets('g', [{ ...partition, offset: 0 }], o)],
  deleteConsumerGroupOffsets: [[], (o) => admin.deleteConsumerGroupOffsets('g', [partition], o)],
  groupLag: [[], (o) => admin.groupLag('g', o)],
  resetOffsets: [['to', 'partitions'], (o) => admin.resetOffsets('g', topic, o)],
  createAcls: [['broker'], (o) => admin.createAcls([acl], o)],
  describeAcls: [['broker'], (o) => admin.describeAcls({}, o)],
  deleteAcls: [['broker'], (o) => admin.deleteAcls([{ principal: 'User:a' }], o)],
  describeUserScramCredentials: [['broker'], (o) => admin.describeUserScramCredentials(['a'], o)],
  alterUserScramCredentials: [
    ['broker'],
    (o) => admin.alterUserScramCredentials([{ user: 'a', mechanism: 'SCRAM-SHA-256', password: secret }], o),
  ],
  describeCluster: [['broker', 'includeAuthorizedOperations'], (o) => admin.describeCluster(o)],
  electLeaders: [['broker', 'operationTimeout'], (o) => admin.electLeaders('preferred', null, o)],
  metadata: [['topic'], (o) => admin.metadata(o)],
  clusterId: [[], (o) => admin.clusterId(o)],
  controllerId: [[], (o) => admin.controllerId(o)],
}
const values: Record<string, unknown> = {
  ...{ broker: 1, operationTimeout: 10, validateOnly: true, includeAuthorizedOperations: true },
  ...{ requireStableOffsets: true, isolationLevel: 'read_committed', states: ['stable'], types: ['classic'] },
  ...{ to: 'end', partitions: [0], topic, validateonly: true },
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await rejection(call)
  expect(error).toBeInstanceOf(KafkaError)
  expect(error.code).toBe('_INVALID_ARG')
  expect(`${error.message}${error.stack}`).not.toContain(secret)
  return error.message
}

describe.each(Object.entries(operations))('%s', (name, [takes, call]) => {
  const strange = Object.keys(values).filter((option) => !takes.includes(option))
  it.each(strange)('does not overlook the option %s', async (option) => {
    const accepted = ['timeout', 'signal', ...takes].join(', ')
    expect(await refusal(call({ timeout: 50, [option]: values[option] }))).toBe(
      `${name}: options takes { ${accepted} }; there is no '${option}'`,
    )
  })

  it('takes its own, and those that are undefined', async () => {
    const own = Object.fromEntries(takes.filter((option) => option !== 'partitions').map((one) => [one, values[one]]))
    const { signal } = new AbortController()
    const tried = call({ to: undefined, broker: undefined, ...own, timeout: 30, signal })
    const error = await tried.then(
      (answer) => ((answer as { error?: KafkaError }[])[0] ?? answer).error,
      (rejected) => rejected,
    )
    if (name === 'listConsumerGroups') expect(error).toBeUndefined()
    else expect(error).toMatchObject({ code: expect.stringMatching(/^_(TIMED_OUT|TRANSPORT)$|^LEADER_NOT_AVAILABLE$/) })
  })

  it.each([
    ['nothing', null, /options takes an object; got null/],
    ['a text', 'x', /options takes an object; got 'x'/],
    ['a Map', new Map([['timeout', 1]]), /options takes an object; got a Map/],
    ['a promise', Promise.resolve({}), /options takes an object; got a Promise/],
    ['a signal that is none', { signal: 'x' }, /: signal is an AbortSignal; got 'x'/],
    ['a time that is none', { timeout: '1s' }, /: timeout is an integer from 1 to 3600000; got '1s'/],
  ])('refuses %s as options', async (_, options, message) => {
    const said = await refusal(call(options))
    expect(said).toMatch(message)
    expect(said.startsWith(`${name}: `)).toBe(true)
  })

  const flags = takes.filter((option) => values[option] === true)
  it.each(flags.flatMap((flag) => ['1', 1, 0, null, {}].map((value) => [flag, value] as const)))(
    'refuses %s: %j',
    async (flag, value) => {
      expect(await refusal(call({ [flag]: value }))).toContain(`${name}: ${flag} is true or false; got `)
    },
  )
})

const filters = 'takes { resourceType, name, patternType, principal, host, operation, permission }'
const newTopic =
  "takes { topic, numPartitions, replicationFactor, replicaAssignment, config }; there is no 'partitions'"
const resource = { type: 'broker', name: 1 } as const
const entries = (...list: unknown[]) => admin.incrementalAlterConfigs([{ ...resource, entries: wrong(list) }])
const offset = { ...partition, offset: 1 }
const refused: [what: string, call: () => Promise<unknown>, message: string][] = [
  [
    'a misspelt filter',
    () => admin.deleteAcls([wrong({ principle: 'User:a' })]),
    `deleteAcls ${filters}; there is no 'principle'`,
  ],
  ['a misspelt filter without a value', () => admin.deleteAcls([wrong({ nmae: undefined })]), "there is no 'nmae'"],
  [
    'a filter without a value',
    () => admin.deleteAcls([{ name: undefined }]),
    'deleteAcls: name has a value, or is left out to match any; got undefined',
  ],
  [
    'a type without a value',
    () => admin.deleteAcls([{ resourceType: undefined }]),
    'deleteAcls: resourceType has a value',
  ],
  [
    'a filter to describe without a value',
    () => admin.describeAcls({ principal: undefined }),
    'describeAcls: principal has a value',
  ],
  [
    'a filter that is a Map',
    () => admin.deleteAcls([wrong(new Map([['name', topic]]))]),
    'deleteAcls takes an object; got a Map',
  ],
  [
    'a misspelt entry',
    () => admin.createAcls([wrong({ ...acl, hsot: 'h' })]),
    `createAcls ${filters}; there is no 'hsot'`,
  ],
  ['misspelt partitions', () => admin.createTopics([wrong({ topic, partitions: 12 })]), `createTopics ${newTopic}`],
  [
    'misspelt partitions to ensure',
    () => admin.ensureTopics([wrong({ topic, partitions: 12 })]),
    `ensureTopics ${newTopic}`,
  ],
  [
    'a configuration that is a Map',
    () => admin.createTopics([{ topic, config: wrong(new Map([['a', 'b']])) }]),
    'config takes an object; got a Map',
  ],
  [
    'a misspelt count',
    () => admin.createPartitions([wrong({ topic, totalCount: 2, count: 2 })]),
    "takes { topic, totalCount, replicaAssignment }; there is no 'count'",
  ],
  [
    'a misspelt resource',
    () => admin.alterConfigs([wrong({ ...resource, config: {}, configs: {} })]),
    "alterConfigs takes { type, name, config }; there is no 'configs'",
  ],
  [
    'a misspelt operation',
    () => entries({ name: 'a', operation: 'delete' }),
    "takes { name, op, value }; there is no 'operation'",
  ],
  [
    'misspelt iterations',
    () =>
      admin.alterUserScramCredentials([
        wrong({ user: 'a', mechanism: 'SCRAM-SHA-256', password: secret, iteration: 4096 }),
      ]),
    "there is no 'iteration'",
  ],
  [
    'a NUL in a setting',
    () => entries({ name: 'a', value: `${secret}\0ret` }),
    '1: a: value is a text without a NUL character; got one with',
  ],
  [
    'a NUL in a whole configuration',
    () => admin.alterConfigs([{ ...resource, config: { a: `${secret}\0` } }]),
    '1: a is a text without a NUL character; got one with',
  ],
  [
    'a function as a setting',
    () => entries({ name: 'a', value: () => secret }),
    'value is a string, number or boolean; got a function',
  ],
  [
    'a number as metadata',
    () => admin.alterConsumerGroupOffsets('g', [{ ...offset, metadata: wrong(5) }]),
    'alterConsumerGroupOffsets: metadata of orders [0] is a string without a NUL character; got 5',
  ],
  [
    'a NUL in metadata',
    () => admin.alterConsumerGroupOffsets('g', [{ ...offset, metadata: 'a\0b' }]),
    'metadata of orders [0] is a string without a NUL',
  ],
  [
    'a leader epoch that is none',
    () => admin.alterConsumerGroupOffsets('g', [{ ...offset, leaderEpoch: wrong('x') }]),
    "alterConsumerGroupOffsets: leaderEpoch of orders [0] is an integer from 0 to 2147483647; got 'x'",
  ],
  ['a leader epoch below 0', () => admin.alterConsumerGroupOffsets('g', [{ ...offset, leaderEpoch: -1 }]), 'got -1'],
  ['no list to ensure', () => admin.ensureTopics(wrong(topic)), "ensureTopics takes an array; got 'orders'"],
  ['no topic to ensure', () => admin.ensureTopics([wrong({})]), 'ensureTopics: topic is a string'],
  ['no topic to wait for', () => admin.waitForTopic(''), 'waitForTopic: topic is a string that is not empty'],
  ['no group to be behind', () => admin.groupLag(''), 'groupLag: group is a string that is not empty'],
  [
    'no options to reset',
    () => (admin as Any).resetOffsets('g', topic),
    'resetOffsets: options takes an object; got undefined',
  ],
  ['no group to reset', () => admin.resetOffsets('', topic, { to: 'end' }), 'resetOffsets: group is'],
]

describe('an admin operation', () => {
  it.each(refused)('refuses %s', async (_, call, message) => {
    expect(await refusal(call())).toContain(message)
  })
})

const nul = 'one with a NUL character'
const clients = {
  producer: () => new Producer(config),
  consumer: () => new Consumer({ ...config, 'group.id': 'g' }),
  admin: () => new AdminClient(config),
}
describe.each(Object.entries(clients))('a %s', (_, create) => {
  it('refuses credentials that are none, and shows no password', async () => {
    await using client = create()
    for (const [user, password, message] of [
      ['alice', undefined, 'password is a string that is not empty, without NUL characters; got undefined'],
      ['alice', '', 'password is a string that is not empty, without NUL characters; got an empty string'],
      ['alice', `${secret}\0cut`, `password is a string that is not empty, without NUL characters; got ${nul}`],
      ['al\0ice', secret, `username is a string that is not empty, without NUL characters; got ${nul}`],
      [5, secret, 'username is a string that is not empty, without NUL characters; got a number'],
      [undefined, secret, 'username is a string that is not empty, without NUL characters; got undefined'],
    ]) {
      const set = async () => client.setSaslCredentials(wrong(user), wrong(password))
      expect(await refusal(set())).toBe(`setSaslCredentials: ${message}`)
    }
    // Taken at once, though it opens on a thread of its own.
    await using fresh = create()
    fresh.setSaslCredentials('alice', secret)
  })

  it('refuses to close within no time, and can be closed after that', async () => {
    const client = create()
    for (const [timeout, got] of [
      [Number.NaN, 'NaN'],
      ['x', "'x'"],
      [null, 'null'],
      [-1, '-1'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
    ]) {
      const message = await refusal(client.close({ timeout: wrong(timeout) }))
      expect(message).toMatch(/^close: timeout is milliseconds from 0 to 2147483647; got /)
      expect(message).toContain(got)
    }
    expect(client.closed).toBe(false)
    await client.close()
    expect(client.closed).toBe(true)
  })

  it('refuses a signal that is none in ready', async () => {
    await using client = create()
    expect(await refusal(client.ready({ signal: wrong('x') }))).toBe("ready: signal is an AbortSignal; got 'x'")
  })
})
