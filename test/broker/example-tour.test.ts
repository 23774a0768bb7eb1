// examples/tour on real Kafka: every task, TLS and SCRAM included.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Example, root, scratch } from '../helpers/example.js'
import { createAuthority, startCluster } from '../helpers/kafka.js'

it('does every task', { timeout: 240_000 }, async () => {
  const authority = await createAuthority()
  onTestFinished(() => authority.dispose())
  const tls = { ...(await authority.issue('broker')), ca: authority.certificate }
  const cluster = await startCluster({
    listeners: { SASL_SSL: { protocol: 'SASL_SSL', tls, mechanisms: ['SCRAM-SHA-512'], users: { ann: 'secret' } } },
  })
  onTestFinished(() => cluster.stop())
  const ca = join(scratch(), 'ca.pem')
  writeFileSync(ca, authority.certificate)
  const tour = new Example([`${root}examples/tour/main.mjs`], {
    KAFKA_BROKERS: cluster.brokers,
    KAFKA_TLS_BROKERS: cluster.listeners.SASL_SSL,
    KAFKA_CA: ca,
    KAFKA_USERNAME: 'ann',
    KAFKA_PASSWORD: 'secret',
  })
  const { code } = await tour.ended
  expect(tour.output).not.toMatch(/needs|failed|Error/)
  const shown: Record<string, RegExp> = {
    'list-topics': /^tour: 4 partitions$/,
    'create-topic': /^created: 3 partitions, cleanup.policy=compact$/,
    'find-controller': /^controller: broker 1 at 127\.0\.0\.1:\d+, one of 1$/,
    'read-time-range': /^offset \d+: \S+Z$/,
    'watch-lag': /^a: 2 behind\nb: 1 behind\nc: 0 behind$/,
    'choose-balancer': /^murmur2 \(as Java\): 3 1 3 1\n.*3 1 3 1\n.*0 1 2 3\n.*0 1 2 3\n.*1 0 1 0$/,
    'tls-and-scram': /^sent to tour\/2 over TLS as ann$/,
    compression: /^none: sent \d+ %(.*\n)*zstd: sent [0-9] % of the bytes\nread 5000$/,
    'manual-commit': /committed: {4}first, second\nwhat is left: {10}third$/,
    'pause-and-resume': /^from 1\nfrom 0$/,
    statistics: /^1 message sent, a round trip takes [\d.]+ ms$/,
    logger: /tour \w+: .*->/,
  }
  const sections = tour.output
    .trim()
    .split(/\n*^(\S+)\.mjs\n/m)
    .slice(1)
  const said = Object.fromEntries(sections.flatMap((text, i) => (i % 2 ? [] : [[text, sections[i + 1].trim()]])))
  for (const [task, pattern] of Object.entries(shown)) expect(said[task], task).toMatch(pattern)
  const files = readdirSync(`${root}examples/tour`).filter((name) => name.endsWith('.mjs') && name !== 'main.mjs')
  expect(Object.keys(said).sort()).toEqual(files.map((name) => name.slice(0, -4)).sort())
  expect(code).toBe(0)
})
