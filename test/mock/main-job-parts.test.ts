// The parts of the main job, where a process would show too little: readers, the verification, the display, the group.
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { KafkaError, MockCluster, Producer } from 'odradek'
import { describe, expect, it } from 'vitest'
import { Group } from '../../examples/flights/consuming.mjs'
import { openDisplay } from '../../examples/flights/display.mjs'
import { JsonArray } from '../../examples/flights/input/array.mjs'
import { Csv } from '../../examples/flights/input/csv.mjs'
import { JsonLines } from '../../examples/flights/input/lines.mjs'
import { Ingestion } from '../../examples/flights/producing.mjs'
import { Progress } from '../../examples/flights/progress.mjs'
import { Ledger, verify } from '../../examples/flights/verification.mjs'

type Piece = { line: number; record?: Record<string, unknown>; value?: string; problem?: string; text?: string }
type Reader = { push(text: string): Iterable<Piece>; end(): Iterable<Piece> }

const limit = 1_000

function read(reader: Reader, text: string, cuts: number[] = []): Piece[] {
  const ends = [...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
  const pieces = ends.flatMap((end, i) => [...reader.push(text.slice(ends[i - 1] ?? 0, end))])
  return [...pieces, ...reader.end()]
}

const records = (pieces: Piece[]) => pieces.filter(({ record }) => record).map(({ record }) => record)
const problems = (pieces: Piece[]) =>
  pieces.filter(({ problem }) => problem).map(({ line, problem }) => [line, problem])

describe('the readers', () => {
  const samples: [string, () => Reader, string][] = [
    ['JSON lines', () => new JsonLines(limit), '{"a":1}\r\n\n{"a":\nx\n{"a":"ü\\n😀"}\n{"a":2}'],
    [
      'a JSON array',
      () => new JsonArray(limit),
      '[{"a":1},\n{"a":[{"b":"]},{"}]},\n{"a":"x},\n{"a":"\\"é"}, 7\n,{"a":2}]',
    ],
    ['a JSON array that is cut off', () => new JsonArray(limit), '[\n{"a":1},\n{"a":2},\n{"a":\n'],
    ['CSV', () => new Csv(limit), 'a,b\n1,"x, ""y""\nz"\n"2,3\n\n4,5,6\n"7"x,8\r\n9,"é"\n'],
  ]
  it.each(samples)('give the same for %s, wherever it is cut into chunks', (_name, reader, text) => {
    const whole = read(reader(), text)
    expect(records(whole).length).toBeGreaterThan(1)
    expect(problems(whole).length).toBeGreaterThan(0)
    const cuts = fc.array(fc.nat(text.length), { maxLength: text.length })
    fc.assert(
      fc.property(cuts, (at) => {
        expect(read(reader(), text, at)).toEqual(whole)
      }),
    )
  })

  const plain = fc.record({
    k: fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.constant(null)),
    n: fc.nat(),
  })

  it('give back every object of an array, as it was written', () => {
    const array = fc.tuple(fc.array(fc.oneof(plain, fc.record({ deep: fc.array(plain) }))), fc.constantFrom(0, 1, 2))
    fc.assert(
      fc.property(array, ([objects, indent]) => {
        const pieces = read(new JsonArray(100_000), JSON.stringify(objects, undefined, indent))
        expect(records(pieces)).toEqual(JSON.parse(JSON.stringify(objects)))
      }),
    )
  })

  it('give back every field of a CSV, whatever is in it', () => {
    // Numbers have a test of their own.
    const field = fc.string({ unit: 'grapheme' }).filter((text) => !/^-?\d/.test(text))
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
    fc.assert(
      fc.property(fc.array(fc.tuple(field, field), { minLength: 1 }), (rows) => {
        const text = ['a,b', ...rows.map((row) => row.map(quote).join(','))].join('\n')
        const rows_ = records(read(new Csv(100_000), text))
        expect(rows_.map((record) => [String(record?.a), String(record?.b)])).toEqual(rows)
      }),
    )
  })

  it('number the lines of an array, and say what is wrong in each', () => {
    const text = '[\n{"a":1},\n{"a":2,\n{"b":"x},\n{"a":3}},\n 7,\n{"a":4}\n] more'
    const pieces = read(new JsonArray(limit), text)
    expect(records(pieces)).toEqual([{ a: 1 }, { a: 4 }])
    expect(problems(pieces)).toEqual([
      [3, 'a record that is not closed'],
      [4, 'a record that is not closed'],
      [5, expect.stringMatching(/^not JSON: Unexpected non-whitespace character after JSON/)],
      [6, 'a record is an object; this is a number'],
      [8, 'text after the end of the array'],
    ])
  })

  it('take numbers of a CSV for numbers only where JSON would write them so', () => {
    const [piece] = read(new Csv(limit), 'a;b;c;d\n-1.5;007;1e3;\n')
    expect(piece?.record).toEqual({ a: -1.5, b: '007', c: '1e3', d: '' })
    expect(piece?.value).toBe('{"a":-1.5,"b":"007","c":"1e3","d":""}')
  })

  it('set what is longer than a message aside, and go on behind it', () => {
    const long = 'x'.repeat(3 * limit)
    const tooLong = expect.stringMatching(/^longer than a message may be \(1000 bytes\)$/)
    const inLines = read(new JsonLines(limit), `{"a":1}\n{"a":"${long}"}\n{"a":2}\n`, [9, 500, 2_000, 2_500])
    expect(records(inLines)).toEqual([{ a: 1 }, { a: 2 }])
    expect(problems(inLines)).toEqual([[2, tooLong]])
    const inArray = read(new JsonArray(limit), `[{"a":1},\n{"a":"${long}"},\n{"a":2}]`, [9, 500, 2_000, 2_500])
    expect(records(inArray)).toEqual([{ a: 1 }, { a: 2 }])
    expect(problems(inArray)[0]).toEqual([2, tooLong])
  })
})

describe('the verification', () => {
  const reports = { delivered: 4, failed: 0 }
  const commits = { partitions: 2, problems: [] as string[] }
  const sent = [
    ['a', '1'],
    ['b', '2'],
    ['a', '3'],
    ['b', '4'],
  ] as const

  /** Sends the four records and receives what is given: by number, with another value where one is named. */
  function check(received: (number | [number, string])[], facts: object = {}) {
    const ledger = new Ledger()
    for (const [key, value] of sent) ledger.send(key, value)
    for (const item of received) {
      const [number, value] = typeof item === 'number' ? [item, sent[item]?.[1] ?? ''] : item
      ledger.receive(sent[number]?.[0] ?? 'z', Buffer.from(value), number)
    }
    const given = { reports, commits, ...facts }
    const checks = verify(ledger, given.reports, given.commits)
    return Object.fromEntries(checks.filter(({ ok }) => !ok).map(({ name, detail }) => [name, detail]))
  }

  it('is content with every record once, in the order of its key', () => {
    expect(check([0, 1, 2, 3])).toEqual({})
    expect(check([1, 3, 0, 2])).toEqual({})
  })

  it('finds a record that is lost', () => {
    expect(check([0, 1, 2])).toEqual({ once: '1 lost (number 4)', checksums: 'equal for 1 of 2 keys' })
  })

  it('finds a record that came twice', () => {
    expect(check([0, 1, 2, 3, 3])).toMatchObject({ once: '1 received again', checksums: 'equal for 1 of 2 keys' })
  })

  it('finds an order that is broken', () => {
    const found = check([2, 0, 1, 3])
    expect(found).toEqual({ order: '1 record behind a later one of the same key', checksums: 'equal for 1 of 2 keys' })
  })

  it('finds a value that is changed', () => {
    expect(check([0, 1, [2, 'x'], 3])).toEqual({ checksums: 'equal for 1 of 2 keys' })
  })

  it('finds a record that was never sent', () => {
    expect(check([0, 1, 2, 3, 9])).toEqual({ once: '1 that were never sent' })
  })

  it('finds failed and missing reports, and a commit that is behind', () => {
    const firstFailure = new KafkaError('MSG_SIZE_TOO_LARGE', 'too large')
    expect(check([0, 1, 2, 3], { reports: { delivered: 2, failed: 1, firstFailure } })).toEqual({
      delivered: '1 failed: too large; 1 without a report',
    })
    const problem = 'partition 1 is committed up to 3, and ends at 4'
    expect(check([0, 1, 2, 3], { commits: { partitions: 2, problems: [problem] } })).toEqual({ commits: problem })
  })

  it('keeps account of more records than it first has room for', () => {
    const ledger = new Ledger()
    const count = 200_000
    for (let i = 0; i < count; i++) ledger.send(String(i % 7), String(i))
    for (let i = 0; i < count; i++) ledger.receive(String(i % 7), Buffer.from(String(i)), i)
    expect(ledger.summary()).toEqual({ missing: [], repeated: 0, disordered: 0, unknown: 0, keys: 7, equal: 7 })
  })
})

describe('production', () => {
  it('waits while too much has not been consumed, and goes on when it was', async () => {
    const progress = new Progress(1_000)
    const { signal } = new AbortController()
    progress.onProduced(1, 1_000)
    let room = false
    const waiting = progress.room(signal).then(() => {
      room = true
    })
    progress.onReports(1, 0, 0)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(room).toBe(false)
    progress.onConsumed(1, 600)
    await waiting
    expect(room).toBe(true)
  })

  it('does not wait for what failed, nor when it is to end', async () => {
    const progress = new Progress(1_000)
    const ending = new AbortController()
    progress.onProduced(2, 2_000)
    const waiting = progress.room(ending.signal)
    progress.onReports(1, 1, 1_500)
    await waiting
    progress.onProduced(1, 1_500)
    const last = progress.room(ending.signal)
    ending.abort()
    await last
  })
})

describe('the group', () => {
  it('leaves alone what is in the topic already, and what others write meanwhile', async () => {
    await using cluster = new MockCluster({ brokers: 1 })
    cluster.consumerGroups.configure({ heartbeatInterval: 20 })
    await cluster.createTopic('shared', { partitions: 4 })
    const config = { 'bootstrap.servers': cluster.bootstrapServers }
    await using stranger = new Producer(config)
    const mark = (run: string) => ({ 'odradek-run': run })
    const foreign = Array.from({ length: 50 }, (_, i) => ({ key: `k${i % 5}`, value: 'x', headers: mark(`0000:${i}`) }))
    await stranger.sendBatch('shared', [...foreign, { key: null, value: null }])

    const target = {
      title: '',
      config,
      consumerConfig: { 'group.protocol': 'consumer' },
      maxAhead: 1e6,
      close: async () => {},
    }
    const ledger = new Ledger()
    const progress = new Progress(target.maxAhead)
    const failures: unknown[] = []
    const shared = { cluster: target, topic: 'shared', run: 'mine', progress, onError: () => {} }
    const ingestion = new Ingestion({ ...shared, ledger })
    const group = new Group({
      ...shared,
      onFailure: (error: unknown) => failures.push(error),
      onRecord: (message, number) => ledger.receive(String(message.key), message.value as Buffer, number),
    })
    const { signal } = new AbortController()
    await group.start(signal)
    for (let i = 0; i < 20; i++) {
      ingestion.send([{ key: `k${i % 5}`, value: `v${i}`, record: {} }])
      await stranger.sendBatch('shared', foreign.slice(0, 5))
    }
    await ingestion.reported(signal)
    await group.caughtUp(ingestion.ends, signal)
    const commits = await group.commit(ingestion.ends)
    await Promise.all([group.close(), ingestion.close()])

    const { delivered, failed } = progress
    expect(verify(ledger, { delivered, failed }, commits).filter(({ ok }) => !ok)).toEqual([])
    expect(ledger.received).toBe(20)
    expect(failures).toEqual([])
  })
})

describe('the display', () => {
  function terminal(columns: number) {
    let text = ''
    const write = (chunk: string) => {
      text += chunk
      return true
    }
    const out = { isTTY: true, columns, write } as unknown as NodeJS.WriteStream
    return { out, text: () => text }
  }
  const status = () => ({
    stage: 'running',
    total: 2_000_000,
    produced: 1_500_000,
    delivered: 1_200_000,
    consumed: 1_000_000,
    inFlight: 300_000,
    lag: 200_000,
    rejected: 3,
  })

  it.each([40, 80, 200])('draws in place on a terminal of %i columns, never beyond its edge', (columns) => {
    const { out, text } = terminal(columns)
    const display = openDisplay(out, { TERM: 'xterm' })
    display.start(status)
    display.note('line 7 set aside')
    display.stop()
    expect(text()).toContain('line 7 set aside\n')
    expect(text()).toContain('produced')
    for (const line of stripVTControlCharacters(text()).split('\n')) expect(line.length).toBeLessThan(columns)
    expect(text().startsWith('\x1b[?25l')).toBe(true)
    expect(text().endsWith('\x1b[?25h')).toBe(true)
  })

  it.each([[{ CI: 'true' }], [{ TERM: 'dumb' }]])('writes plain lines where it is not wanted: %o', (environment) => {
    const { out, text } = terminal(80)
    const display = openDisplay(out, environment)
    display.start(status)
    display.stop()
    expect(text()).toMatch(
      /^[\d.]+ s {2}50 %: 1,200,000 delivered \(.*\), 1,000,000 consumed \(.*\), in flight 300,000, lag 200,000, set aside 3\n$/,
    )
  })

  it('uses no colour under NO_COLOR', () => {
    const { out, text } = terminal(80)
    const display = openDisplay(out, { NO_COLOR: '1', TERM: 'xterm' })
    display.start(status)
    display.stop()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escapes
    expect(text()).not.toMatch(/\x1b\[\d+m/)
  })
})
