// examples/ingest on the embedded cluster: its README, every bad input, back-pressure and memory.
import { request } from 'node:http'
import { MockCluster } from 'odradek'
import { expect, it, onTestFinished } from 'vitest'
import { Example, follow, root } from '../helpers/example.js'
import { waitFor } from '../helpers/wait.js'

it('does what its README says', { timeout: 120_000 }, async () => {
  const { program } = await follow('examples/ingest/README.md')
  expect(await program.stop()).toBe(0)
})

async function open() {
  const cluster = new MockCluster()
  onTestFinished(() => cluster.close())
  await cluster.createTopic('events', { partitions: 4 })
  const env = { KAFKA_BROKERS: cluster.bootstrapServers, INGEST_PORT: '0' }
  const service = new Example([`${root}examples/ingest/ingest-service.mjs`], env)
  const [, url, port] = await service.shows(/(http:.*:(\d+))\/ingest/)
  const post = async (body?: string | Buffer, query = '') => {
    const response = await fetch(`${url}/ingest${query}`, { method: 'POST', body: body as string })
    const result = (await response.json()) as { accepted: number; rejected: number; failed: number; reasons: string[] }
    return { status: response.status, ...result }
  }
  const rss = async () => ((await (await fetch(`${url}/healthz`)).json()) as { rss: number }).rss
  return { cluster, service, url, port: Number(port), post, rss }
}

it('answers each bad body with a status and reasons, and takes the lines that are good', async () => {
  const { url, port, post, rss } = await open()
  const before = await rss()
  const cases: [body: string | Buffer | undefined, query: string, accepted: number, reasons: (string | RegExp)[]][] = [
    [undefined, '', 0, [/there is no record/]],
    ['\n\n', '', 0, [/there is no record/]],
    ['{"a":1}\n{\n{"a":2}', '', 2, [/^line 2: it is not JSON/]],
    [Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}\n1\n')]), '', 1, [/line 1: .*UTF-8/]],
    ['{"id":1}\n{"id":"b"}\n{"id":null}\n{"id":{}}\n7\nnull\n', '?key=id', 2, Array(4).fill(/it has no id/)],
    [`{"id":"${'k'.repeat(2_000)}"}`, '?key=id', 0, [/its id is longer than 1000/]],
    [`1\n"${'x'.repeat(10_000_000)}"\n2`, '', 2, [/^line 2: it is longer than 900000/]],
    [Array(20).fill('x').join('\n'), '', 0, Array(10).fill(/not JSON/)],
  ]
  for (const [body, query, accepted, reasons] of cases) {
    const matching = reasons.map((reason) => expect.stringMatching(reason))
    expect(await post(body, query)).toMatchObject({ status: 400, accepted, failed: 0, reasons: matching })
  }
  expect(await rss()).toBeLessThan(before + 100 * 2 ** 20)
  expect((await fetch(`${url}/ingest`)).status).toBe(405)
  expect((await fetch(`${url}/nothing`)).status).toBe(404)
  const noPath = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request({ port, path: '//', method: 'POST' }, (response) => resolve(response.resume().statusCode))
    sent.on('error', reject).end('{}')
  })
  expect(noPath).toBe(400)
  expect(await post('{"a":1}\n')).toEqual({ status: 200, accepted: 1, rejected: 0, failed: 0, reasons: [] })
})

it('holds the client back while the brokers are down, with bounded memory, and loses nothing', {
  timeout: 120_000,
}, async () => {
  const { cluster, service, port, post, rss } = await open()
  await post('{"warm":"up"}\n')
  const before = await rss()
  cluster.brokers.down()
  const line = Buffer.from(`{"text":"${'x'.repeat(1_012)}"}\n`)
  const lines = Buffer.concat(Array(64).fill(line))
  const [clients, perClient] = [4, 400]
  let written = 0
  const client = () =>
    new Promise<{ accepted: number }>((resolve, reject) => {
      const sent = request({ port, path: '/ingest', method: 'POST' }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, ...JSON.parse(text) }))
      })
      sent.on('error', reject)
      let left = perClient
      const write = () => {
        while (left-- > 0) {
          written++
          if (!sent.write(lines)) return void sent.once('drain', write)
        }
        sent.end()
      }
      write()
    })
  const answers = Promise.all(Array.from({ length: clients }, client))
  // Until nothing has been taken for a second: the queue is full, and so are the sockets.
  let [last, since] = [0, performance.now()]
  await waitFor(
    'the clients are held back',
    () => {
      if (written !== last) [last, since] = [written, performance.now()]
      return written > 0 && performance.now() - since > 1_000
    },
    20_000,
  )
  expect(written).toBeLessThan((clients * perClient * 3) / 4)
  // 100 MiB are on their way; the queue's 32 MiB, in slabs and in librdkafka, and what reads hold.
  expect(await rss()).toBeLessThan(before + 100 * 2 ** 20)
  cluster.brokers.up()
  const complete = { status: 200, accepted: perClient * 64, rejected: 0, failed: 0, reasons: [] }
  expect(await answers).toEqual(Array(clients).fill(complete))
  expect(await rss()).toBeLessThan(before + 120 * 2 ** 20)
  expect(await service.stop()).toBe(0)
})

it('says 503 when the brokers refuse, and how many they have', async () => {
  const { cluster, post } = await open()
  expect(await post('{"a":1}\n')).toMatchObject({ status: 200 })
  for (let partition = 0; partition < 4; partition++) {
    cluster.partition('events', partition).pushErrors('Produce', Array(5).fill('MSG_SIZE_TOO_LARGE'))
  }
  const refused = await post('{"a":1}\n{"a":2}\nx\n')
  expect(refused).toMatchObject({ status: 503, accepted: 0, rejected: 1, failed: 2 })
  expect(refused.reasons).toEqual(expect.arrayContaining([expect.stringMatching(/^not delivered: .*too large/i)]))
})
