// Builds the Docker image of the tests' Kafka without pulling anything: a root file system of a small Java runtime
// (jlink), the C libraries that it needs, and the same verified jars. `node scripts/kafka/build-image.mjs`
import { execFile, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withLock } from '../lib/lock.mjs'
import { main, run, seconds, UserError } from '../lib/run.mjs'
import { engine } from './container.mjs'
import { IMAGE, LIFELINE_PORT } from './image.mjs'
import { findJava } from './java.mjs'
import { KAFKA_DIRECTORY, obtainKafka } from './obtain.mjs'

// java.desktop for java.beans, which log4j refers to.
const MODULES = [
  'java.base java.desktop java.instrument java.logging java.management java.naming java.net.http java.rmi java.scripting',
  'java.security.jgss java.security.sasl java.sql java.xml jdk.crypto.ec jdk.management jdk.net jdk.security.auth',
  'jdk.unsupported jdk.zipfs',
].flatMap((line) => line.split(' '))

const JVM = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true']

/** Every library that a file of the tree is linked with, under the path where the loader looks for it. */
async function copyLibraries(root) {
  const runtime = join(root, 'java')
  const names = readdirSync(runtime, { recursive: true }).filter((name) => /\.so$|^bin\/java$/.test(name))
  const wanted = new Set()
  for (const name of names) {
    const { stdout } = await promisify(execFile)('ldd', [join(runtime, name)])
    for (const [, path] of stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)) wanted.add(path)
  }
  for (const path of wanted) {
    if (path.startsWith(root)) continue
    mkdirSync(dirname(join(root, path)), { recursive: true })
    cpSync(realpathSync(path), join(root, path))
  }
}

/** The natives of the jars (zstd, snappy) are linked with these, which the runtime alone does not need. */
const ALSO = ['libgcc_s.so.1', 'libstdc++.so.6', 'libm.so.6', 'libpthread.so.0', 'libdl.so.2', 'librt.so.1']

async function copyAlso(root) {
  const { stdout } = await promisify(execFile)('/sbin/ldconfig', ['-p'])
  const known = stdout.split('\n')
  for (const name of ALSO) {
    const path = known.find((line) => line.includes(`${name} (libc6,`))?.split(' => ')[1]
    if (!path || existsSync(join(root, path))) continue
    mkdirSync(dirname(join(root, path)), { recursive: true })
    cpSync(realpathSync(path), join(root, path))
  }
}

async function buildRoot(root, kafka) {
  mkdirSync(root)
  const java = await findJava()
  const options = ['--strip-java-debug-attributes', '--no-header-files', '--no-man-pages']
  const jlink = ['--add-modules', MODULES.join(','), ...options, '--output', join(root, 'java')]
  await run(join(java.bin, 'jlink'), jlink, { log: 'kafka-image', what: 'Making the Java runtime' })
  await copyLibraries(root)
  await copyAlso(root)
  const libs = join(root, 'kafka')
  for (const directory of [libs, join(root, 'data'), join(root, 'etc'), join(root, 'tmp')]) mkdirSync(directory)
  for (const jar of kafka.classpath) cpSync(jar, join(libs, basename(jar)))
  cpSync(fileURLToPath(new URL('log4j2.properties', import.meta.url)), join(libs, 'log4j2.properties'))
  writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/:/none\n')
  writeFileSync(join(root, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
  return kafka.classpath.map((jar) => `/kafka/${basename(jar)}`)
}

async function importImage(root, classpath) {
  const java = ['/java/bin/java', ...JVM, `-Dodradek.lifeline=${LIFELINE_PORT}`]
  const log = '-Dlog4j2.configurationFile=/kafka/log4j2.properties'
  const entry = [
    ...java,
    log,
    '-cp',
    classpath.join(':'),
    'Broker',
    '/etc/kafka/server.properties',
    'b2RyYWRlay1jb250YWluZQ',
  ]
  const changes = [`ENTRYPOINT ${JSON.stringify(entry)}`, `EXPOSE 9092 ${LIFELINE_PORT}`]
  const [repo, tag] = IMAGE.split(':')
  const tar = spawn('tar', ['--create', '--owner=0', '--group=0', '--directory', root, '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const docker = await engine()
  const before = await docker.listImages({ filters: { reference: [IMAGE] } })
  const answer = await docker.importImage(tar.stdout, { repo, tag, changes })
  await new Promise((resolve, reject) => {
    docker.modem.followProgress(answer, (error) => (error ? reject(error) : resolve()))
  })
  // The one of the last build has lost its name and would only take space; it stays while a container uses it.
  for (const { Id } of before)
    await docker
      .getImage(Id)
      .remove()
      .catch(() => {})
}

async function requireEngine() {
  try {
    await (await engine()).ping()
  } catch {
    throw new UserError(
      'No Docker engine answers.\n    On Debian: apt-get install docker.io, then run dockerd (as root) or systemctl start docker.',
    )
  }
}

async function build() {
  const start = performance.now()
  await requireEngine()
  const kafka = await obtainKafka({ log: console.log })
  const root = join(KAFKA_DIRECTORY, 'image.part')
  const remove = () => rmSync(root, { recursive: true, force: true })
  remove()
  process.on('exit', remove)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  await importImage(root, await buildRoot(root, kafka))
  console.log(`Docker image ${IMAGE} built (${seconds(start)}). The tests use it while an engine runs.`)
}

await main(import.meta.url, () => withLock('kafka-image', build))
