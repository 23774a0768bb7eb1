// Gets Apache Kafka from its Maven artifacts: verified against artifacts.sha256, kept in .cache/kafka/<version>.
// `node scripts/kafka/obtain.mjs` does it now; `… obtain.mjs update` writes artifacts.sha256 anew after a change of pom.xml.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withLock } from '../lib/lock.mjs'
import { CACHE, main, ROOT, run, seconds, UserError } from '../lib/run.mjs'
import { trainArchive } from './archive.mjs'
import { findJava } from './java.mjs'

const HERE = dirname(fileURLToPath(import.meta.url))
const POM = join(HERE, 'pom.xml')
const SUMS = join(HERE, 'artifacts.sha256')
const SOURCES = ['Broker.java', 'Witness.java', 'WitnessAdmin.java', 'WitnessRecords.java'].map((name) =>
  join(HERE, name),
)

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

const LIBS = join(KAFKA_DIRECTORY, 'libs')
const STAMP = join(KAFKA_DIRECTORY, 'verified')

/** What there should be: all names hold a hash of what they were made from, so that existing means being right. */
function expected(java) {
  const jars = [...pinnedSums().keys()].sort().map((name) => join(LIBS, name))
  const ours = hashOf(java.version, ...SOURCES.map((file) => readFileSync(file)))
  const classpath = [join(KAFKA_DIRECTORY, `odradek-${ours}.jar`), ...jars]
  const archive = join(KAFKA_DIRECTORY, `classes-${hashOf(java.bin, java.version, classpath.join(':'))}.jsa`)
  return { version: KAFKA_VERSION, directory: KAFKA_DIRECTORY, classpath, java: java.java, archive }
}

const pinned = () => sha256(readFileSync(SUMS))
const jarsAreThere = (jars) =>
  existsSync(STAMP) && readFileSync(STAMP, 'utf8') === pinned() && jars.every((jar) => existsSync(jar))
const isComplete = ({ classpath, archive }) => jarsAreThere(classpath) && existsSync(archive)

/** Maven keeps what it has fetched, so an interrupted run goes on where it was; our directory appears whole, by rename. */
async function obtainJars(log) {
  await findJava({ maven: true })
  const start = performance.now()
  const temporary = `${LIBS}.part`
  await download(temporary)
  try {
    verifyJars(temporary)
    rmSync(LIBS, { recursive: true, force: true })
    renameSync(temporary, LIBS)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  writeFileSync(STAMP, pinned())
  log(`Apache Kafka ${KAFKA_VERSION}: ${readdirSync(LIBS).length} jars fetched and verified (${seconds(start)})`)
}

/** Our own Java programs. In a jar, because a class-data archive accepts nothing else. */
async function compile(java, [jar, ...jars]) {
  const classes = `${jar}.classes`
  rmSync(classes, { recursive: true, force: true })
  const options = { log: 'kafka-compile', what: 'Compiling the helpers of the test Kafka' }
  await run(java.javac, ['-d', classes, '-cp', jars.join(delimiter), ...SOURCES], options)
  await run(java.jar, ['--create', '--file', `${jar}.part`, '-C', classes, '.'], { ...options, append: true })
  renameSync(`${jar}.part`, jar)
}

/** What earlier versions of our sources or of Java left; each archive has 50 MB. */
function removeOutdated({ classpath, archive }) {
  const current = [basename(classpath[0]), basename(archive)]
  for (const name of readdirSync(KAFKA_DIRECTORY)) {
    if (!/^(odradek|classes)-/.test(name) || current.includes(name)) continue
    rmSync(join(KAFKA_DIRECTORY, name), { recursive: true, force: true })
  }
}

/**
 * @typedef {{ version: string, directory: string, classpath: string[], java: string, archive: string }} Kafka
 * @param {{ log?: (line: string) => void }} [options]
 * @returns {Promise<Kafka>}
 */
export async function obtainKafka({ log = () => {} } = {}) {
  const java = await findJava()
  const kafka = expected(java)
  if (isComplete(kafka)) return kafka
  mkdirSync(KAFKA_DIRECTORY, { recursive: true })
  await withLock('kafka', async () => {
    const [ours, ...jars] = kafka.classpath
    if (!jarsAreThere(jars)) await obtainJars(log)
    if (!existsSync(ours)) await compile(java, kafka.classpath)
    if (!existsSync(kafka.archive)) await trainArchive(kafka, log)
    removeOutdated(kafka)
  })
  return kafka
}

async function update() {
  await findJava({ maven: true })
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
