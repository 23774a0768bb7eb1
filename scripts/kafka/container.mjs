// Kafka in a container of the local image that build-image.mjs makes, by testcontainers.
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../lib/run.mjs'
import { formatProperties, nodeProperties } from './config.mjs'
import { IMAGE, LIFELINE_PORT } from './image.mjs'
import { waitForBrokers } from './metadata.mjs'

const PORTS = { PLAINTEXT: 9092, CONTROLLER: 9093, INTERNAL: 9094 }
const LABEL = 'odradek.kafka'

/** Where an engine can be found, cheaply: loading testcontainers only to hear that there is none takes a second. */
function engineMayRun() {
  if (process.env.DOCKER_HOST || existsSync(join(homedir(), '.testcontainers.properties'))) return true
  const user = process.env.XDG_RUNTIME_DIR ? [join(process.env.XDG_RUNTIME_DIR, 'docker.sock')] : []
  return ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock'), ...user].some((path) => existsSync(path))
}

export async function engine() {
  // Its helper container Ryuk would have to be pulled; the lifeline ends ours when this process dies.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true'
  const { getContainerRuntimeClient } = await import('testcontainers')
  return (await getContainerRuntimeClient()).container.dockerode
}

/** @returns {Promise<{ image?: string, why?: string }>} the image to use, or why there is none */
export async function findImage() {
  const named = process.env.ODRADEK_KAFKA_IMAGE
  const image = named ?? IMAGE
  const none = (why) => {
    if (!named) return { why }
    throw new UserError(
      `ODRADEK_KAFKA_IMAGE is "${named}", but there is ${why}.\n    node scripts/kafka/build-image.mjs builds ${IMAGE}.`,
    )
  }
  if (!engineMayRun()) return none('no Docker engine')
  let docker
  try {
    docker = await engine()
  } catch {
    return none('no Docker engine that answers')
  }
  try {
    await docker.getImage(image).inspect()
    return { image }
  } catch (error) {
    if (error.statusCode === 404) return none(`no Docker image ${image}`)
    throw error
  }
}

/** Those of runs that were killed: the lifeline has ended them, but nobody has removed them. */
async function removeLeftovers() {
  const docker = await engine()
  const filters = { label: [LABEL], status: ['exited', 'dead'] }
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true })
  }
}

/** Sends the configuration and waits for "ready"; the connection stays open as long as the broker is to live. */
function configure(host, port, properties) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the Kafka container ended before it was ready')))
    socket.once('connect', () => socket.write(`${formatProperties(properties)}end\n`))
    socket.on('data', (chunk) => {
      text += chunk
      if (text.includes('ready\n')) resolve(socket)
    })
  })
}

/** @param {string} image */
export async function startContainer(image) {
  await removeLeftovers()
  const { GenericContainer, Wait } = await import('testcontainers')
  let output = ''
  const container = await new GenericContainer(image)
    .withExposedPorts(PORTS.PLAINTEXT, LIFELINE_PORT)
    .withLabels({ [LABEL]: 'node' })
    .withLogConsumer((stream) => {
      stream.on('data', (line) => {
        output = (output + line).slice(-2000)
      })
    })
    .withWaitStrategy(Wait.forLogMessage('waiting for the configuration'))
    .start()
  const host = container.getHost() === 'localhost' ? '127.0.0.1' : container.getHost()
  const brokers = `${host}:${container.getMappedPort(PORTS.PLAINTEXT)}`
  const voters = `1@127.0.0.1:${PORTS.CONTROLLER}`
  const where = { ports: PORTS, bind: '0.0.0.0', outside: brokers, voters, directory: '/data' }
  try {
    const lifeline = await configure(
      host,
      container.getMappedPort(LIFELINE_PORT),
      nodeProperties({ id: 1, nodes: 1, ...where }),
    )
    await waitForBrokers(brokers, [1])
    const stop = async () => {
      lifeline.removeAllListeners('close').destroy()
      await container.stop({ timeout: 0 })
    }
    return { brokers, stop }
  } catch (error) {
    await container.stop({ timeout: 0 })
    throw new Error(`${error.message}. Its last output:\n${output}`, { cause: error })
  }
}
