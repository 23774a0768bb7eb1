// examples/notifications: a burst of 10,000, and brokers that restart while services are killed.
import { Agent, request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Post } from '../helpers/example-notifications.js'
import { startCluster, witness } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

let cluster: Awaited<ReturnType<typeof startCluster>>
beforeAll(async () => {
  cluster = await startCluster({ brokers: 3, config: { 'default.replication.factor': 3, 'min.insync.replicas': 2 } })
})
afterAll(() => cluster?.stop())

it('loses no notification while every broker restarts and both services are killed', { timeout: 400_000 }, async () => {
  const post = new Post(cluster.brokers, 7193)
  await post.ready()
  const kafka = (await witness()).at(cluster.brokers)
  const writers = post.writers(6)
  const goesOn = async () => {
    const [sent, received] = [post.count, post.received]
    await waitFor('they are taken and delivered', () => post.count > sent + 50 && post.received > received + 20, 90_000)
  }
  await goesOn()
  for (const [i, node] of cluster.nodes.entries()) {
    await (i % 2 ? node.kill() : node.stop())
    await post.kill(i % 2 ? 'api' : 'worker')
    await goesOn()
    await node.start()
    await waitFor(
      'all replicas in sync',
      async () => {
        const { partitions } = await kafka.describeTopic('notifications')
        return partitions.every(({ isr }) => isr.length === 3)
      },
      60_000,
    )
    await post.kill(i % 2 ? 'worker' : 'api')
    await goesOn()
  }
  post.leave()
  await writers
  await post.check()
  expect(await post.program.stop()).toBe(0)
})

it('takes a burst of 10,000 without becoming slow', { timeout: 200_000 }, async () => {
  const [count, connections] = [10_000, 64]
  const post = new Post(cluster.brokers, 7195)
  await post.ready()
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const notify = (number: number) =>
    new Promise<number>((resolve, reject) => {
      const body = JSON.stringify({ sender: 'alice', recipient: 'bob', message: `number ${number}` })
      const from = performance.now()
      const sent = request({ agent, port: 7195, path: '/notify', method: 'POST' }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => {
          if (response.statusCode !== 202) return reject(new Error(`${response.statusCode} ${text}`))
          post.confirmed.get('bob')?.push(JSON.parse(text).id)
          resolve(performance.now() - from)
        })
      })
      sent.on('error', reject).end(body)
    })
  const burst = async (total: number) => {
    const times: number[] = []
    const from = performance.now()
    let next = 0
    const one = async () => {
      while (next < total) times.push(await notify(next++))
    }
    await Promise.all(Array.from({ length: connections }, one))
    const [p50, p99] = [0.5, 0.99].map((part) => times.sort((a, b) => a - b)[Math.floor((total - 1) * part)])
    return { p50, p99, rate: Math.round((total / (performance.now() - from)) * 1000) }
  }
  await burst(1_000)
  const { p50, p99, rate } = await burst(count)
  console.log(`${count} notifications: ${rate}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  agent.destroy()
  // What would be slow on any machine.
  expect(p99).toBeLessThan(2_000)
  await post.check()
  expect(await post.program.stop()).toBe(0)
})
