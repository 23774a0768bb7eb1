// Where running nodes keep their data, and the removal of what a killed test run left.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '../lib/run.mjs'

const RUN = join(CACHE, 'kafka', 'run')

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** A number may belong to another process by now: only one that has the directory on its command line is ours. */
function isNodeOf(pid, directory) {
  const file = `/proc/${pid}/cmdline`
  return existsSync(file) && readFileSync(file, 'utf8').includes(directory)
}

function removeLeftover(directory) {
  for (const node of readdirSync(directory)) {
    const file = join(directory, node, 'pid')
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0
    if (pid > 0 && isNodeOf(pid, directory)) process.kill(pid, 'SIGKILL')
  }
  removeDirectory(directory)
}

/**
 * Removes the directories whose owner is gone. Nodes end with their owner by themselves; one that was paused
 * (SIGSTOP) at that moment cannot, and is killed here.
 */
export function removeLeftovers() {
  if (!existsSync(RUN)) return
  for (const name of readdirSync(RUN)) {
    const owner = Number(name.split('-')[0])
    if (!(owner > 0) || alive(owner)) continue
    try {
      removeLeftover(join(RUN, name))
    } catch (error) {
      // Its nodes, or another start, are ending and removing the same at this moment.
      if (!['ENOENT', 'ENOTEMPTY', 'ESRCH'].includes(error.code)) throw error
    }
  }
}

/** A new directory that belongs to a process: this one, usually. */
export function runDirectory(owner = process.pid) {
  mkdirSync(RUN, { recursive: true })
  return mkdtempSync(join(RUN, `${owner}-`))
}

/** The pid of a node, for removeLeftovers(). */
export function notePid(directory, pid) {
  writeFileSync(join(directory, 'pid'), String(pid))
}

/** Again if need be: a process that was just killed may have a file half created. */
export function removeDirectory(directory) {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}
