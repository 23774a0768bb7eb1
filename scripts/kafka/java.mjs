// Finds the Java (a JDK, 17 or newer) and Maven that the test Kafka needs, and installs them where that is allowed.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { output, UserError } from '../lib/run.mjs'

const MINIMUM = 17

function onPath(program) {
  const directories = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return directories.map((directory) => join(directory, program)).find((path) => existsSync(path))
}

/** A JDK says its version in its file "release"; asking its programs would take a JVM's start each time. */
async function versionOf(javac) {
  const release = join(dirname(dirname(realpathSync(javac))), 'release')
  const text = existsSync(release) ? readFileSync(release, 'utf8') : await output(javac, ['-version'])
  return /^(?:JAVA_VERSION="|javac )([\w.+-]+)/m.exec(text ?? '')?.[1]
}

/** JAVA_HOME first, as every Java program does, then the PATH. */
async function look() {
  const home = process.env.JAVA_HOME
  const javac = home ? join(home, 'bin', 'javac') : onPath('javac')
  if (home && !existsSync(javac)) {
    throw new UserError(
      `JAVA_HOME is "${home}", which has no bin/javac. Set it to a JDK ${MINIMUM} or newer, or leave it away.`,
    )
  }
  const found = { javac, version: undefined, major: 0, maven: onPath('mvn') !== undefined }
  if (!javac) return found
  const version = await versionOf(javac)
  return { ...found, version, major: Number.parseInt(version ?? '0', 10) }
}

async function install() {
  const { ensureSystemPackages } = await import('../system-packages.mjs')
  await ensureSystemPackages(['kafka'])
}

/**
 * @param {{ maven?: boolean }} [options] whether Maven is needed too
 * @returns {Promise<{ bin: string, java: string, javac: string, jar: string, version: string }>}
 */
export async function findJava({ maven = false } = {}) {
  const complete = (found) => found.major >= MINIMUM && (found.maven || !maven)
  let found = await look()
  if (!complete(found)) {
    await install()
    found = await look()
  }
  if (complete(found)) {
    const bin = dirname(realpathSync(found.javac))
    return { bin, java: join(bin, 'java'), javac: join(bin, 'javac'), jar: join(bin, 'jar'), version: found.version }
  }
  const missing = []
  if (!found.version) missing.push(`a JDK (${found.javac ?? 'javac'} was not found; a JRE is not enough)`)
  else if (found.major < MINIMUM) missing.push(`a newer JDK (${found.javac} is version ${found.version})`)
  if (maven && !found.maven) missing.push('Maven (mvn was not found)')
  throw new UserError(
    `The tests' own Apache Kafka needs a JDK ${MINIMUM} or newer and Maven; missing: ${missing.join(' and ')}.\n` +
      '    On Debian: apt-get install openjdk-17-jdk-headless maven',
  )
}
