// Kerberos, with a real key distribution centre and a real listener. By its own command: npm run test:kerberos
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Consumer, Producer } from 'odradek'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startCluster } from '../helpers/kafka.js'
import { Kdc } from '../helpers/kdc.js'
import { rejection } from '../helpers/wait.js'

const run = promisify(execFile)

let kdc: Kdc
let cluster: Awaited<ReturnType<typeof startCluster>>
let user: Awaited<ReturnType<Kdc['add']>>

beforeAll(async () => {
  kdc = await Kdc.start()
  user = await kdc.add('orders')
  const broker = await kdc.add('kafka/localhost')
  const listener = { protocol: 'SASL_PLAINTEXT', host: 'localhost', mechanisms: ['GSSAPI'], kerberos: broker } as const
  cluster = await startCluster({
    listeners: { KERBEROS: { ...listener, mechanisms: [...listener.mechanisms] } },
    krb5Config: kdc.config,
  })
  process.env.KRB5_CONFIG = kdc.config
  process.env.KRB5CCNAME = kdc.cache('orders')
})
afterAll(async () => {
  await cluster?.stop()
  await kdc?.stop()
})

const config = (keytab = user.keytab) => ({
  'bootstrap.servers': cluster.listeners.KERBEROS,
  'security.protocol': 'sasl_plaintext' as const,
  'sasl.mechanisms': 'GSSAPI',
  'sasl.kerberos.service.name': 'kafka',
  'sasl.kerberos.principal': user.principal,
  'sasl.kerberos.keytab': keytab,
})

it('logs in with a keytab, writes and reads', async () => {
  await using producer = new Producer(config())
  await producer.ready({ timeout: 20_000 })
  const { partition, offset } = await producer.send({ topic: 'kerberos', value: 'v' })
  await using consumer = new Consumer({ ...config(), 'group.id': 'kerberos' })
  await consumer.assign([{ topic: 'kerberos', partition, offset }])
  expect((await consumer.poll(20_000))?.text()).toBe('v')
})

it('says that a ticket cannot be had', async () => {
  await run('kdestroy', ['-q']).catch(() => {})
  await using producer = new Producer(config('/nowhere.keytab'))
  const error = await rejection(producer.ready({ timeout: 10_000 }))
  expect(error).toMatchObject({ code: '_AUTHENTICATION' })
})

it('loads where libsasl2 is missing, and says there what to install', async () => {
  const script = `
    import { Producer } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
    const producer = new Producer(${JSON.stringify({ ...config(), 'sasl.kerberos.kinit.cmd': 'true' })})
    console.log(await producer.ready({ timeout: 10_000 }).catch(String))
    await producer.close()`
  // A namespace of its own in which the library is an empty file.
  const hide =
    'for f in $(ldconfig -p | sed -n "s/.*=> \\(.*libsasl2[.]so.*\\)/\\1/p"); do mount --bind /dev/null "$f"; done; exec "$@"'
  const command = ['--mount', 'sh', '-c', hide, 'sh', process.execPath, '--input-type=module', '-e', script]
  const { stdout } = await run('unshare', process.getuid?.() === 0 ? command : ['--map-root-user', ...command])
  expect(stdout).toContain('libsasl2 is not installed')
})
