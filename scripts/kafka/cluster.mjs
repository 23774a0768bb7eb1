// A local Kafka of one or more nodes (KRaft), each node broker and controller, so that any one of three can be killed.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nodeProperties, scramArguments } from './config.mjs'
import { removeDirectory, removeLeftovers, runDirectory } from './directories.mjs'
import { waitForBrokers } from './metadata.mjs'
import { KafkaNode } from './node.mjs'
import { obtainKafka } from './obtain.mjs'
import { freePorts } from './ports.mjs'
import { runTool } from './tools.mjs'

/** Kept, or new: 16 bytes in base64url; a leading "-" would be an option on Kafka's command line. */
function clusterIdOf(directory) {
  const kept = join(directory, 'node-1', 'data', 'meta.properties')
  if (existsSync(kept)) return /^cluster\.id=(.+)$/m.exec(readFileSync(kept, 'utf8'))[1]
  let id
  do id = randomBytes(16).toString('base64url')
  while (id.startsWith('-'))
  return id
}

/** A node whose start() settles when it also knows the brokers that are up. */
class ClusterNode extends KafkaNode {
  async start() {
    await super.start()
    await waitForBrokers(`127.0.0.1:${this.port}`, [this.id])
  }
}

async function assignPorts(brokers, listeners) {
  const names = ['CONTROLLER', 'PLAINTEXT', ...Object.keys(listeners)]
  const free = await freePorts(brokers * names.length)
  return Array.from({ length: brokers }, () => Object.fromEntries(names.map((name) => [name, free.pop()])))
}

/** Kafka fetches signing keys only from where its JVM was told it may, and Java knows of no KRB5_CONFIG. */
function jvmArguments(listeners, krb5Config) {
  const urls = Object.values(listeners).flatMap(({ oidc }) => (oidc ? [oidc.jwksUrl] : []))
  return [
    ...(urls.length > 0 ? [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${urls.join(',')}`] : []),
    ...(krb5Config ? [`-Djava.security.krb5.conf=${krb5Config}`] : []),
  ]
}

function createNodes(kafka, options, ports, directory) {
  const { listeners = {}, config, acls, jvm, dir, krb5Config } = options
  const voters = ports.map((of, i) => `${i + 1}@127.0.0.1:${of.CONTROLLER}`).join(',')
  const shared = {
    clusterId: clusterIdOf(directory),
    format: scramArguments(listeners),
    jvmArguments: jvmArguments(listeners, krb5Config),
    keep: dir !== undefined,
    jvm,
  }
  return ports.map((of, i) => {
    const id = i + 1
    const home = join(directory, `node-${id}`)
    const where = { id, nodes: ports.length, ports: of, voters, directory: join(home, 'data') }
    const properties = nodeProperties({ ...where, listeners, acls, config })
    return new ClusterNode(kafka, { ...shared, id, port: of.PLAINTEXT, directory: home, properties })
  })
}

/**
 * @param {object} [options]
 * @param {1 | 3} [options.brokers]
 * @param {Record<string, import('./config.mjs').Listener>} [options.listeners] beside PLAINTEXT, which is always there
 * @param {boolean | { superUsers: string[] }} [options.acls] turn the authorizer on; ANONYMOUS (the plain listener) is a super user
 * @param {Record<string, string | number | boolean>} [options.config] broker properties
 * @param {string} [options.dir] where to keep the data; without it, it is gone after stop()
 * @param {string} [options.krb5Config] a krb5.conf, for listeners with GSSAPI
 * @param {'quick' | 'throughput'} [options.jvm]
 * @param {(line: string) => void} [options.log]
 */
export async function startCluster(options = {}) {
  const { brokers = 1, listeners = {}, dir, log } = options
  if (brokers !== 1 && brokers !== 3) throw new TypeError(`brokers is ${brokers}, accepted are 1 and 3`)
  const kafka = await obtainKafka({ log })
  removeLeftovers()
  const directory = dir ? resolve(dir) : runDirectory()
  mkdirSync(directory, { recursive: true })
  const ports = await assignPorts(brokers, listeners)
  const bootstrap = (name) => ports.map((of) => `${listeners[name]?.host ?? '127.0.0.1'}:${of[name]}`).join(',')
  const nodes = createNodes(kafka, options, ports, directory)
  const ids = nodes.map((node) => node.id)

  /** Kills, since nobody reads the data again; nodes that shut down in turn would wait for the quorum they no longer have. */
  const stop = async () => {
    await Promise.all(nodes.filter((node) => node.pid !== undefined).map((node) => node.kill()))
    if (!dir) removeDirectory(directory)
  }
  try {
    await Promise.all(nodes.map((node) => node.start()))
    await Promise.all(nodes.map((node) => waitForBrokers(`127.0.0.1:${node.port}`, ids)))
  } catch (error) {
    await stop()
    throw error
  }
  const names = ['PLAINTEXT', ...Object.keys(listeners)]
  const brokersList = bootstrap('PLAINTEXT')
  return {
    version: kafka.version,
    brokers: brokersList,
    listeners: Object.fromEntries(names.map((name) => [name, bootstrap(name)])),
    nodes,
    directory,
    /** @param {string} name @param {string[]} args @param {{ input?: string, timeout?: number }} [toolOptions] */
    tools: (name, args, toolOptions) => runTool(kafka, brokersList, name, args, toolOptions),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
