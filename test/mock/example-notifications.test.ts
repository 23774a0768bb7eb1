// examples/notifications on the embedded cluster: its README, its page in a real browser, every bad input.
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import Database from 'libsql'
import { MockCluster } from 'odradek'
import { type Browser, chromium, type Page } from 'playwright-core'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { ensureSystemPackages, findChromium } from '../../scripts/system-packages.mjs'
import { Example, follow, root, scratch } from '../helpers/example.js'
import { Receiver } from '../helpers/example-notifications.js'
import { waitFor } from '../helpers/wait.js'

let unavailable: string | undefined
beforeAll(async () => {
  await ensureSystemPackages(['browser']).catch((error) => {
    unavailable = error.message
  })
}, 600_000)

async function openPage(browser: Browser, user: string): Promise<Page> {
  const page = await browser.newPage()
  await page.goto(`http://localhost:7083/?user=${user}`)
  await page
    .getByRole('status')
    .filter({ hasText: /^connected$/ })
    .waitFor()
  return page
}

async function write(page: Page, recipient: string, message: string): Promise<void> {
  await page.getByLabel('To').selectOption(recipient)
  await page.getByLabel('Message').fill(message)
  await page.getByRole('button', { name: 'Send' }).click()
}

it('does what its README says, in a browser, and loses nothing when the worker is killed', {
  timeout: 180_000,
}, async ({ skip }) => {
  const executablePath = await findChromium()
  if (!executablePath) return skip(`no Chromium: ${unavailable}`)
  const { program, clone } = await follow('examples/notifications/README.md')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  onTestFinished(() => browser.close())
  const [alice, bob] = [await openPage(browser, 'alice'), await openPage(browser, 'bob')]
  const items = bob.getByRole('listitem')
  // That of the README, kept until he came.
  await items.filter({ hasText: 'alice: hello' }).waitFor()
  expect(existsSync(join(clone, 'notifications.db'))).toBe(true)
  await write(alice, 'bob', 'without reload <b>&amp;</b>')
  await items.filter({ hasText: 'alice: without reload <b>&amp;</b>' }).waitFor()
  await write(bob, 'alice', 'back')
  await alice.getByRole('listitem').filter({ hasText: 'bob: back' }).waitFor()

  const [, pid] = await program.shows(/worker .*pid (\d+)/)
  process.kill(Number(pid), 'SIGKILL')
  await bob.getByRole('status').filter({ hasText: 'not connected' }).waitFor()
  for (const message of ['first', 'second', 'third']) {
    await write(alice, 'bob', message)
    await waitFor('it is sent', async () => (await alice.getByLabel('Message').inputValue()) === '')
  }
  await items.filter({ hasText: 'third' }).waitFor({ timeout: 60_000 })
  expect(await items.allTextContents()).toEqual([
    'alice: third',
    'alice: second',
    'alice: first',
    'alice: without reload <b>&amp;</b>',
    'alice: hello',
  ])
  expect(await program.stop()).toBe(0)
})

async function openServices() {
  const cluster = new MockCluster()
  onTestFinished(() => cluster.close())
  await cluster.createTopic('notifications', { partitions: 2 })
  await cluster.createTopic('notifications.dlq')
  const env = { KAFKA_BROKERS: cluster.bootstrapServers, API_PORT: '0', WORKER_PORT: '0' }
  const file = (name: string) => `${root}examples/notifications/${name}`
  const api = new Example([file('api-service.mjs')], env)
  const database = `${scratch()}/notifications.db`
  const worker = new Example([file('worker-service.mjs')], { ...env, DATABASE: database })
  const [, url] = await api.shows(/(http:.*)\/\?/)
  const [, port] = await worker.shows(/ws:.*:(\d+)/)
  const post = async (body?: string | Buffer) => {
    const response = await fetch(`${url}/notify`, { method: 'POST', body: body as string })
    return { status: response.status, ...((await response.json()) as { reason?: string; id?: string }) }
  }
  await waitFor('the worker is ready', () => fetch(`http://localhost:${port}/healthz`).then(({ ok }) => ok))
  return { cluster, api, worker, url, port: Number(port), post, database }
}

const good = '{"sender":"alice","recipient":"bob","message":"m"}'

describe('the API', () => {
  it('answers each bad request with a status and a reason, and goes on', async () => {
    const { url, post } = await openServices()
    const of = (more: object) => JSON.stringify({ sender: 'alice', recipient: 'bob', message: 'm', ...more })
    const cases: [body: string | Buffer | undefined, status: number, reason: RegExp][] = [
      [undefined, 400, /there is no body/],
      ['{', 400, /not JSON/],
      [Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400, /not UTF-8/],
      ['null', 400, /expected object/],
      [of({ sender: 7 }), 400, /sender: .*expected string/],
      [of({ recipient: 'Bob!' }), 400, /recipient: a user is/],
      [of({ message: '' }), 400, /message: /],
      [of({ message: 'm'.repeat(2_001) }), 400, /message: /],
      [of({ more: 1 }), 400, /"more"/],
      [of({ recipient: 'zoe' }), 404, /no user 'zoe'/],
      [of({ sender: 'zoe' }), 404, /no user 'zoe'/],
      [of({ message: 'm'.repeat(10_000_000) }), 413, /16384 are accepted/],
    ]
    for (const [body, status, reason] of cases) {
      expect(await post(body)).toMatchObject({ status, reason: expect.stringMatching(reason) })
    }
    expect((await fetch(`${url}/notify`)).status).toBe(405)
    expect((await fetch(`${url}/nothing`)).status).toBe(404)
    expect(await post(good)).toMatchObject({ status: 202, id: expect.any(String) })
  })

  it('says 500 with a reason when the producer fails, and goes on afterwards', async () => {
    const { cluster, post } = await openServices()
    cluster.brokers.down()
    expect(await post(good)).toMatchObject({ status: 500, reason: expect.stringMatching(/not confirmed/) })
    cluster.brokers.up()
    expect(await post(good)).toMatchObject({ status: 202 })
  })
})

describe('the worker', () => {
  it('refuses whom it does not know, and closes on what it does not understand', async () => {
    const { port, post } = await openServices()
    const refusal = (path: string) =>
      new Promise<number | undefined>((resolve) => {
        const socket = new WebSocket(`ws://localhost:${port}${path}`)
        socket.on('error', () => {})
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode))
      })
    expect(await refusal('/')).toBe(400)
    expect(await refusal('/?user=zoe')).toBe(404)
    const closed = (data: string | Buffer) =>
      new Promise<number>((resolve) => {
        const socket = new WebSocket(`ws://localhost:${port}/?user=carol`)
        socket.on('open', () => socket.send(data))
        socket.on('close', resolve)
      })
    for (const data of ['', '{}', '0', '-1', '1e9', Buffer.from([0xff])]) expect(await closed(data)).toBe(1008)
    expect(await closed('1'.repeat(2_000))).toBe(1009)
    const bob = new Receiver('bob', port)
    const { id } = await post(good)
    await waitFor('it is delivered', () => bob.received.includes(id as string))
  })

  it('goes on when those whom it refuses are gone already, or ask for no path at all', async () => {
    const { port, worker } = await openServices()
    const upgrade = (path: string) =>
      `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`
    const answers = (path: string) =>
      new Promise<string>((resolve, reject) => {
        let text = ''
        const socket = connect(port, 'localhost', () => socket.write(upgrade(path)))
        socket.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        socket.on('error', reject).on('end', () => resolve(text))
      })
    expect(await answers('//')).toMatch(/^HTTP\/1.1 400 [\s\S]*say who/)
    const vanishes = () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, 'localhost', () => {
          socket.write(upgrade('/?user=zoe'), () => socket.resetAndDestroy())
        })
        socket.on('close', () => resolve()).on('error', reject)
      })
    await Promise.all(Array.from({ length: 50 }, vanishes))
    expect(await answers('/?user=zoe')).toMatch(/^HTTP\/1.1 404 /)
    expect(worker.output).not.toMatch(/Error/)
  })

  it('waits for a database that is down, and loses nothing', async () => {
    const { port, post, database, worker } = await openServices()
    const bob = new Receiver('bob', port)
    const before = await post(good)
    await waitFor('it is delivered', () => bob.received.includes(before.id as string))
    const locker = new Database(database)
    await waitFor('nobody else is writing', () => {
      try {
        locker.exec('BEGIN EXCLUSIVE')
        return true
      } catch {
        return false
      }
    })
    const { status, id } = await post(good)
    expect(status).toBe(202)
    await waitFor('the worker tries again', async () => {
      const response = await fetch(`http://localhost:${port}/healthz`)
      return ((await response.json()) as { sleeping: number }).sleeping > 0
    })
    // Readers are not locked out, and whoever connects now gets nothing twice.
    const other = new Receiver('bob', port)
    locker.exec('COMMIT')
    locker.close()
    await waitFor('it is delivered to both', () => other.received.includes(id as string))
    await waitFor('it is delivered', () => bob.received.includes(id as string))
    expect(await worker.stop()).toBe(0)
  })

  it('delivers once what was confirmed, to each connection what was not', async () => {
    const { port, post, worker } = await openServices()
    const ids: (string | undefined)[] = []
    for (let i = 0; i < 250; i++) ids.push((await post(good)).id)
    const first = new Receiver('bob', port)
    await waitFor('all are delivered, beyond the window', () => first.received.length === 250)
    expect(first.received).toEqual(ids)
    first.close()
    const { id } = await post(good)
    const second = new Receiver('bob', port)
    await waitFor('the last is delivered', () => second.received.includes(id as string))
    // What was confirmed in the last moment may come again, but not all of it.
    expect(second.received.length).toBeLessThan(100)
    expect(await worker.stop()).toBe(0)
  })
})
