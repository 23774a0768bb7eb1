// kill -9 of members in the middle of their work: what they handled, all together, has no hole. The hundred kills, and
// groups whose partitions move, are in test/stress/consumer-kill.test.ts.
import { it } from 'vitest'
import { bootstrapServers, createTopic, uniqueGroup, witness } from '../helpers/kafka.js'
import { killMembers } from '../helpers/killed-members.js'

const kills = 6
const partitions = 4

it(`handles every message though its members are killed ${kills} times`, { timeout: 180_000 }, async () => {
  await killMembers({
    ...{ kafka: await witness(), servers: bootstrapServers(), topic: await createTopic('kill', { partitions }) },
    ...{ partitions, group: uniqueGroup(), members: 2, kills },
    // Static: who was killed gets its partitions back at once.
    config: (member) => ({ 'group.instance.id': `member-${member}` }),
  })
})
