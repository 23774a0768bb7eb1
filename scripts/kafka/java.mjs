// Finds the Java (a JDK, 17 or newer) and Maven that the test Kafka needs, and installs them where that is allowed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { output, UserError } from '../lib/run.mjs'

const MINIMUM = 17

/** JAVA_HOME first, as every Java program does, then the PATH. */
async function look() {
  const prefix = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin') : undefined
  const tool = (name) => (prefix ? join(prefix, name) : name)
  const version = /^javac (\d+)(\S*)/.exec((await output(tool('javac'), ['-version'])) ?? '')
  const maven = (await output('mvn', ['--version'])) !== undefined
  return {
    major: version ? Number(version[1]) : undefined,
    version: version ? version[1] + version[2] : undefined,
    maven,
    tools: { java: tool('java'), javac: tool('javac'), jar: tool('jar') },
  }
}

const complete = (found) => found.major >= MINIMUM && found.maven

async function install() {
  const script = new URL('../system-packages.mjs', import.meta.url)
  if (!existsSync(script)) return
  const { ensureSystemPackages } = await import(script.href)
  await ensureSystemPackages(['kafka'])
}

/** @returns {Promise<{ java: string, javac: string, jar: string, version: string }>} */
export async function findJava() {
  let found = await look()
  if (!complete(found)) {
    await install()
    found = await look()
  }
  if (complete(found)) return { ...found.tools, version: found.version }
  const missing = []
  if (found.major === undefined) missing.push(`a JDK (${found.tools.javac} was not found)`)
  else if (found.major < MINIMUM) missing.push(`a newer JDK (${found.tools.javac} is version ${found.version})`)
  if (!found.maven) missing.push('Maven (mvn was not found)')
  throw new UserError(
    `The tests' own Apache Kafka needs Java ${MINIMUM} or newer and Maven; missing: ${missing.join(' and ')}.\n` +
      '    On Debian: apt-get install openjdk-17-jdk-headless maven\n' +
      '    Or give a broker that runs already: KAFKA_BROKERS=host:port',
  )
}
