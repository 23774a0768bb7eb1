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

/** Keys (strings) and values (Buffers), `pool` of each; the same bytes for every program. */
export function readPayloads({ payload, size }) {
  const bytes = readFileSync(payload)
  const values = Array.from({ length: pool }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const keys = values.map((_, i) => `k${String(i).padStart(7, '0')}`)
  return { keys, values, pool }
}

/** Elapsed time, CPU time of the whole process and delay of the event loop between start() and stop(). */
export class Window {
  // A timer every 2 ms: fine enough to see 10 ms, too rare to cost anything.
  #delay = monitorEventLoopDelay({ resolution: 2 })
  #start
  #end

  #moment() {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    return { at: performance.now(), cpu: userCPUTime + systemCPUTime }
  }

  start() {
    this.#delay.enable()
    this.#start = this.#moment()
  }

  stop() {
    this.#end = this.#moment()
    this.#delay.disable()
  }

  print(messages) {
    print({
      messages,
      seconds: (this.#end.at - this.#start.at) / 1000,
      cpuMicros: this.#end.cpu - this.#start.cpu,
      // The histogram holds the intervals between turns of the timer, so the timer's own 2 ms are taken away.
      loopDelayP99: Math.max(0, this.#delay.percentile(99) / 1e6 - 2),
      loopDelayMax: Math.max(0, this.#delay.max / 1e6 - 2),
    })
  }
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
