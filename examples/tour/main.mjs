// Runs the tour, or the tasks that are named: node examples/tour/main.mjs [task …]
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { AdminClient, MockCluster } from 'odradek'

const tasks = {
  'list-topics': {},
  'create-topic': { real: true },
  'find-controller': {},
  'read-time-range': { real: true },
  'watch-lag': {},
  'choose-balancer': {},
  'tls-and-scram': { variable: 'KAFKA_TLS_BROKERS' },
  compression: {},
  'manual-commit': {},
  'pause-and-resume': {},
  statistics: {},
  logger: {},
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(tasks)
const unknown = names.find((name) => !tasks[name])
if (unknown) {
  console.error(`There is no task '${unknown}'. There are: ${Object.keys(tasks).join(', ')}`)
  process.exit(1)
}

const given = process.env.KAFKA_BROKERS
const kafka = given ? new AdminClient({ 'bootstrap.servers': given }) : new MockCluster()
if (given) await kafka.ready()
await kafka.ensureTopics([{ topic: 'tour', numPartitions: 4 }])
const env = { ...process.env, KAFKA_BROKERS: given || kafka.bootstrapServers }

for (const name of names) {
  console.log(`\n${name}.mjs`)
  const { real, variable } = tasks[name]
  if (real && !given) console.log('  needs a Kafka, set KAFKA_BROKERS: the embedded cluster cannot do this')
  else if (variable && !process.env[variable]) console.log(`  needs ${variable}: see its first lines`)
  else {
    const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url))
    const child = spawn(process.execPath, [file], { env, stdio: 'inherit' })
    const code = await new Promise((resolve) => child.on('exit', resolve))
    if (code !== 0) {
      console.error(`  ${name}.mjs has failed`)
      process.exitCode = 1
    }
  }
}
await kafka.close()
