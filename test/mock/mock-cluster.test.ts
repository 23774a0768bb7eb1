// The life of a cluster: it starts, listens until it is closed, and is in nobody's way when the process ends.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { AdminClient, Consumer, KafkaError, MockCluster, Producer } from 'odradek'
import { describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { rejection, waitFor } from '../helpers/wait.js'
import { type Endpoint, endpoints, metadata } from './mock-cluster-wire.js'

const library = new URL('../../dist/index.js', import.meta.url).href

async function refused({ host, port }: Endpoint): Promise<boolean> {
  const socket = connect({ host, port })
  try {
    await once(socket, 'connect')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

/** Ended or reset, as the system has it. */
const gone = (socket: Socket) =>
  new Promise((resolve) =>
    socket
      .resume()
      .on('error', () => {})
      .once('close', resolve),
  )

describe('a cluster', () => {
  it('has one broker, or as many as it is told to', async () => {
    await using one = new MockCluster()
    await using three = new MockCluster({ brokers: 3 })
    expect(one.bootstrapServers).toMatch(/^127\.0\.0\.1:\d+$/)
    expect((await metadata(endpoints(one.bootstrapServers)[0])).brokers.map(({ id }) => id)).toEqual([1])
    const { brokers } = await metadata(endpoints(three.bootstrapServers)[2])
    expect(brokers.map(({ id }) => id)).toEqual([1, 2, 3])
    expect(brokers.map(({ host, port }) => `${host}:${port}`).join()).toBe(three.bootstrapServers)
  })

  it('creates topics, once each, and deletes them', async () => {
    await using cluster = new MockCluster()
    await cluster.createTopic('orders', { partitions: 6 })
    const again = await rejection(cluster.createTopic('orders'))
    expect(again).toBeInstanceOf(KafkaError)
    expect(again).toMatchObject({ code: 'TOPIC_ALREADY_EXISTS', message: expect.stringContaining("'orders'") })
    await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
    expect((await producer.send({ topic: 'orders', partition: 5, value: 'v' })).partition).toBe(5)
    await cluster.deleteTopic('orders')
    expect(await rejection(cluster.deleteTopic('orders'))).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PART' })
  })

  it('ensureTopics creates those that are not there, as the admin client does on a real cluster', async () => {
    await using cluster = new MockCluster()
    await cluster.createTopic('there', { partitions: 2 })
    const list = [{ topic: 'there', numPartitions: 5 }, { topic: 'orders', numPartitions: 6 }, { topic: 'one' }]
    for (let i = 0; i < 2; i++) await cluster.ensureTopics(list)
    await using admin = new AdminClient({ 'bootstrap.servers': cluster.bootstrapServers })
    const topics = await admin.describeTopics(list.map(({ topic }) => topic))
    expect(topics.map(({ partitions }) => partitions.length)).toEqual([2, 6, 1])
    for (const wrong of [undefined, 'orders', [{}], [{ topic: 'a b' }], [{ topic: 'a', config: {} }], [7]]) {
      expect(await rejection(cluster.ensureTopics(wrong as never))).toMatchObject({ code: '_INVALID_ARG' })
    }
  })

  it('serves clients of other processes', async () => {
    await using cluster = new MockCluster()
    const child = await runModule(`
      const producer = new Producer({ 'bootstrap.servers': '${cluster.bootstrapServers}' })
      console.log('offset', (await producer.send({ topic: 't', value: 'from afar' })).offset)
      await producer.close()`)
    expect(child.output).toContain('offset 0')
  })

  it('tells its logger of requests that it does not know', async () => {
    const lines: string[] = []
    const log = (_: object, message: string) => lines.push(message)
    const logger = { error: log, warn: log, info: log, debug: log }
    await using cluster = new MockCluster({ logger })
    const [{ host, port }] = endpoints(cluster.bootstrapServers)
    const socket = connect({ host, port })
    socket.write(Buffer.from('0000000b0003006300000001ffff00', 'hex')) // Metadata, version 99
    await gone(socket)
    await waitFor('a line', () => lines.length)
    expect(lines).toEqual([expect.stringContaining('unsupported MetadataRequest version 99')])
  })

  it('listens as long as nobody closes it, held or not', async () => {
    const child = await runModule(
      `
      const servers = (() => new MockCluster().bootstrapServers)()
      for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise(setImmediate) }
      const producer = new Producer({ 'bootstrap.servers': servers, 'message.timeout.ms': 5000 })
      console.log('offset', (await producer.send({ topic: 't', value: 'v' })).offset)
      await producer.close()`,
      { args: ['--expose-gc'] },
    )
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
    expect(child.output).toContain('offset 0')
  })
})

describe('close', () => {
  it('settles when the ports are closed and the clients disconnected', async () => {
    const cluster = new MockCluster({ brokers: 3 })
    const [first, ...others] = endpoints(cluster.bootstrapServers)
    const socket = connect(first)
    await once(socket, 'connect')
    const closed = gone(socket)
    await cluster.close()
    expect(await Promise.all([first, ...others].map(refused))).toEqual([true, true, true])
    await closed
  })

  it('may be called again, and together', async () => {
    const cluster = new MockCluster()
    await Promise.all([cluster.close(), cluster.close(), cluster[Symbol.asyncDispose]()])
    await cluster.close()
  })

  it('does not wait for answers that are held back', async () => {
    const cluster = new MockCluster()
    const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers, 'linger.ms': 0 })
    await producer.send({ topic: 't', value: 'v' })
    cluster.brokers.rtt(1_000_000)
    cluster.requests.start()
    const sent = rejection(producer.send({ topic: 't', value: 'v' }))
    await waitFor('the request arrives', () => cluster.requests.list('Produce').length)
    const from = performance.now()
    await cluster.close()
    expect(performance.now() - from).toBeLessThan(20_000)
    await producer.close({ timeout: 100 }).catch(() => {})
    expect((await sent).code).toMatch(/^_/)
  })

  it('leaves nothing that can be called but itself', async () => {
    const cluster = new MockCluster()
    const { brokers, requests, telemetry, consumerGroups, shareGroups } = cluster
    const [broker, partition] = [cluster.broker(1), cluster.partition('t', 0)]
    await cluster.close()
    const closed = expect.objectContaining({ code: '_STATE', message: 'the cluster is closed' })
    const calls: (() => unknown)[] = [
      () => cluster.topicError('t', 'UNKNOWN'),
      () => cluster.pushErrors('Produce', ['UNKNOWN']),
      () => cluster.clearErrors('Produce'),
      () => cluster.controller(1),
      () => cluster.coordinator('group', 'g', 1),
      () => cluster.apiVersions('Produce', { max: 7 }),
      () => brokers.down(),
      () => brokers.up(),
      () => brokers.rtt(1),
      () => brokers.rack('r'),
      () => cluster.broker(2).add(),
      () => broker.down(),
      () => broker.decommission(),
      () => broker.hide(),
      () => broker.advertise('h', 1),
      () => broker.pushErrors('Produce', ['UNKNOWN']),
      () => broker.errorsLeft('Produce'),
      () => partition.leader(1),
      () => partition.leader(null),
      () => partition.follower(1),
      () => partition.followerWatermarks({}),
      () => partition.pushLeaderResponse(1, 1),
      () => partition.pushErrors('Produce', ['UNKNOWN']),
      () => partition.deleteRecords(0),
      () => requests.start(),
      () => requests.stop(),
      () => requests.clear(),
      () => telemetry.requestedMetrics('all'),
      () => telemetry.pushInterval(1),
      () => consumerGroups.configure({ sessionTimeout: 1 }),
      () => consumerGroups.targetAssignment('g', null),
      () => shareGroups.configure({ maxSize: 1 }),
      () => shareGroups.targetAssignment('g', new Map()),
      () => shareGroups.memberIds('g'),
    ]
    for (const call of calls) expect(call, String(call)).toThrow(closed)
    expect(await rejection(cluster.createTopic('t'))).toEqual(closed)
    expect(await rejection(cluster.deleteTopic('t'))).toEqual(closed)
  })

  // It counts in /proc.
  it.runIf(process.platform === 'linux')('leaves no thread, descriptor or memory behind', async () => {
    const child = await runModule(
      `
      import { readdirSync } from 'node:fs'
      const count = (what) => readdirSync('/proc/self/' + what).length
      const cycles = async (n) => {
        for (let i = 0; i < n; i++) {
          const cluster = new MockCluster({ brokers: 3 })
          await cluster.createTopic('t')
          await cluster.close()
        }
      }
      await cycles(20)
      globalThis.gc()
      const before = { task: count('task'), fd: count('fd'), rss: process.memoryUsage.rss() }
      await cycles(100)
      globalThis.gc()
      const grown = (process.memoryUsage.rss() - before.rss) / 2 ** 20
      console.log(JSON.stringify({ threads: count('task') - before.task, descriptors: count('fd') - before.fd, grown }))`,
      { args: ['--expose-gc'] },
    )
    const { threads, descriptors, grown } = JSON.parse(child.output)
    expect({ threads, descriptors }).toEqual({ threads: 0, descriptors: 0 })
    expect(grown).toBeLessThan(16)
  })
})

describe('with a cluster that is open, the process ends', () => {
  it.each([
    ['by itself', '', 0],
    ['at process.exit', 'process.exit(7)', 7],
    ['at process.exit while it closes', 'cluster.close(); process.exit(6)', 6],
    ['at process.exit a turn after', 'cluster.close(); setImmediate(() => process.exit(5))', 5],
    ['at an uncaught throw', 'throw new Error("mine")', 1],
    [
      'with answers held back',
      'cluster.brokers.rtt(1000000); producer.produce({ topic: "t", value: "v" }); process.exit(4)',
      4,
    ],
  ])('%s', async (_, end, code) => {
    const child = await runModule(`
      const cluster = new MockCluster({ brokers: 3 })
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      await producer.send({ topic: 't', value: 'v' })
      console.log('ready')
      ${end}`)
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code, signal: null })
    expect(child.output).toContain('ready')
    expect(child.took).toBeLessThan(20_000)
  })

  it('only after close has settled, if somebody waits for it', async () => {
    const child = await runModule(`const cluster = new MockCluster(); await cluster.close(); console.log('closed')`)
    expect(child).toMatchObject({ code: 0, output: 'closed\n' })
  })
})

describe('in worker threads', () => {
  it('clusters come and go with their workers', async () => {
    const child = await runModule(`
      import { Worker } from 'node:worker_threads'
      import { connect } from 'node:net'
      const source = \`
        const { parentPort, workerData } = require('node:worker_threads')
        const assignment = new Map([['member', [{ topic: 't', partition: 0 }]]])
        function work(cluster) {
          cluster.partition('t', 0).leader(2)
          cluster.pushErrors('Produce', ['UNKNOWN', '_TRANSPORT'])
          cluster.broker(1).pushErrors('Fetch', [{ rtt: 5 }])
          cluster.consumerGroups.targetAssignment('g', assignment)
          cluster.requests.list()
          cluster.telemetry.requestedMetrics(['a', 'b'])
        }
        import(${JSON.stringify(library)}).then(({ MockCluster }) => {
          const cluster = new MockCluster({ brokers: 2 })
          parentPort.postMessage(cluster.bootstrapServers)
          const how = workerData % 3
          if (how === 1) cluster.close()
          if (how === 2) for (;;) work(cluster)
          setInterval(() => {}, 1000)
        })\`
      let refused = 0
      for (let i = 0; i < 24; i += 4) {
        await Promise.all([0, 1, 2, 3].map(async (j) => {
          const worker = new Worker(source, { eval: true, execArgv: [], workerData: i + j })
          const servers = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
          await worker.terminate()
          const [host, port] = servers.split(',')[0].split(':')
          await new Promise((resolve) => {
            connect(Number(port), host).on('connect', resolve).on('error', () => { refused++; resolve() })
          })
        }))
      }
      console.log('refused', refused)
      process.exit(0)`)
    expect({ code: child.code, signal: child.signal }, child.output).toEqual({ code: 0, signal: null })
    expect(child.output).toBe('refused 24\n')
  })
})

describe.runIf(process.platform === 'linux')('a cluster withstands', () => {
  it('signals, which its thread does not get', async () => {
    const child = await runModule(`
      import { readFileSync, readdirSync } from 'node:fs'
      const cluster = new MockCluster()
      const about = (task, file) => readFileSync('/proc/self/task/' + task + '/' + file, 'utf8')
      let task
      while (!task) task = readdirSync('/proc/self/task').find((id) => about(id, 'comm') === 'rdk:mock\\n')
      const blocked = BigInt('0x' + /SigBlk:\\s*(\\w+)/.exec(about(task, 'status'))[1])
      const [SIGUSR2, SIGTERM, SIGCHLD] = [12, 15, 17]
      console.log([SIGUSR2, SIGTERM, SIGCHLD].map((signal) => (blocked >> BigInt(signal - 1)) & 1n).join())
      await cluster.close()`)
    expect(child.output).toBe('1,1,1\n')
  })

  it('a lack of file descriptors, as an error', () => {
    const source = `
      import { MockCluster } from ${JSON.stringify(library)}
      let error
      try { new MockCluster({ brokers: 200 }) } catch (e) { error = e }
      console.log(error.code, error.message)
      const cluster = new MockCluster({ brokers: 10 })
      await cluster.close()
      console.log('fine')`
    const limited = ['-c', 'ulimit -n 128 && exec "$0" --input-type=module -e "$1"', process.execPath, source]
    const { stdout, status, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
    expect(stdout + stderr).toMatch(/^_FAIL the embedded cluster could not be started: .*200 brokers.*\nfine\n$/)
    expect(status).toBe(0)
  })
})

it('is all a test needs', async () => {
  await using cluster = new MockCluster({ brokers: 3 })
  await cluster.createTopic('orders', { partitions: 6 })
  cluster.broker(1).down()
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  for (const partition of [0, 1, 2, 3, 4, 5]) cluster.partition('orders', partition).leader(2 + (partition % 2))
  const reports = await producer.sendBatch(
    'orders',
    [0, 1, 2, 3, 4, 5].map((partition) => ({ partition, value: 'v' })),
  )
  expect(reports.failures).toEqual([])
  await using consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': 'g',
    'auto.offset.reset': 'earliest',
  })
  cluster.coordinator('group', 'g', 2)
  await consumer.subscribe('orders')
  const partitions = new Set<number>()
  for await (const message of consumer) if (partitions.add(message.partition).size === 6) break
  expect([...partitions].sort()).toEqual([0, 1, 2, 3, 4, 5])
})
