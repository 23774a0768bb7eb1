// npm start from the outside: what it says, what it ends with, and what becomes of bad input and signals.
import { existsSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { directory, input, readRejects, runJob, startJob } from './main-job-process.js'

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const flights = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ delay: (i * 7) % 60, distance: 100 * (1 + (i % 20)), time: i / 100 }))
const lines = (records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join('')

const verified = ['delivered', 'once', 'order', 'checksums', 'commits'].map((name) => new RegExp(`✓ ${name} `))

describe('a run', () => {
  it('takes a JSON array through the cluster, aggregates, verifies, and ends with 0', async () => {
    const file = input('flights.json', JSON.stringify(flights(5_000)))
    const { code, out, err } = await runJob(['--file', file, '--key', 'distance'])
    expect(err).toBe('')
    expect(out).toMatch(/flights\.json .* → topic flights, embedded cluster of 3 brokers → 3 consumers/)
    expect(out).toMatch(/Delay by distance\n +miles +flights +mean delay/)
    // 100 and 200 miles: two of the twenty distances.
    expect(out).toMatch(/ 0 – 249 +500 +\d+\.\d min/)
    for (const check of verified) expect(out).toMatch(check)
    expect(out).toMatch(/✓ order +kept in each of 20 keys/)
    expect(out).toMatch(/5,000 records delivered, consumed and verified in [\d.]+ s: [\d,]+ per second\./)
    expect(code).toBe(0)
  })

  it('writes plain lines to a pipe, without an escape or a carriage return', async () => {
    const { code, out } = await runJob(['--file', input('plain.ndjson', lines(flights(3_000)))])
    expect(out).toMatch(/^[\d.]+ s {2}100 %: 3,000 delivered \([\d,]+\/s\), 3,000 consumed .* in flight 0, lag 0$/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    expect(out).not.toMatch(/[\x1b\r]/)
    expect(code).toBe(0)
  })

  it('sets broken lines of NDJSON aside, with their numbers, and goes on', async () => {
    const rejects = join(directory, 'aside.ndjson')
    const broken = ['{"city":"Brno"', '', '{"town":"Wien"}', '17', '{"city":null}'].join('\n')
    const file = input('broken.ndjson', `{"city":"Prague"}\n${broken}\n{"city":"Linz"}`)
    const { code, out } = await runJob(['--file', file, '--key', 'city', '--rejects', rejects])
    expect(out).toMatch(/line 2 set aside: not JSON: .*: \{"city":"Brno"/)
    expect(out).toMatch(/line 4 set aside: no field 'city' to be the key: \{"town":"Wien"\}/)
    expect(out).toMatch(/line 5 set aside: a record is an object; this is a number: 17/)
    expect(out).toMatch(/line 6 set aside: the key field 'city' is null/)
    expect(out).toMatch(/4 records could not be read and set aside: .*aside\.ndjson/)
    expect(out).toMatch(/2 records delivered, consumed and verified/)
    expect(readRejects(rejects).map(({ line, text }) => [line, text])).toEqual([
      [2, '{"city":"Brno"'],
      [4, '{"town":"Wien"}'],
      [5, '17'],
      [6, '{"city":null}'],
    ])
    expect(code).toBe(0)
  })

  it('reads CSV with quotes, and sets its broken lines aside', async () => {
    const rejects = join(directory, 'csv-aside.ndjson')
    const rows = [
      'city,note,temp',
      'Prague,"golden, they say",21',
      '"Buda""pest","two\nlines",23',
      'Wien,x',
      '"Linz,y,3',
      'Brno,,4',
    ]
    const file = input('cities.csv', rows.join('\r\n'))
    const { code, out } = await runJob(['--file', file, '--rejects', rejects])
    expect(out).toMatch(/Records by city \(all 3\)/)
    expect(out).toMatch(/Buda"pest +1 +33\.3 %/)
    expect(out).toMatch(/line 5 set aside: 2 fields, and the header names 3: Wien,x/)
    expect(out).toMatch(/line 6 set aside: a quote that is not closed: "Linz,y,3/)
    expect(readRejects(rejects).map(({ line }) => line)).toEqual([5, 6])
    expect(code).toBe(0)
  })

  it('fails when a record is lost', async () => {
    const lose = new URL('./main-job-lose.mjs', import.meta.url).href
    const args = ['--file', input('lost.ndjson', lines(flights(100))), '--key', 'distance']
    const { code, out } = await runJob(args, { NODE_OPTIONS: `--import=${lose}` })
    expect(out).toMatch(/✓ delivered/)
    expect(out).toMatch(/✗ once +1 lost \(number 42\)/)
    expect(out).toMatch(/✗ checksums +equal for 19 of 20 keys/)
    expect(out).toMatch(/The verification failed\./)
    expect(code).toBe(1)
  })
})

describe('a signal', () => {
  // More than the job can be through with before it is interrupted.
  const many = () => input('many.ndjson', lines(flights(20_000)).repeat(30))

  it('SIGINT reads no further, drains, commits, and ends with 130', async () => {
    const job = startJob(['--file', many(), '--key', 'distance'])
    await job.shows(/\d+ %: [\d,]+ delivered/)
    job.kill('SIGINT')
    const { code, out, err } = await job.ended
    expect(err).toBe('')
    expect(out).toMatch(/interrupted by SIGINT: reading no further, bringing the rest to its end/)
    for (const check of verified) expect(out).toMatch(check)
    const [, records] =
      out.match(/Ended by SIGINT after ([\d,]+) records: all delivered, consumed and committed; about/) ?? []
    expect(Number(records?.replaceAll(',', ''))).toBeGreaterThan(0)
    expect(out).toMatch(new RegExp(`✓ once +${records} records received, each exactly once`))
    expect(code).toBe(130)
  })

  it('SIGTERM does the same and ends with 143', async () => {
    const job = startJob(['--file', many(), '--key', 'distance'])
    await job.shows(/\d+ %: [\d,]+ delivered/)
    job.kill('SIGTERM')
    const { code, out } = await job.ended
    expect(out).toMatch(/Ended by SIGTERM after [\d,]+ records: all delivered, consumed and committed/)
    expect(code).toBe(143)
  })

  it('before the first record ends with 130, too', async () => {
    const silent = await listen()
    const { port } = silent.address() as { port: number }
    const job = startJob(['--file', input('early.ndjson', lines(flights(10)))], { KAFKA_BROKERS: `127.0.0.1:${port}` })
    await new Promise((resolve) => silent.once('connection', resolve))
    job.kill('SIGINT')
    const { code, out } = await job.ended
    silent.close()
    expect(out).toMatch(/Ended by SIGINT before the first record was produced\./)
    expect(code).toBe(130)
  })
})

/** Takes connections, and never says a word. */
function listen(): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}))
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

describe('bad input is one clear error', () => {
  const good = () => input('good.ndjson', lines(flights(10)))
  const cases: [name: string, args: () => string[], message: RegExp, environment?: Record<string, string>][] = [
    [
      'a file that is not there',
      () => ['--file', '/no/such/file.csv'],
      /^error: There is no file '\/no\/such\/file\.csv'\.$/,
    ],
    ['a directory', () => ['--file', directory], /^error: '.*' is a directory; --file takes a file\.$/],
    [
      'an empty file',
      () => ['--file', input('empty.json', '')],
      /^error: '.*' is empty: there is nothing to produce\.$/,
    ],
    [
      'a file of blank lines',
      () => ['--file', input('blank.ndjson', '\n \n')],
      /^error: '.*' was read as JSON lines, and no record was found in it\.$/,
    ],
    ['an unknown option', () => ['--fil', 'x'], /^error: There is no option '--fil'\. See: npm start -- --help$/],
    [
      'an option without its value',
      () => ['--file'],
      /^error: Option '--file <value>' argument missing\. See: npm start -- --help$/,
    ],
    [
      'an argument that npm took the option of',
      () => ['x.csv'],
      /^error: 'x\.csv' is no option\. .*npm start -- --file FILE/,
    ],
    ['a topic that cannot be one', () => ['--topic', 'a b'], /^error: --topic 'a b' cannot be a topic: .*$/],
    [
      'a key that no record has',
      () => ['--file', good(), '--key', 'origin'],
      /^error: No record of '.*' has a key in the field 'origin'\. Its fields are: delay, distance, time\.$/,
    ],
    [
      'rejects that cannot be written',
      () => ['--file', input('bad.ndjson', 'x\n'), '--rejects', directory],
      /^error: The file for rejected records, '.*', cannot be written: .*$/,
    ],
    [
      'a broker that refuses',
      () => ['--file', good()],
      /^error: No broker of KAFKA_BROKERS=127\.0\.0\.1:1 can be reached \(.*Connection refused.*\)\. Start one, or correct the address\.$/,
      { KAFKA_BROKERS: '127.0.0.1:1' },
    ],
    [
      'a broker that does not exist',
      () => ['--file', good()],
      /^error: No broker of KAFKA_BROKERS=nowhere\.invalid can be reached \(.*resolve.*\)\..*$/,
      { KAFKA_BROKERS: 'nowhere.invalid' },
    ],
    ['brokers that are none', () => ['--file', good()], /^error: .*bootstrap\.servers.*$/, { KAFKA_BROKERS: ' ' }],
  ]

  it.each(cases)('%s', { timeout: 30_000 }, async (_name, args, message, environment) => {
    const from = performance.now()
    const { code, err } = await runJob(args(), environment)
    expect(err.trimEnd()).toMatch(message)
    expect(code).toBe(1)
    expect(performance.now() - from).toBeLessThan(20_000)
  })

  it('a broker that accepts and never answers', { timeout: 30_000 }, async () => {
    const silent = await listen()
    const { port } = silent.address() as { port: number }
    const { code, err } = await runJob(['--file', good()], { KAFKA_BROKERS: `127.0.0.1:${port}` })
    silent.close()
    expect(err.trimEnd()).toMatch(
      /^error: No broker of KAFKA_BROKERS=127\.0\.0\.1:\d+ can be reached \(.*\)\. Start one.*$/,
    )
    expect(code).toBe(1)
  })
})

it('--help says what there is, and does nothing', async () => {
  const { code, out, err } = await runJob(['--help'])
  for (const option of ['--file', '--topic', '--key', '--rejects', 'KAFKA_BROKERS']) expect(out).toContain(option)
  expect(out).not.toContain('Ready')
  expect(err).toBe('')
  expect(code).toBe(0)
})

it('has its default input: the flights of vega-datasets', () => {
  const file = fileURLToPath(new URL('../../node_modules/vega-datasets/data/flights-200k.json', import.meta.url))
  expect(existsSync(file)).toBe(true)
})
