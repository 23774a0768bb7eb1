// Every example of the documentation is run, on the embedded cluster; those that administer a cluster, on real Kafka:
// test/broker/documentation.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MockCluster, Producer } from 'odradek'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { createAuthority } from '../../scripts/kafka/certificates.mjs'
import { type Compiled, compileExamples, examples } from '../helpers/documentation.js'
import { needsKafka, prepareToRun, runExample, type Surroundings } from '../helpers/documentation-run.js'

const all = examples().filter((example) => !needsKafka(example))
const directory = mkdtempSync(join(tmpdir(), 'odradek-documentation-'))
const surroundings: Surroundings = { brokers: '', files: {}, texts: {} }
let compiled: Compiled

beforeAll(async () => {
  compiled = await compileExamples('documentation-mock', all)
  prepareToRun(compiled)
  const authority = await createAuthority()
  const client = await authority.issue('orders-service')
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  surroundings.files = {
    '/etc/company/ca.pem': file('ca.pem', authority.certificate),
    'client.p12': file('client.p12', await authority.pkcs12(client, 'password')),
    'https://id.example.com/oauth2/token': 'http://127.0.0.1:9/',
  }
  surroundings.texts = { 'company-ca.pem': authority.certificate, 'client.pem': client.certificate }
  const variables = { KAFKA_PASSWORD: 'p', CLIENT_SECRET: 's', CLIENT_KEY: client.key, CLIENT_KEY_PASSWORD: 'p' }
  Object.assign(process.env, variables)
  await authority.dispose()
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A cluster with what the examples read and write. */
async function filled(code: string) {
  const cluster = new MockCluster({ brokers: 3 })
  for (const topic of [
    'orders',
    'clicks',
    'flights',
    'ledger',
    'audit.log',
    'orders.dlq',
    'delays',
    'delays-by-airport',
  ]) {
    await cluster.createTopic(topic, { partitions: topic === 'orders' ? 6 : 1, replicationFactor: 3 })
  }
  await using producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  const order = JSON.stringify({ id: 'a', amount: 1 })
  const timestamp = Date.parse('2026-11-01T12:00:00Z')
  for (let partition = 0; partition < 6 && !code.includes('avro<'); partition++) {
    await producer.send({ topic: 'orders', partition, key: 'a', value: order, timestamp })
  }
  await producer.sendBatch('clicks', [{ value: '{}' }])
  await producer.sendBatch('audit.log', [{ value: '{}' }])
  await producer.sendBatch('flights', [{ value: '{"origin":"VIE"}' }])
  return cluster
}

describe('runs', () => {
  for (const [index, { place, code }] of all.entries()) {
    test(place, async () => {
      await using cluster = await filled(code)
      await runExample(compiled.files[index]!, code, { ...surroundings, brokers: cluster.bootstrapServers })
    })
  }
})
