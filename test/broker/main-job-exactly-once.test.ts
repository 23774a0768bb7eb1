// npm start -- --exactly-once on the tests' Kafka.
import { rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { bootstrapServers, uniqueTopic, witness } from '../helpers/kafka.js'
import { directory, input, runJob, startJob } from '../mock/main-job-process.js'

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const flights = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ delay: (i * 7) % 60, distance: 100 * (1 + (i % 20)), time: i / 100 }))
const lines = (records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')
const checks = ['delivered', 'once', 'statistics', 'history', 'transactions', 'commits']
const kafka = () => ({ KAFKA_BROKERS: bootstrapServers() })

describe('the main job, exactly once', { timeout: 90_000 }, () => {
  it('writes running statistics that come to what was sent, twice on the same topics', async () => {
    const topic = uniqueTopic('flights')
    const args = ['--exactly-once', '--topic', topic, '--key', 'distance']
    for (const count of [10_000, 5_000]) {
      const { code, out, err } = await runJob(
        [...args, '--file', input('flights.ndjson', lines(flights(count)))],
        kafka(),
      )
      expect(err).toBe('')
      expect(out).toMatch(new RegExp(`3 pipelines → topic ${topic}-statistics, exactly once`))
      expect(out).toMatch(/Delay by distance\n +miles +flights +mean delay/)
      // 100 and 200 miles: two of the twenty distances.
      expect(out).toMatch(new RegExp(` 0 – 249 +${(count / 10).toLocaleString('en-US')} +\\d+\\.\\d min`))
      for (const name of checks) expect(out).toMatch(new RegExp(`✓ ${name} `))
      expect(out).toMatch(new RegExp(`✓ once +${count.toLocaleString('en-US')} records counted, each exactly once`))
      expect(code).toBe(0)
    }
  })

  it('counts nothing twice when transactions are aborted in between', async () => {
    const abort = new URL('./main-job-abort.mjs', import.meta.url).href
    const topic = uniqueTopic('flights')
    const file = input('aborted.ndjson', lines(flights(30_000)))
    const args = ['--exactly-once', '--topic', topic, '--key', 'distance', '--file', file]
    const { code, out } = await runJob(args, { ...kafka(), NODE_OPTIONS: `--import=${abort}` })
    for (const name of checks) expect(out).toMatch(new RegExp(`✓ ${name} `))
    const [, aborted] = out.match(/✓ transactions +[\d,]+ committed, ([\d,]+) aborted/) ?? []
    expect(Number(aborted)).toBeGreaterThan(0)
    // There is something that must not be seen.
    const ends = async (isolation: 'read_committed' | 'read_uncommitted') =>
      (await (await witness()).consume({ topic: `${topic}-statistics`, isolation })).length
    expect(await ends('read_uncommitted')).toBeGreaterThan(await ends('read_committed'))
    expect(code).toBe(0)
  })

  it('SIGINT reads no further, counts what was sent, and ends with 130', async () => {
    const file = input('many.ndjson', lines(flights(20_000)).repeat(30))
    const job = startJob(
      ['--exactly-once', '--topic', uniqueTopic('flights'), '--key', 'distance', '--file', file],
      kafka(),
    )
    await job.shows(/\d+ %: [\d,]+ delivered/)
    job.kill('SIGINT')
    const { code, out } = await job.ended
    for (const name of checks) expect(out).toMatch(new RegExp(`✓ ${name} `))
    expect(out).toMatch(/Ended by SIGINT after [\d,]+ records/)
    expect(code).toBe(130)
  })

  it('says so when the statistics have fewer partitions than the records', async () => {
    const topic = uniqueTopic('flights')
    const kafka_ = await witness()
    await kafka_.createTopic(topic, { partitions: 3 })
    await kafka_.createTopic(`${topic}-statistics`, { partitions: 2 })
    const args = ['--exactly-once', '--topic', topic, '--file', input('few.ndjson', lines(flights(10)))]
    const { code, err } = await runJob(args, kafka())
    expect(err).toMatch(/^error: The topic '.*-statistics' has 2 partitions, and '.*' 3: it needs as many\.$/m)
    expect(code).toBe(1)
  })
})
