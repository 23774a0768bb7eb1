// One writer at a time for a build tree or a download, across processes; a lock whose owner died is taken over.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CACHE } from './run.mjs'

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function tryLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  let owner
  try {
    owner = Number(readFileSync(file, 'utf8'))
  } catch {
    return false
  }
  // An empty file is a lock being written just now; pid 0 would mean our own process group.
  if (owner > 0 && !alive(owner)) rmSync(file, { force: true })
  return false
}

/**
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function withLock(name, action) {
  const directory = join(CACHE, 'locks')
  mkdirSync(directory, { recursive: true })
  const file = join(directory, `${name}.lock`)
  for (let turns = 0; !tryLock(file); turns++) {
    if (turns === 30) console.error(`  (waiting for another process that holds ${name})`)
    await sleep(100)
  }
  const release = () => rmSync(file, { force: true })
  process.on('exit', release)
  try {
    return await action()
  } finally {
    process.off('exit', release)
    release()
  }
}
