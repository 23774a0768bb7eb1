// A Kerberos key distribution centre (MIT's, of the system) with a realm of its own.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '../../scripts/kafka/ports.mjs'

const run = promisify(execFile)
const realm = 'ODRADEK.TEST'

export class Kdc {
  readonly #directory = mkdtempSync(join(tmpdir(), 'odradek-kdc-'))
  readonly #env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } as NodeJS.ProcessEnv
  #stop = async () => {}

  /** The krb5.conf: the environment variable KRB5_CONFIG of MIT's programs and libraries. */
  get config(): string {
    return join(this.#directory, 'krb5.conf')
  }

  static async start(): Promise<Kdc> {
    const kdc = new Kdc()
    const [port] = await freePorts(1)
    kdc.#configure(port)
    await run('kdb5_util', ['create', '-s', '-r', realm, '-P', 'master'], { env: kdc.#env })
    await kdc.#serve()
    return kdc
  }

  #configure(port: number): void {
    const inside = (name: string) => join(this.#directory, name)
    writeFileSync(
      this.config,
      `[libdefaults]
default_realm = ${realm}
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
${realm} = {
  kdc = 127.0.0.1:${port}
}
`,
    )
    writeFileSync(
      inside('kdc.conf'),
      `[realms]
${realm} = {
  database_name = ${inside('principal')}
  key_stash_file = ${inside('stash')}
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
}
[logging]
kdc = FILE:${inside('kdc.log')}
`,
    )
    Object.assign(this.#env, { KRB5_CONFIG: this.config, KRB5_KDC_PROFILE: inside('kdc.conf') })
  }

  async #serve(): Promise<void> {
    const child = spawn('krb5kdc', ['-n'], { env: this.#env, stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
    this.#stop = async () => {
      child.kill()
      await ended
    }
    let text = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk) => {
        text += chunk
        if (text.includes('starting')) resolve()
      })
      child.on('close', (code) => reject(new Error(`krb5kdc ended with ${code}: ${text}`)))
    })
  }

  /** Adds a principal with a random key; returns the path of a keytab that has it. */
  async add(name: string): Promise<{ principal: string; keytab: string }> {
    const keytab = join(this.#directory, `${name.replace('/', '-')}.keytab`)
    await run('kadmin.local', ['-r', realm, 'addprinc', '-randkey', name], { env: this.#env })
    await run('kadmin.local', ['-r', realm, 'ktadd', '-k', keytab, name], { env: this.#env })
    return { principal: `${name}@${realm}`, keytab }
  }

  /** Where tickets of this process are to be kept: KRB5CCNAME. */
  cache(name: string): string {
    return join(this.#directory, `${name}.cache`)
  }

  async stop(): Promise<void> {
    await this.#stop()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
