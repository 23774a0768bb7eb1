// examples/notifications on real Kafka: kill -9 of both services while people write; the receivers are the witnesses.
import { expect, it } from 'vitest'
import { Post } from '../helpers/example-notifications.js'
import { bootstrapServers } from '../helpers/kafka.js'
import { waitFor } from '../helpers/wait.js'

it('loses no notification, whatever is killed', { timeout: 180_000 }, async () => {
  const post = new Post(bootstrapServers(), 7183)
  await post.ready()
  const writers = post.writers(6)
  for (const service of ['worker', 'api', 'worker', 'api'] as const) {
    const [sent, received] = [post.count, post.received]
    await waitFor('they are taken and delivered', () => post.count > sent + 50 && post.received > received + 20, 60_000)
    await post.kill(service)
  }
  post.leave()
  await writers
  await post.check()
  expect(post.count).toBeGreaterThan(200)
  expect(post.refused).toBeGreaterThan(0)
  expect(await post.program.stop()).toBe(0)
})
