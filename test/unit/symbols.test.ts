// What the process sees of the addon: nothing but Node-API. Node exports an OpenSSL of its own, and both must work side by side.
import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const addon = process.env.ODRADEK_ADDON ?? fileURLToPath(new URL('../../build/Release/odradek.node', import.meta.url))
// A sanitizer's run-time library adds libraries and symbols of its own, and nm reads ELF here.
const release = process.platform === 'linux' && addon.includes('Release')

const lines = (command: string, args: string[]) => execFileSync(command, args, { encoding: 'utf8' }).trim().split('\n')
const symbol = (line: string) => line.trim().split(/\s+/).at(-1)!.replace(/@.*/, '')

describe.runIf(release)('the symbol table', () => {
  test('exports the two functions that Node-API asks for, and nothing else', () => {
    const exported = lines('nm', ['-D', '--defined-only', addon]).map(symbol)
    expect(exported.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
  })

  test('asks the process for Node-API and libc only: no OpenSSL, librdkafka, allocator or C++ library of someone else', () => {
    const undefined_ = lines('nm', ['-D', '--undefined-only', addon]).map(symbol)
    expect(undefined_).toContain('napi_create_function')
    const foreign =
      /^(SSL_|EVP_|X509|CRYPTO_|OPENSSL_|BIO_|RAND_|ERR_|rd_|mi_|curl_|Curl_|ZSTD_|LZ4|deflate|inflate|_ZS|_Zn|_Zd|uv_)/
    expect(undefined_.filter((name) => foreign.test(name))).toEqual([])
  })

  test('needs no shared library but libc and its parts', () => {
    const needed = lines('readelf', ['-d', addon]).flatMap((line) => line.match(/\(NEEDED\).*\[(.+)\]/)?.[1] ?? [])
    expect(needed).toContain('libc.so.6')
    const libc = /^(lib(c|m|dl|pthread|rt)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+|libc\.musl-\w+\.so\.1)$/
    expect(needed.filter((name) => !libc.test(name))).toEqual([])
  })

  test('stays loaded, for librdkafka threads may outlive the environment that started them', () => {
    expect(lines('readelf', ['-d', addon]).join('\n')).toMatch(/FLAGS_1.*NODELETE/)
  })
})

const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTRm5lklgOFSNb6Wx
5IBbYh4DDPXRQSMKUA2Vd8FVSvuhRANCAAQNRUpMnawBNIw3D1iftk8BWFrBP4Bu
pXaHyhIW6O+XuwQV31eMPF4A41hTP2lsi6MhiEu2LfEFT0CpxrRuP7Kf
-----END PRIVATE KEY-----
`
// For localhost, of this test only, until 2126.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmTCCAUGgAwIBAgIUENhax6g4st/vCReRgcXzubL6eL0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTEzMjU0MVoYDzIxMjYxMDI4
MTMyNTQxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQNRUpMnawBNIw3D1iftk8BWFrBP4BupXaHyhIW6O+XuwQV31eMPF4A
41hTP2lsi6MhiEu2LfEFT0CpxrRuP7Kfo28wbTAdBgNVHQ4EFgQU1N7fPFtiykJI
2Ken81wQ+hmUTK8wHwYDVR0jBBgwFoAU1N7fPFtiykJI2Ken81wQ+hmUTK8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRgAwQwIgTB7uUnrpf3h17G/r9d5uCVQp9i+vG1SgFZP0FJR+0XoCH06r
NpdZy8dqMxhRGwUJgtKsWHvHA++uqKIjyYLgzyw=
-----END CERTIFICATE-----
`

/** Node's OpenSSL answers on one port to its own client and to librdkafka's OpenSSL, in one process. */
const COMMON = `
  import { createHash } from 'node:crypto'
  import { once } from 'node:events'
  import { createServer, get } from 'node:https'
  import { Producer } from 'odradek'
  const { KEY: key, CERTIFICATE: cert } = process.env
  const server = createServer({ key, cert }, (request, response) => response.end('from node'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  const tls = (to = port, options = {}, config = {}) => new Producer({
    'bootstrap.servers': 'localhost:' + to, 'security.protocol': 'ssl', 'ssl.ca.pem': cert,
    'broker.address.family': 'v4', 'reconnect.backoff.ms': 1, 'reconnect.backoff.max.ms': 5, 'log_level': 0, ...config,
  }, options)
  const byNode = () => new Promise((done, fail) => {
    get({ host: 'localhost', port, ca: cert, agent: false }, (response) => response.setEncoding('utf8').on('data', done)).on('error', fail)
  })
`

function child(script: string) {
  const started = spawn(process.execPath, ['--input-type=module', '-e', COMMON + script], {
    cwd: root,
    env: { ...process.env, KEY, CERTIFICATE },
  })
  let out = ''
  let error = ''
  started.stderr.on('data', (chunk) => {
    error += chunk
  })
  const firstLine = new Promise<string>((done) => {
    started.stdout.on('data', (chunk) => {
      out += chunk
      if (out.includes('\n')) done(out.split('\n')[0]!)
    })
  })
  const end = new Promise<{ code: number | null; signal: string | null; out: string; error: string }>((done) => {
    started.on('close', (code, signal) => done({ code, signal, out, error }))
  })
  return { process: started, firstLine, end }
}

describe('two copies of OpenSSL in one process', () => {
  test('librdkafka completes verified handshakes with Node, while Node uses https and crypto', async () => {
    const result = await child(`
      let handshakes = 0
      server.on('secureConnection', () => { handshakes += 1 })
      const clients = [tls(), tls(), tls()]
      for (let round = 0; round < 20; round++) {
        const seen = handshakes
        if (await byNode() !== 'from node') throw new Error('https')
        createHash('sha256').update('x'.repeat(100_000)).digest()
        // One is Node's own; those above it are librdkafka's, which reconnects since this is no broker.
        while (handshakes < seen + 3) await once(server, 'secureConnection')
      }
      console.log('handshakes', handshakes)
      server.closeAllConnections()
      server.close()
      for (const client of clients) await client.close({ timeout: 1000 })
    `).end
    expect(result).toMatchObject({ code: 0, signal: null })
    expect(Number(result.out.match(/handshakes (\d+)/)?.[1])).toBeGreaterThanOrEqual(60)
  })

  // The server is a process of its own: handshakes must go on while this process exits. Without the protection in
  // deps/openssl/no_atexit.c about a quarter of the rounds end with SIGSEGV.
  test('process.exit() in the middle of handshakes ends with its code, not in an OpenSSL that has cleaned itself up', async () => {
    const server = child(`
      import { createServer as createTlsServer } from 'node:tls'
      server.close()
      const echo = createTlsServer({ key, cert }, (socket) => socket.on('error', () => {}).setTimeout(5, () => socket.destroy()))
      echo.on('tlsClientError', () => {})
      echo.listen(0, '127.0.0.1', () => process.stdout.write(echo.address().port + '\\n'))
      process.stdin.resume().on('end', () => process.exit(0))
    `)
    const port = await server.firstLine
    const round = () =>
      child(`
        const connects = []
        for (let i = 0; i < 30; i++) {
          const onStatistics = ({ brokers }) => {
            connects[i] = Object.values(brokers).reduce((sum, broker) => sum + broker.connects, 0)
            if (connects.reduce((sum, n) => sum + n, 0) >= 300) process.exit(7)
          }
          tls(${port}, { onStatistics }, { 'statistics.interval.ms': 20 })
        }
      `).end
    try {
      for (let rounds = 0; rounds < 9; rounds += 3) {
        for (const result of await Promise.all([round(), round(), round()])) {
          expect(result).toMatchObject({ code: 7, signal: null, error: '' })
        }
      }
    } finally {
      server.process.stdin.end()
      await server.end
    }
  })
})
