// What the benchmark's programs for Node share, the peers' included: name=value arguments, the payloads, the measured
// window, the line of JSON. The C program's common.c is the same thing.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** The task and the arguments; `conf.<property>=<value>` are librdkafka's. */
export function readArguments(argv = process.argv.slice(2)) {
  const [task, ...rest] = argv
  const args = { task, conf: {} }
  for (const text of rest) {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? fail(`${text} is not name=value`)
    const typed = /^\d+$/.test(value) ? Number(value) : value === 'false' || value === 'true' ? value === 'true' : value
    if (name.startsWith('conf.')) args.conf[name.slice(5)] = typed
    else args[name] = typed
  }
  return args
}

export function fail(message) {
  console.error(`error: ${message}`)
  process.exit(1)
}

const pool = 1000

const types = ['create', 'update', 'delete']

/**
 * Keys (strings) and values (Buffers), `pool` of each, and the headers `trace` and `type` (strings) of messages with
 * headers; the same bytes for every program.
 */
export function readPayloads({ payload, size }) {
  const bytes = readFileSync(payload)
  const values = Array.from({ length: pool }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const keys = values.map((_, i) => `k${String(i).padStart(7, '0')}`)
  const hex = (number) => number.toString(16).padStart(8, '0')
  const traces = values.map((_, i) => hex(Math.imul(i, 2654435761) >>> 0) + hex(i))
  return { keys, values, traces, types: values.map((_, i) => types[i % types.length]), pool }
}

/** Elapsed time, CPU time of the whole process and delay of this thread's event loop between start() and stop(). */
export class Window {
  // A timer every 2 ms: fine enough to see 10 ms, too rare to cost anything.
  #delay = monitorEventLoopDelay({ resolution: 2 })
  #parties
  #start
  #end

  /** From the first start() to the last stop() of so many. */
  constructor(parties = 1) {
    this.#parties = parties
  }

  #moment() {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    // performance.now() begins anew in each worker thread.
    return { at: Number(process.hrtime.bigint()) / 1e6, cpu: userCPUTime + systemCPUTime }
  }

  start() {
    if (this.#start) return
    this.#delay.enable()
    this.#start = this.#moment()
  }

  stop() {
    if (--this.#parties > 0) return
    this.#end = this.#moment()
    this.#delay.disable()
  }

  result() {
    return {
      start: this.#start,
      end: this.#end,
      // The histogram holds the intervals between turns of the timer, so the timer's own 2 ms are taken away.
      loopDelayP99: Math.max(0, this.#delay.percentile(99) / 1e6 - 2),
      loopDelayMax: Math.max(0, this.#delay.max / 1e6 - 2),
    }
  }

  print(messages) {
    printThroughput(messages, [this.result()])
  }
}

/** The windows (their results) of all threads as one, with the delay of the loop that was worst. */
export function mergeWindows(windows) {
  const [start] = windows.map((window) => window.start).sort((a, b) => a.at - b.at)
  const [end] = windows.map((window) => window.end).sort((a, b) => b.at - a.at)
  const worst = (name) => Math.max(...windows.map((window) => window[name]))
  return {
    seconds: (end.at - start.at) / 1000,
    cpuMicros: end.cpu - start.cpu,
    loopDelayP99: worst('loopDelayP99'),
    loopDelayMax: worst('loopDelayMax'),
  }
}

export function printThroughput(messages, windows) {
  print({ messages, ...mergeWindows(windows) })
}

/** @param {Float64Array} micros */
export function printLatency(micros) {
  micros.sort()
  const at = (fraction) => micros[Math.min(micros.length - 1, Math.floor(micros.length * fraction))]
  print({ messages: micros.length, p50: at(0.5), p99: at(0.99) })
}

function print(result) {
  console.log(JSON.stringify({ ...result, rssKiB: peakRss(), node: process.version }))
}

/** Not resourceUsage().maxRSS, which on Linux counts what the parent had when it forked. */
function peakRss() {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
  } catch {
    return process.resourceUsage().maxRSS
  }
}
