import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { contestants } from '../../bench/contestants.mjs'
import { makePayloads } from '../../bench/kafka.mjs'
import { readOptions, usage } from '../../bench/options.mjs'
import { mergeWindows, readPayloads } from '../../bench/programs/common.mjs'
import { table } from '../../bench/report.mjs'
import { reason } from '../../bench/runner.mjs'
import { consumerDefaults, families, scenarioNames, selectFamilies, starved } from '../../bench/scenarios.mjs'
import { median, spread, summarize } from '../../bench/statistics.mjs'

const options = readOptions([])

describe('the benchmark', () => {
  it('takes medians, and leaves out what is no figure', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([Number.NaN, 7])).toBe(7)
    expect(median([])).toBeUndefined()
    expect(spread([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 })
    expect(spread([undefined])).toBeUndefined()
  })

  it('compares with the baseline of the same round, not with the median of all', () => {
    const baseline = [{ rate: 100 }, { rate: 10 }, { rate: 50 }]
    const ours = [{ rate: 90 }, { rate: 9 }, { rate: 45 }]
    expect(summarize(ours, baseline).ratios.rate).toEqual({ median: 0.9, least: 0.9, most: 0.9 })
  })

  it('counts a failed round out, and names its error', () => {
    const summary = summarize([{ rate: 5 }, { error: 'ended with 1: boom' }], [{ rate: 10 }, { rate: 10 }])
    expect(summary).toMatchObject({ rounds: 1, errors: ['ended with 1: boom'], rate: { median: 5 } })
    expect(summary.ratios.rate?.median).toBe(0.5)
  })

  it('shows figures, ratios, failures and a noisy machine', () => {
    const [family] = families(options)
    const rounds = [{ rate: 2_000_000, cpu: 0.5, rssKiB: 102_400, foreignCpu: 0.3 }]
    const failed = [{ error: 'killed' }]
    const text = table({
      family,
      results: [
        { label: 'C', summary: summarize(rounds, rounds) },
        { label: 'broken', summary: summarize(failed, rounds) },
      ],
    })
    expect(text).toMatch(/! C +2\.00 M +1\.00 \(1\.00–1\.00\) +0\.500 .* 100/)
    expect(text).toContain('failed: broken: killed')
  })

  it('gives every program the same bytes: values alike, none equal to its neighbour, JSON', () => {
    const bytes = makePayloads(100)
    expect(bytes.equals(makePayloads(100))).toBe(true)
    expect(bytes.length).toBe(100_000)
    const values = Array.from({ length: 1000 }, (_, i) => bytes.toString('latin1', i * 100, i * 100 + 100))
    expect(new Set(values).size).toBe(1000)
    expect(values[0]).toMatch(/^\{"id":\d{8},.*\}$/)
  })

  it('puts with the values a key and two headers of fixed sizes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'odradek-bench-'))
    try {
      const payload = join(directory, 'payload')
      writeFileSync(payload, makePayloads(100))
      const { keys, traces, types, pool } = readPayloads({ payload, size: 100 })
      const sizes = (texts: string[]) => [...new Set(texts.map((text) => Buffer.byteLength(text)))]
      expect([sizes(keys), sizes(traces), sizes(types)]).toEqual([[8], [16], [6]])
      // What bench/c/common.c makes.
      expect([keys[999], traces[999], types[999]]).toEqual(['k0000999', '6a7be1b7000003e7', 'create'])
      expect(new Set(traces).size).toBe(pool)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('measures threads from the first message of any to the last of all, and the loop that was worst', () => {
    const windows = [
      { start: { at: 1500, cpu: 30 }, end: { at: 3000, cpu: 80 }, loopDelayP99: 1, loopDelayMax: 9 },
      { start: { at: 1000, cpu: 10 }, end: { at: 2000, cpu: 60 }, loopDelayP99: 4, loopDelayMax: 5 },
    ]
    expect(mergeWindows(windows)).toEqual({ seconds: 2, cpuMicros: 70, loopDelayP99: 4, loopDelayMax: 9 })
  })

  it('reads a group from partitions of which one to four members have shares of different sizes', () => {
    const [{ preloaded, args }] = selectFamilies(families(options), ['consume-group'])
    const shares = [1, 2, 3, 4].map((members) => preloaded.partitions / members)
    expect(shares.every(Number.isInteger)).toBe(true)
    expect(args.partitions).toBe(preloaded.partitions)
  })

  it('names every scenario in its usage', () => {
    const missing = scenarioNames(families(options)).filter((name) => !new RegExp(`[ (]${name}[ ,;:)]`).test(usage))
    expect(missing).toEqual([])
  })

  it('runs all scenarios, those of a family, or single ones', () => {
    const all = families(options)
    expect(scenarioNames(all)).toEqual(expect.arrayContaining(['consume', 'produce-send', 'latency-consume']))
    expect(selectFamilies(all, [])).toHaveLength(all.length)
    const [consume] = selectFamilies(all, ['consume'])
    expect(consume.scenarios.map((scenario: { name: string }) => scenario.name)).toEqual([
      'consume-for-await',
      'consume-batches',
    ])
    const [produce] = selectFamilies(all, ['produce-send'])
    expect(produce.scenarios.map((scenario: { name: string }) => scenario.name)).toEqual(['produce-send'])
  })

  it('gives the C program the consumer properties for which this package has another default', () => {
    const overrides = [
      { property: 'fetch.queue.backoff.ms', value: '10', clients: ['consumer'] },
      { property: 'client.software.name', value: 'odradek', clients: ['consumer'] },
      { property: 'allow.auto.create.topics', value: 'false', clients: ['admin'] },
    ]
    expect(consumerDefaults(overrides)).toEqual({ 'fetch.queue.backoff.ms': '10' })
    const [consume] = families(options, consumerDefaults(overrides))
    expect(consume.conf).toMatchObject({ 'fetch.queue.backoff.ms': '10' })
  })

  it('lets the C program, this package, other builds and peers run one family', () => {
    const [produce] = selectFamilies(families(options), ['produce'])
    const peer = { name: 'p', label: 'Peer', command: 'node', argv: ['p.mjs'], tasks: { 'produce-batch': 'send' } }
    const setup = { program: '/c', peers: [peer] }
    const list = contestants(produce, { ...setup, options: { trees: [{ name: 'old', directory: '/old' }] } })
    expect(list.map(({ id }) => id)).toEqual([
      'c',
      'produce-batch',
      'produce-batch@old',
      'produce-bulk',
      'produce-bulk@old',
      'produce-send',
      'produce-send@old',
      'produce-batch@p',
    ])
    expect(list[2].env.ODRADEK_BENCH_MODULE).toBe('file:///old/dist/index.js')
    const without = contestants(produce, { ...setup, options: { onlyPeers: true } })
    expect(without.map(({ id }) => id)).toEqual(['c', 'produce-batch@p'])
  })

  it('gives a slow peer fewer messages, never more than there are', () => {
    const slow = { label: 'send', args: { messages: 1000, warmup: 20 } }
    const peer = { name: 'p', label: 'Peer', command: 'node', argv: ['p.mjs'], tasks: { 'latency-send': slow } }
    const argsOf = (messages: string) => {
      const [family] = selectFamilies(families(readOptions(['--messages', messages])), ['latency-send'])
      return contestants(family, { program: '/c', peers: [peer], options }).at(-1)
    }
    expect(argsOf('5000')).toMatchObject({ label: 'Peer, send', args: { messages: 1000, warmup: 20 } })
    expect(argsOf('300')).toMatchObject({ args: { messages: 300, warmup: 20 } })
  })

  it('knows when there are too few messages for the transactions', () => {
    const short = readOptions(['--messages', '5999'])
    expect(starved(families(short), short)?.name).toBe('transact-1000')
    const enough = readOptions(['--messages', '6000'])
    expect(starved(families(enough), enough)).toBeUndefined()
  })

  it('tells what went wrong by the line of the error itself', () => {
    expect(reason('log\nerror: one\ntwo\nthree\nfour\n')).toBe('error: one | two | three')
    expect(reason('at x\nTypeError: no\n  at y')).toBe('TypeError: no |   at y')
    expect(reason('a\nb\nc\nd')).toBe('b | c | d')
  })

  it('names a wrong option, what is accepted, and takes --peers with and without names', () => {
    expect(() => readOptions(['--rounds', '0'])).toThrow("--rounds is '0'; it must be a whole number from 1")
    expect(() => readOptions(['--codec', 'brotli'])).toThrow(/must be none, gzip, snappy, lz4, zstd/)
    expect(() => readOptions(['--tree', 'x'])).toThrow(/NAME=DIRECTORY/)
    expect(readOptions(['--peers', '--rounds', '2'])).toMatchObject({ peers: ['all'], rounds: 2 })
    expect(readOptions(['--peers', 'a,b'])).toMatchObject({ peers: ['a', 'b'] })
    expect(readOptions(['consume'])).toMatchObject({ peers: undefined, scenarios: ['consume'] })
    expect(readOptions(['--only-peers'])).toMatchObject({ peers: ['all'], onlyPeers: true })
  })
})
