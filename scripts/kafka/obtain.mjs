// Gets Apache Kafka from its Maven artifacts: verified against artifacts.sha256, kept in .cache/kafka/<version>.
// `node scripts/kafka/obtain.mjs` does it now; `… obtain.mjs update` writes artifacts.sha256 anew after a change of pom.xml.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../lib/lock.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from '../lib/run.mjs'
import { trainArchive } from './archive.mjs'
import { findJava } from './java.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const POM = join(HERE, 'pom.xml')
const SUMS = join(HERE, 'artifacts.sha256')
const SOURCES = ['Broker.java', 'Witness.java', 'WitnessAdmin.java', 'WitnessRecords.java'].map((name) => join(HERE, name))

export const KAFKA_VERSION = /<kafka\.version>(.+)<\/kafka\.version>/.exec(readFileSync(POM, 'utf8'))[1]
export const KAFKA_DIRECTORY = join(CACHE, 'kafka', KAFKA_VERSION)

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const hashOf = (...parts) => sha256(parts.join('\0')).slice(0, 16)

/** name -> SHA-256, in the format that sha256sum reads too. */
function pinnedSums() {
  const lines = readFileSync(SUMS, 'utf8').trim().split('\n')
  return new Map(lines.map((line) => line.split('  ').reverse()))
}

/** Refuses anything that is not exactly what artifacts.sha256 lists. */
export function verifyJars(directory, sums = pinnedSums()) {
  const present = readdirSync(directory)
  const problems = []
  for (const [name, expected] of sums) {
    if (!present.includes(name)) {
      problems.push(`${name} is missing`)
      continue
    }
    const actual = sha256(readFileSync(join(directory, name)))
    if (actual !== expected) problems.push(`${name} has SHA-256 ${actual}, expected ${expected}`)
  }
  for (const name of present) if (!sums.has(name)) problems.push(`${name} is not in the list`)
  if (problems.length === 0) return
  throw new UserError(
    `Apache Kafka ${KAFKA_VERSION} as Maven brought it is not what scripts/kafka/artifacts.sha256 pins, so it is not used:\n` +
      `${problems.map((problem) => `    ${problem}`).join('\n')}\n` +
      '    Remove those files from the local Maven repository (~/.m2/repository) and run again; if it persists, the mirror is not to be trusted.',
  )
}

async function download(into) {
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${into}`, '-DincludeScope=runtime']
  const options = { log: 'kafka-maven', what: `Fetching Apache Kafka ${KAFKA_VERSION} with Maven` }
  await run('mvn', ['--batch-mode', '--quiet', '--file', POM, ...goal], options)
}

/** The jars. Maven keeps what it has fetched, so an interrupted run goes on where it was; ours appears whole by rename. */
async function obtainJars(log) {
  const libs = join(KAFKA_DIRECTORY, 'libs')
  const stamp = join(KAFKA_DIRECTORY, 'verified')
  const wanted = sha256(readFileSync(SUMS))
  const names = [...pinnedSums().keys()].sort()
  const jars = names.map((name) => join(libs, name))
  const verified = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
  if (verified && jars.every((jar) => existsSync(jar))) return jars
  const start = performance.now()
  const temporary = `${libs}.part`
  await download(temporary)
  try {
    verifyJars(temporary)
    rmSync(libs, { recursive: true, force: true })
    renameSync(temporary, libs)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  writeFileSync(stamp, wanted)
  log(`Apache Kafka ${KAFKA_VERSION}: ${names.length} jars fetched and verified (${seconds(start)})`)
  return jars
}

/** Our own Java programs. In a jar, because a class-data archive accepts nothing else. */
async function compile(java, jars) {
  const jar = join(KAFKA_DIRECTORY, `odradek-${hashOf(java.version, ...SOURCES.map((file) => readFileSync(file)))}.jar`)
  if (existsSync(jar)) return jar
  const classes = `${jar}.classes`
  rmSync(classes, { recursive: true, force: true })
  const options = { log: 'kafka-compile', what: 'Compiling the helpers of the test Kafka' }
  await run(java.javac, ['-d', classes, '-cp', jars.join(':'), '-Xlint:-options', ...SOURCES], options)
  await run(java.jar, ['--create', '--file', `${jar}.part`, '-C', classes, '.'], { ...options, append: true })
  rmSync(classes, { recursive: true, force: true })
  renameSync(`${jar}.part`, jar)
  return jar
}

/**
 * @typedef {{ version: string, directory: string, classpath: string[], java: string, archive?: string }} Kafka
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {Promise<Kafka>}
 */
export async function obtainKafka({ log = () => {} } = {}) {
  const java = await findJava()
  mkdirSync(KAFKA_DIRECTORY, { recursive: true })
  return await withLock('kafka', async () => {
    const jars = await obtainJars(log)
    const classpath = [await compile(java, jars), ...jars]
    const kafka = { version: KAFKA_VERSION, directory: KAFKA_DIRECTORY, classpath, java: java.java }
    const archive = join(KAFKA_DIRECTORY, `classes-${hashOf(java.version, classpath.join(':'))}.jsa`)
    if (!existsSync(archive)) await trainArchive(kafka, archive, log)
    return { ...kafka, archive }
  })
}

async function update() {
  await findJava()
  const directory = join(KAFKA_DIRECTORY, 'update.part')
  try {
    await download(directory)
    const lines = readdirSync(directory).map((name) => `${sha256(readFileSync(join(directory, name)))}  ${name}`)
    writeFileSync(SUMS, `${lines.join('\n')}\n`)
    console.log(`${relative(ROOT, SUMS)}: ${lines.length} jars. Compare the change with what the project publishes.`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

await main(import.meta.url, async (args) => {
  if (args.length > 1 || (args.length === 1 && args[0] !== 'update')) {
    throw new UserError(`unknown argument "${args.join(' ')}". Usage: node scripts/kafka/obtain.mjs [update]`)
  }
  if (args[0] === 'update') await update()
  else console.log(`Apache Kafka ${KAFKA_VERSION} is in ${(await obtainKafka({ log: console.log })).directory}`)
})
