// The benchmark: `npm run bench`. The same work by a C program on an unmodified build of the same librdkafka and by this
// package, in turn, in processes of their own, against one real broker. docs/benchmarks.md says how to read it.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { dirname } from 'node:path'
import { buildTypeScript } from '../scripts/build.mjs'
import { buildNative } from '../scripts/build-native.mjs'
import { main, ROOT, UserError } from '../scripts/lib/run.mjs'
import { buildC } from './build.mjs'
import { contestants } from './contestants.mjs'
import { makeTopics, openBroker, task, writePayloads } from './kafka.mjs'
import { readOptions, usage } from './options.mjs'
import { findPeers } from './peers.mjs'
import { isNoisy, noiseNote, table } from './report.mjs'
import { runOnce } from './runner.mjs'
import { consumerDefaults, families, scenarioNames, selectFamilies, starved } from './scenarios.mjs'
import { summarize } from './statistics.mjs'

const log = (line) => console.error(line)

function check(options) {
  const all = families(options)
  const names = scenarioNames(all)
  const unknown = options.scenarios.find((name) => !names.includes(name))
  if (unknown) throw new UserError(`there is no scenario '${unknown}'; there are ${names.join(', ')}`)
  const short = starved(selectFamilies(all, options.scenarios), options)
  if (!short) return
  throw new UserError(`--messages is '${options.messages}'; ${short.name} needs at least ${short.leastMessages}`)
}

async function build() {
  // As when it is loaded: a file that is named is the one that is measured.
  if (!process.env.ODRADEK_ADDON) await buildNative()
  await buildTypeScript()
  const program = await buildC(log)
  const { defaultOverrides } = await import('../dist/internals.js')
  return { program, defaults: consumerDefaults(defaultOverrides) }
}

/** One contestant once: a topic of its own, or the preloaded one in a group of its own. */
async function runContestant(contestant, family, setup) {
  const { options, topics, broker } = setup
  const { release, ...taken } = await topics.take(family)
  const conf = Object.fromEntries(Object.entries(family.conf).map(([name, value]) => [`conf.${name}`, value]))
  const shared = { brokers: broker.brokers, ...taken, size: options.size, payload: setup.payload }
  const args = { ...shared, ...family.args, ...contestant.args, group: topics.group() }
  const result = await runOnce(contestant, { ...args, ...conf }, broker.pid)
  const wrong = result.error ? undefined : await findWrong(setup.program, family, args)
  await release()
  return wrong ? { error: wrong, foreignCpu: result.foreignCpu } : result
}

/** A figure counts only when the records are on the broker: why it does not, or undefined. */
async function findWrong(program, { verify }, { brokers, topic, output, group, messages, batch }) {
  if (!verify) return undefined
  try {
    await task(program, verify, { brokers, topic, messages, ...(output && { output, group, batch }) })
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return error.message
  }
}

/** In each round another one begins, so that none always runs on what the one before it has left behind. */
function inTurn(list, round) {
  const first = round % list.length
  return [...list.slice(first), ...list.slice(0, first)]
}

async function runRounds(setup) {
  const { options, wanted } = setup
  const all = wanted.map((family) => ({
    family,
    results: contestants(family, setup).map((contestant) => ({ contestant, rounds: [] })),
  }))
  for (let round = -options.warmup; round < options.rounds; round++) {
    log(
      round < 0
        ? `warm-up ${round + options.warmup + 1} of ${options.warmup}`
        : `round ${round + 1} of ${options.rounds}`,
    )
    for (const { family, results } of all) {
      for (const entry of inTurn(results, round + options.warmup)) {
        const result = await runContestant(entry.contestant, family, setup)
        log(`  ${entry.contestant.label}: ${brief(result, family.unit)}`)
        if (round >= 0) entry.rounds.push(result)
      }
    }
  }
  return all.map(({ family, results }) => ({
    family,
    results: results.map(({ contestant: { id, label }, rounds }) => {
      return { id, label, summary: summarize(rounds, results[0].rounds), rounds }
    }),
  }))
}

function brief({ error, rate, cpu, p50, p99 }, unit = 'messages') {
  if (error) return `failed: ${error}`
  if (p50) return `p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs`
  return `${Math.round(rate).toLocaleString('en')} ${unit}/s, ${cpu.toFixed(3)} µs CPU each`
}

function describe(options, broker) {
  let commit
  try {
    commit = execFileSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, encoding: 'utf8' }).trim()
  } catch {
    commit = undefined
  }
  const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), load: loadavg() }
  return { date: new Date().toISOString(), commit, node: process.version, kafka: broker.version, machine, options }
}

function writeJson(file, meta, all) {
  mkdirSync(dirname(file), { recursive: true })
  const results = all.map(({ family, results }) => ({ family: family.name, title: family.title, results }))
  writeFileSync(file, `${JSON.stringify({ ...meta, results }, null, 1)}\n`)
}

await main(import.meta.url, async (argv) => {
  const options = readOptions(argv)
  if (options.help) return console.log(usage)
  check(options)
  const peers = findPeers(options.peers)
  const { program, defaults } = await build()
  const wanted = selectFamilies(families(options, defaults), options.scenarios)
  const broker = await openBroker({ brokers: options.brokers, log })
  try {
    const payload = writePayloads(options.size)
    const meta = describe(options, broker)
    const topics = makeTopics({ program, brokers: broker.brokers, payload, options })
    for (const { preloaded } of wanted) {
      if (!preloaded || topics.isPreloaded(preloaded)) continue
      log(`Preloading ${options.messages.toLocaleString('en')} messages (${preloaded.name})`)
      await topics.preload(preloaded)
    }
    const all = await runRounds({ options, wanted, program, peers, payload, topics, broker })
    console.log(
      `\nMedians of ${options.rounds} rounds (and their range); ratios are to the C program in the same round.`,
    )
    for (const each of all) console.log(`\n${table(each)}`)
    if (isNoisy(all)) console.log(`\n${noiseNote}`)
    if (options.json) writeJson(options.json, meta, all)
    if (all.some(({ results }) => results.some(({ summary }) => summary.errors.length > 0))) process.exitCode = 1
    await topics.removeAll()
  } finally {
    await broker.stop()
  }
})
