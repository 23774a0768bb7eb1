// Runs one program once and reads its line of JSON; notes what else the machine did meanwhile.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const TIMEOUT = 180_000

// In clock ticks of 10 ms, where Linux tells; undefined elsewhere.
function busyTicks() {
  const [user, nice, system, , , , , steal] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1)
  return [user, nice, system, steal].reduce((sum, ticks) => sum + Number(ticks), 0)
}

function processTicks(pid) {
  // After the name, which may hold anything: state is field 3; utime, stime, cutime, cstime are 14 to 17.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return { own: fields[11] + fields[12], children: fields[13] + fields[14] }
}

/** CPU time used by anybody but us, our (ended) children and the broker. */
function foreignTicks(brokerPid) {
  try {
    const self = processTicks('self')
    const broker = brokerPid ? processTicks(brokerPid).own : 0
    return busyTicks() - self.own - self.children - broker
  } catch {
    return Number.NaN
  }
}

function execute(command, argv, env) {
  return new Promise((resolve) => {
    const options = {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TIMEOUT,
      killSignal: 'SIGKILL',
    }
    const child = spawn(command, argv, options)
    const text = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text.out += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text.err += chunk
    })
    child.on('error', (error) => resolve({ error: error.message }))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(text)
      const how = signal === 'SIGKILL' ? `was killed after ${TIMEOUT / 1000} s` : `ended with ${signal ?? code}`
      resolve({ error: `${how}: ${reason(text.err)}` })
    })
  })
}

/** Three lines from the error's own on (messages may have more lines, or a stack), else the last three. */
export function reason(text) {
  const lines = text.trim().split('\n')
  const from = lines.findLastIndex((line) => /^\[?(error: |\w*Error\b)/.test(line))
  return (from < 0 ? lines.slice(-3) : lines.slice(from, from + 3)).join(' | ')
}

// Peers may log JSON of their own.
function parse(text) {
  const line = text.out
    .trim()
    .split('\n')
    .findLast((candidate) => candidate.startsWith('{"messages":'))
  if (!line) return { error: `printed no result: ${text.err.trim().slice(-300)}` }
  const result = JSON.parse(line)
  if (result.seconds) result.rate = result.messages / result.seconds
  if (result.cpuMicros) result.cpu = result.cpuMicros / result.messages
  return result
}

/**
 * @param {import('./contestants.mjs').Contestant} contestant
 * @param {Record<string, string | number>} args
 * @param {number | undefined} brokerPid
 */
export async function runOnce(contestant, args, brokerPid) {
  const argv = Object.entries(args).map(([name, value]) => `${name}=${value}`)
  const before = { at: performance.now(), foreign: foreignTicks(brokerPid) }
  const text = await execute(contestant.command, [...contestant.argv, ...argv], contestant.env)
  const elapsed = (performance.now() - before.at) / 1000
  const result = text.error ? { error: text.error } : parse(text)
  const foreign = (foreignTicks(brokerPid) - before.foreign) / 100
  if (!Number.isNaN(foreign)) result.foreignCpu = Math.max(0, foreign) / (elapsed * availableParallelism())
  return result
}
