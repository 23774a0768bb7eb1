// A private certificate authority and what it signs, made with the openssl program. The PEM texts are what the tests need.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const openssl = async (args) => {
  try {
    await promisify(execFile)('openssl', args)
  } catch (error) {
    if (error.code === 'ENOENT')
      throw new Error('The openssl program was not found. On Debian: apt-get install openssl')
    throw new Error(`openssl ${args[0]} failed: ${error.stderr ?? error.message}`)
  }
}

const SUBJECT_NAMES = ['localhost', '127.0.0.1']

/** @typedef {{ certificate: string, key: string }} Pair PEM; the key is PKCS#8, as Kafka needs it */

class Authority {
  #directory
  #serial = 0

  constructor(directory, certificate) {
    this.#directory = directory
    /** PEM */
    this.certificate = certificate
  }

  /**
   * A certificate for a server or a client.
   * @param {string} commonName
   * @param {{ names?: string[], days?: number }} [options] names: DNS names and IP addresses; localhost and 127.0.0.1 if not given
   * @returns {Promise<Pair>}
   */
  async issue(commonName, { names = SUBJECT_NAMES, days = 30 } = {}) {
    const base = join(this.#directory, `issued-${++this.#serial}`)
    const file = (extension) => `${base}.${extension}`
    const alternatives = names.map((name) => (/^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
    await newKey(file('key'))
    await openssl(['req', '-new', '-key', file('key'), '-subj', `/CN=${commonName}`, '-out', file('csr')])
    await writeFile(file('ext'), `subjectAltName=${alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    const authority = ['-CA', join(this.#directory, 'ca.pem'), '-CAkey', join(this.#directory, 'ca.key')]
    const request = ['-in', file('csr'), '-extfile', file('ext'), '-set_serial', String(Date.now() + this.#serial)]
    await openssl(['x509', '-req', ...request, ...authority, '-days', String(days), '-out', file('pem')])
    return { certificate: await readFile(file('pem'), 'utf8'), key: await readFile(file('key'), 'utf8') }
  }

  /**
   * The same as a PKCS#12 store.
   * @param {Pair} pair @param {string} password
   * @returns {Promise<Buffer>}
   */
  async pkcs12(pair, password) {
    const base = join(this.#directory, `store-${++this.#serial}`)
    await writeFile(`${base}.pem`, pair.certificate)
    await writeFile(`${base}.key`, pair.key, { mode: 0o600 })
    const input = ['-in', `${base}.pem`, '-inkey', `${base}.key`, '-certfile', join(this.#directory, 'ca.pem')]
    await openssl(['pkcs12', '-export', ...input, '-passout', `pass:${password}`, '-out', `${base}.p12`])
    return await readFile(`${base}.p12`)
  }

  /** Removes the keys from the disk. */
  async dispose() {
    await rm(this.#directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose]() {
    await this.dispose()
  }
}

/** Elliptic keys: made in milliseconds, where RSA takes a second. `genpkey` writes PKCS#8. */
async function newKey(file) {
  await openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file])
}

/** @param {string} [commonName] */
export async function createAuthority(commonName = 'odradek test CA') {
  const directory = await mkdtemp(join(tmpdir(), 'odradek-ca-'))
  const key = join(directory, 'ca.key')
  const certificate = join(directory, 'ca.pem')
  try {
    await newKey(key)
    const extensions = [
      '-addext',
      'basicConstraints=critical,CA:TRUE',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    ]
    const subject = ['-key', key, '-subj', `/CN=${commonName}`, '-days', '30']
    await openssl(['req', '-x509', '-new', ...subject, ...extensions, '-out', certificate])
    return new Authority(directory, await readFile(certificate, 'utf8'))
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}
