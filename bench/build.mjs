// Builds what the package is compared with: librdkafka as its release builds it by default, and the C program on it.
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ensureSources, readPin, sourceDirectory } from '../scripts/fetch-source.mjs'
import { withLock } from '../scripts/lib/lock.mjs'
import { ROOT, run } from '../scripts/lib/run.mjs'

const HERE = join(ROOT, 'bench')
export const BUILD = join(ROOT, 'build', 'bench')

/** ./configure && make, unmodified, with its default flags. What no benchmark uses is left out: Kerberos and HTTP. */
async function buildStock(log) {
  const pin = readPin('librdkafka')
  const directory = join(BUILD, `librdkafka-stock-${pin.version}`)
  if (existsSync(directory)) return directory
  log(`Building an unmodified librdkafka ${pin.version} to compare with (once, about half a minute)`)
  await ensureSources(['librdkafka'])
  const part = `${directory}.part`
  rmSync(part, { recursive: true, force: true })
  cpSync(sourceDirectory(pin), part, { recursive: true })
  const jobs = process.env.ODRADEK_JOBS || String(availableParallelism())
  const what = 'Building the unmodified librdkafka'
  await run('./configure', ['--disable-gssapi', '--disable-curl'], { log: 'bench-configure', what, cwd: part })
  await run('make', ['-C', 'src', `-j${jobs}`, 'lib'], { log: 'bench-make', what, cwd: part })
  // For #include <librdkafka/rdkafka.h>, as where it is installed.
  cpSync(join(part, 'src', 'rdkafka.h'), join(part, 'include', 'librdkafka', 'rdkafka.h'))
  renameSync(part, directory)
  return directory
}

const modified = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** @returns {Promise<string>} the C program */
export async function buildC(log = () => {}) {
  mkdirSync(BUILD, { recursive: true })
  return await withLock('build-bench', async () => {
    const stock = await buildStock(log)
    const program = join(BUILD, 'bench')
    const sources = readdirSync(join(HERE, 'c')).map((name) => join(HERE, 'c', name))
    if (Math.max(...sources.map(modified), modified(stock)) <= modified(program)) return program
    const library = join(stock, 'src')
    const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-isystem', join(stock, 'include')]
    const link = [`-L${library}`, `-Wl,-rpath,${library}`, '-lrdkafka', '-lpthread']
    await run(process.env.CC || 'cc', [...flags, '-o', program, ...sources.filter((s) => s.endsWith('.c')), ...link], {
      log: 'bench-c',
      what: "Compiling the benchmark's C program",
    })
    return program
  })
}
