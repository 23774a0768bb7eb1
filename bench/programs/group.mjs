// Four members of one group read a preloaded topic together: all in this thread, or each in a worker thread.
//
// Joining is not what is measured, and nobody may have fetched before it is over. So who is given partitions before all
// four are there starts at their end, where there is nothing; who is given its last share waits in its hook for the
// others, and starts at the beginning. A share tells which it is: with a multiple of 12 partitions one to four members
// have shares of different sizes, each member of them the same. The clock runs from the first message of any member to
// the last of all. bench/c/group.c does the same.
import { Worker } from 'node:worker_threads'
import { fail, printThroughput } from './common.mjs'
import { check, touchValue } from './consume.mjs'
import { members, runMembers } from './group-member.mjs'

/** Calls of what it returns resolve when there have been as many as there are members; for any number of times. */
function newBarrier() {
  let waiting = []
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve)
      if (waiting.length < members) return
      for (const go of waiting) go()
      waiting = []
    })
}

/** One member in a worker thread, which gets this program's arguments. */
function runWorker(way, arrive) {
  const program = new URL('group-member.mjs', import.meta.url)
  const worker = new Worker(program, { argv: process.argv.slice(2), workerData: way })
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a worker ended with ${code}, and no result`)))
    worker.on('message', ({ arrived, failed, result }) => {
      if (arrived) arrive().then(() => worker.postMessage('go'))
      else if (failed) fail(failed)
      else resolve(result)
    })
  })
}

async function consumeGroup(threads) {
  const results = await Promise.all(threads)
  const sum = (name) => results.reduce((total, result) => total + result[name], 0)
  const count = sum('count')
  check({ count, touched: sum('touched') }, touchValue)
  printThroughput(
    count,
    results.map(({ window }) => window),
  )
}

function workers(way) {
  const arrive = newBarrier()
  return Array.from({ length: members }, () => runWorker(way, arrive))
}

const thisThread = (way) => [runMembers(way, members, { arrive: newBarrier(), fail })]

export const groupTasks = {
  'consume-group-for-await': () => consumeGroup(thisThread('forAwait')),
  'consume-group-batches': () => consumeGroup(thisThread('batches')),
  'consume-group-workers-for-await': () => consumeGroup(workers('forAwait')),
  'consume-group-workers-batches': () => consumeGroup(workers('batches')),
}
