// Kafka's own command-line tools, each in a JVM of its own (about a second): for what the witness does not do.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { javaArguments } from './node.mjs'

/** Short names, as Kafka's shell scripts have them. */
const TOOLS = {
  'kafka-acls': 'org.apache.kafka.tools.AclCommand',
  'kafka-broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-share-consumer': 'org.apache.kafka.tools.consumer.ConsoleShareConsumer',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-features': 'org.apache.kafka.tools.FeatureCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-groups': 'org.apache.kafka.tools.GroupsCommand',
  'kafka-leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'kafka-metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-share-groups': 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
}

/**
 * Runs one tool with `--bootstrap-server` and returns its standard output.
 * @param {import('./obtain.mjs').Kafka} kafka
 * @param {string} bootstrap
 * @param {string} name one of the names above
 * @param {string[]} args
 * @param {{ input?: string, timeout?: number }} [options]
 * @returns {Promise<string>}
 */
export function runTool(kafka, bootstrap, name, args, { input = '', timeout = 60_000 } = {}) {
  const program = TOOLS[name]
  if (!program) throw new TypeError(`"${name}" is not a tool of Kafka; there are ${Object.keys(TOOLS).join(', ')}`)
  const temporary = join(tmpdir(), 'odradek-kafka-tools')
  mkdirSync(temporary, { recursive: true })
  const java = javaArguments(kafka, { log: join(temporary, `${name}.log`), temporary })
  return new Promise((resolve, reject) => {
    const command = [...java, program, '--bootstrap-server', bootstrap, ...args]
    const child = spawn(kafka.java, command, { stdio: 'pipe', timeout, killSignal: 'SIGKILL' })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(out)
      reject(new Error(`${name} ${args.join(' ')} ended with ${signal ?? `exit code ${code}`}: ${(err + out).trim()}`))
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}
