// Whom a client trusts when it is not told: the system's certificates, or Node's.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runModule } from '../helpers/child.js'
import { createAuthority, startCluster } from '../helpers/kafka.js'

const directory = mkdtempSync(join(tmpdir(), 'odradek-trust-'))
const bundle = join(directory, 'ca.pem')
let cluster: Awaited<ReturnType<typeof startCluster>>
let authority: Awaited<ReturnType<typeof createAuthority>>

beforeAll(async () => {
  authority = await createAuthority()
  writeFileSync(bundle, authority.certificate)
  const tls = await authority.issue('broker')
  cluster = await startCluster({ brokers: 1, listeners: { SSL: { protocol: 'SSL', tls } } })
})
afterAll(async () => {
  await cluster?.stop()
  await authority?.dispose()
  rmSync(directory, { recursive: true })
})

/** What a client says in a process of its own: 'ready', or the error. */
async function connect(more: object, env: Record<string, string> = {}): Promise<string> {
  const config = { 'bootstrap.servers': cluster.listeners.SSL, 'security.protocol': 'ssl', debug: 'security', ...more }
  const { output } = await runModule(
    `
      const log = (fields, line) => { if (line.includes('CA certificate')) console.log(line) }
      const producer = new Producer(${JSON.stringify(config)}, { logger: { error: log, warn: log, info: log, debug: log } })
      console.log(await producer.ready({ timeout: 20_000 }).then(() => 'ready', (error) => error.code + ' ' + error.message))
      await producer.close({ timeout: 1000 })
    `,
    { env },
  )
  return output
}

const untrusted = /_SSL the certificate of .* is signed by nobody whom this client trusts/

describe("Node's certificates", () => {
  it("with 'ssl.ca.location': 'node', and what NODE_EXTRA_CA_CERTS adds", async () => {
    const node = { 'ssl.ca.location': 'node' }
    expect(await connect(node, { NODE_EXTRA_CA_CERTS: bundle })).toMatch(/ready$/m)
    const output = await connect(node)
    expect(output).toMatch(untrusted)
    // All of Node's own: more than a hundred.
    expect(Number(/Loaded (\d+) CA certificate\(s\) from string/.exec(output)?.[1])).toBeGreaterThan(100)
  })

  it('beside an authority of its own', async () => {
    expect(await connect({ 'ssl.ca.location': 'node', 'ssl.ca.pem': authority.certificate })).toMatch(/ready$/m)
  })
})

// OpenSSL is linked statically, and does not know where this system keeps its certificates: librdkafka looks for them at
// the places where systems do. A certificate is put at the first of these, for one process only.
const place = '/etc/pki/tls/certs/ca-bundle.crt'
const preload = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
static const char *there(const char *path) {
  const char *instead = getenv("ODRADEK_TEST_CA");
  return instead != NULL && path != NULL && strcmp(path, "${place}") == 0 ? instead : path;
}
#define AS(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
FILE *fopen(const char *path, const char *mode) { AS(fopen); return real(there(path), mode); }
FILE *fopen64(const char *path, const char *mode) { AS(fopen64); return real(there(path), mode); }
int stat(const char *restrict path, struct stat *restrict to) { AS(stat); return real(there(path), to); }
int stat64(const char *restrict path, struct stat64 *restrict to) { AS(stat64); return real(there(path), to); }
`

describe.runIf(process.platform === 'linux')("the system's certificates", () => {
  it('are found without any setting, and count', async () => {
    const source = join(directory, 'preload.c')
    const library = join(directory, 'preload.so')
    writeFileSync(source, preload)
    execFileSync('cc', ['-w', '-shared', '-fPIC', '-o', library, source, '-ldl'])
    const trusting = await connect({}, { LD_PRELOAD: library, ODRADEK_TEST_CA: bundle })
    expect(trusting).toContain(place)
    expect(trusting).toMatch(/ready$/m)
    expect(await connect({ 'ssl.ca.location': 'probe' }, { LD_PRELOAD: library, ODRADEK_TEST_CA: bundle })).toMatch(
      /ready$/m,
    )
    expect(await connect({})).toMatch(untrusted)
  })
})
