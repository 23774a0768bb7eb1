// examples/orders on the embedded cluster: its README, every bad input, the database down, poison, SIGTERM.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { Consumer, MockCluster, Producer } from 'odradek'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Example, follow, root, scratch } from '../helpers/example.js'
import { waitFor } from '../helpers/wait.js'

const file = (name: string) => `${root}examples/orders/${name}`

it('does what its README says, and starts again what dies', { timeout: 120_000 }, async () => {
  const { program, clone } = await follow('examples/orders/README.md')
  expect(existsSync(join(clone, 'stock.db'))).toBe(true)
  for (const [service, port, name] of [
    ['orders', 7081, 'order-service'],
    ['inventory', 7082, 'inventory-service'],
  ]) {
    const [, pid] = await program.shows(new RegExp(`${service} .*pid (\\d+)`))
    const before = program.output.length
    process.kill(Number(pid), 'SIGKILL')
    await program.shows(new RegExp(`${name} ended \\(SIGKILL\\)`), before)
    await program.shows(new RegExp(`${service} .*pid`), before)
    await waitFor('it answers again', () =>
      fetch(`http://localhost:${port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
  }
  const post = await fetch('http://localhost:7081/orders', {
    method: 'POST',
    body: '{"id":"x","product":"quince","quantity":1}',
  })
  expect(post.status).toBe(202)
  await waitFor('it is reserved', () => fetch('http://localhost:7082/orders/x').then(({ ok }) => ok))
  expect(await (await fetch('http://localhost:7082/stock')).json()).toContainEqual({ product: 'quince', available: 5 })
  expect(await program.stop()).toBe(0)
})

async function openCluster() {
  const cluster = new MockCluster()
  onTestFinished(() => cluster.close())
  await cluster.createTopic('orders', { partitions: 2 })
  await cluster.createTopic('orders.dlq')
  return cluster
}

async function openOrders(cluster: MockCluster) {
  const env = { KAFKA_BROKERS: cluster.bootstrapServers, ORDERS_PORT: '0' }
  const service = new Example([file('order-service.mjs')], env)
  const [, url] = await service.shows(/(http:\S+)/)
  const post = async (body?: string | Buffer) => {
    const response = await fetch(url, { method: 'POST', body: body as string })
    const { reason, id } = (await response.json()) as { reason?: string; id?: string }
    return { status: response.status, reason, id, retryAfter: response.headers.get('retry-after') }
  }
  return { service, url, post }
}

async function openInventory(cluster: MockCluster, database: string) {
  const env = { KAFKA_BROKERS: cluster.bootstrapServers, INVENTORY_PORT: '0', DATABASE: database }
  const service = new Example([file('inventory-service.mjs')], env)
  const [, url] = await service.shows(/(http:\S+)\/stock/)
  const get = async (path: string) => {
    const response = await fetch(url + path)
    return { status: response.status, text: await response.text() }
  }
  await waitFor('it is ready', async () => (await get('/readyz')).status === 200)
  return { service, get }
}

describe('the order service', () => {
  it('answers each bad request with a status and a reason, and goes on', async () => {
    const { url, post } = await openOrders(await openCluster())
    const large = JSON.stringify({ product: 'apple', quantity: 1, id: 'x'.repeat(10_000_000) })
    const cases: [body: string | Buffer | undefined, status: number, reason: RegExp][] = [
      [undefined, 400, /there is no body/],
      ['{', 400, /not JSON/],
      [Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400, /not UTF-8/],
      ['null', 400, /expected object, received null/],
      ['[]', 400, /expected object, received array/],
      ['{}', 400, /product: .*; quantity: /],
      ['{"product":"apple","quantity":"1"}', 400, /quantity: .*expected number/],
      ['{"product":"apple","quantity":0}', 400, /quantity: /],
      ['{"product":"apple","quantity":1.5}', 400, /quantity: /],
      ['{"product":7,"quantity":1}', 400, /product: .*expected string/],
      ['{"product":"apple","quantity":1,"id":"a b"}', 400, /id: an id has 1 to 64/],
      ['{"product":"apple","quantity":1,"price":1}', 400, /Unrecognized key: "price"/],
      ['{"product":"plum","quantity":1}', 404, /there is no product 'plum'; there are apple, pear, quince/],
      [large, 413, /10000040 bytes; 65536 are accepted/],
    ]
    for (const [body, status, reason] of cases) {
      expect(await post(body)).toMatchObject({ status, reason: expect.stringMatching(reason) })
    }
    expect((await fetch(url)).status).toBe(405)
    expect((await fetch(`${url}/nothing`)).status).toBe(404)
    expect(await post('{"product":"apple","quantity":1}')).toMatchObject({ status: 202, id: expect.any(String) })
  })

  it('says 503 with the id while no broker answers, and takes the same order afterwards', async () => {
    const cluster = await openCluster()
    const { post } = await openOrders(cluster)
    cluster.brokers.down()
    const refused = await post('{"id":"again","product":"apple","quantity":1}')
    expect(refused).toMatchObject({ status: 503, id: 'again', retryAfter: '1' })
    expect(refused.reason).toMatch(/not confirmed/)
    cluster.brokers.up()
    expect(await post('{"id":"again","product":"apple","quantity":1}')).toMatchObject({ status: 202, id: 'again' })
  })

  it('answers what was begun when SIGTERM comes', async () => {
    const cluster = await openCluster()
    const { service, post } = await openOrders(cluster)
    cluster.brokers.rtt(500)
    cluster.requests.start()
    const posted = post('{"id":"last","product":"apple","quantity":1}')
    await waitFor('it is on its way', () => cluster.requests.list('Produce').length > 0)
    service.kill('SIGTERM')
    expect(await posted).toMatchObject({ status: 202, id: 'last' })
    expect((await service.ended).code).toBe(0)
  })
})

describe('the inventory service', () => {
  it('waits for a database that is down, skips nothing, and shows the lag', { timeout: 90_000 }, async () => {
    const cluster = await openCluster()
    const database = `${scratch()}/stock.db`
    const { service, get } = await openInventory(cluster, database)
    const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
    onTestFinished(() => producer.close())
    const send = (id: string) =>
      producer.send({
        topic: 'orders',
        partition: 0,
        key: id,
        value: JSON.stringify({ id, product: 'pear', quantity: 2 }),
      })
    await send('before')
    await waitFor('it is reserved', async () => (await get('/orders/before')).status === 200)
    const locker = new Database(database)
    locker.exec('BEGIN EXCLUSIVE')
    await send('a')
    await service.shows(/attempt 2 failed: database is locked/)
    await send('b')
    await waitFor('the lag shows', async () => {
      const lags = (await get('/metrics')).text.matchAll(/^kafka_consumer_lag\{.*\} (\d+)$/gm)
      return [...lags].some(([, lag]) => Number(lag) === 2)
    })
    locker.exec('COMMIT')
    locker.close()
    await waitFor('both are reserved', async () => (await get('/orders/b')).status === 200)
    expect(JSON.parse((await get('/stock')).text)).toContainEqual({ product: 'pear', available: 994 })
    expect(service.output).not.toMatch(/dlq/)
    expect(await service.stop()).toBe(0)
  })

  it('sends what is no order to the dead-letter topic, goes on, and commits on SIGTERM', async () => {
    const cluster = await openCluster()
    const { service, get } = await openInventory(cluster, `${scratch()}/stock.db`)
    const config = { 'bootstrap.servers': cluster.bootstrapServers }
    const producer = new Producer(config)
    onTestFinished(() => producer.close())
    const good = (id: string) => ({
      key: id,
      value: JSON.stringify({ id, product: 'pear', quantity: 1 }),
      partition: 0,
    })
    const bad = ['{', '{"id":"x","product":"pear","quantity":-1}', Buffer.from([0xff])]
    await producer.sendBatch('orders', [
      good('a'),
      ...bad.map((value) => ({ key: 'bad', value, partition: 0 })),
      { key: 'tombstone', value: null, partition: 0 },
      good('b'),
      { ...good('c'), value: '{"id":"c","product":"plum","quantity":1}' },
    ])
    await waitFor('the last is handled', async () => (await get('/orders/c')).status === 200)
    expect(JSON.parse((await get('/orders/c')).text).state).toBe('rejected')
    expect(JSON.parse((await get('/stock')).text)).toContainEqual({ product: 'pear', available: 998 })
    expect((await get('/orders/nobody')).status).toBe(404)
    expect((await get('/nothing')).status).toBe(404)
    expect(await service.stop()).toBe(0)

    const reader = new Consumer({ ...config, 'group.id': 'inventory', 'enable.partition.eof': true })
    onTestFinished(() => reader.close())
    const letters = []
    for await (const letter of reader.read({ topic: 'orders.dlq' })) letters.push(letter)
    expect(letters.map(({ value }) => value)).toEqual(bad.map((value) => Buffer.from(value)))
    expect(letters.map(({ headers }) => headers.get('dead-letter.error')?.toString())).toEqual([
      expect.stringMatching(/JSON/),
      expect.stringMatching(/quantity/),
      expect.stringMatching(/UTF-8/),
    ])
    const [{ offset }] = await reader.committed([{ topic: 'orders', partition: 0 }])
    expect(offset).toBe(7)
  })
})
