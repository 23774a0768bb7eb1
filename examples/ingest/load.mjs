// Records of 1 KiB, 100 to a request: node examples/ingest/load.mjs [records] [connections]
import { Agent, request } from 'node:http'

const { INGEST_PORT = '7085' } = process.env
const [records, connections] = [Number(process.argv[2] ?? 500_000), Number(process.argv[3] ?? 16)]
const perRequest = 100

const line = (id) => {
  const head = `{"id":${id},"text":"`
  return `${head}${'x'.repeat(1_024 - head.length - 3)}"}\n`
}
const body = Buffer.from(Array.from({ length: perRequest }, (_, id) => line(id)).join(''))
const agent = new Agent({ keepAlive: true, maxSockets: connections })

function call(method, path, content) {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, port: Number(INGEST_PORT), path, method }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))))
    })
    sent.on('error', reject).end(content)
  })
}

const times = []
let [left, accepted, rss] = [Math.ceil(records / perRequest), 0, 0]
const from = performance.now()
await Promise.all(
  Array.from({ length: connections }, async () => {
    while (left-- > 0) {
      const begun = performance.now()
      const answer = await call('POST', '/ingest', body)
      accepted += answer.accepted
      times.push(performance.now() - begun)
      if (left % 100 === 0) rss = Math.max(rss, (await call('GET', '/healthz')).rss)
    }
  }),
)
const seconds = (performance.now() - from) / 1_000
times.sort((a, b) => a - b)
const [p50, p99] = [0.5, 0.99].map((part) => times[Math.floor((times.length - 1) * part)].toFixed(1))
const rate = Math.round(accepted / seconds)
console.log(`${accepted} records in ${seconds.toFixed(1)} s: ${rate}/s, ${(rate / 1024).toFixed(0)} MiB/s`)
console.log(`requests of ${perRequest}: p50 ${p50} ms, p99 ${p99} ms; memory ${Math.round(rss / 2 ** 20)} MiB`)
agent.destroy()
