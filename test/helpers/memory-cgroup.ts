// A control group that bounds memory, as a container's does. Linux, by root only.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

const version1 = '/sys/fs/cgroup/memory'
const version2 = '/sys/fs/cgroup'
let made = 0

export interface MemoryCgroup extends Disposable {
  /** Who writes its process id here belongs to it. */
  readonly procs: string
  /** How often the kernel ended somebody for want of memory. */
  kills(): number
}

/** Undefined where this process may not make one. */
export function memoryCgroup(bytes: number): MemoryCgroup | undefined {
  const old = existsSync(`${version1}/memory.limit_in_bytes`)
  const directory = `${old ? version1 : version2}/odradek-test-${process.pid}-${made++}`
  try {
    mkdirSync(directory)
    // Swap would hide what does not fit; where it cannot be bounded there is none.
    const limits = old ? ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'] : ['memory.max', 'memory.swap.max']
    writeFileSync(`${directory}/${limits[0]}`, String(bytes))
    if (existsSync(`${directory}/${limits[1]}`)) writeFileSync(`${directory}/${limits[1]}`, String(old ? bytes : 0))
  } catch {
    return
  }
  const events = `${directory}/${old ? 'memory.oom_control' : 'memory.events'}`
  return {
    procs: `${directory}/cgroup.procs`,
    kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(events, 'utf8'))?.[1] ?? 0),
    [Symbol.dispose]: () => rmdirSync(directory),
  }
}
