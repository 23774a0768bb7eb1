// examples/notifications with receivers that note what reaches them: they are the witnesses.
import { expect, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { Example, root, scratch } from './example.js'
import { waitFor } from './wait.js'

export const users = ['alice', 'bob', 'carol']

/** Connects, confirms, and connects again when the worker is gone. */
export class Receiver {
  readonly received: string[] = []
  readonly #url: string
  #socket: WebSocket | undefined
  #done = false

  constructor(user: string, port: number) {
    this.#url = `ws://localhost:${port}/?user=${user}`
    this.#connect()
    onTestFinished(() => this.close())
  }

  #connect(): void {
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    socket.on('message', (data) => {
      const { id, number } = JSON.parse(String(data))
      this.received.push(id)
      socket.send(String(number))
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!this.#done) setTimeout(() => this.#connect(), 50)
    })
  }

  close(): void {
    this.#done = true
    this.#socket?.terminate()
  }
}

export class Post {
  readonly program: Example
  readonly #port: number
  readonly receivers: Map<string, Receiver>
  /** Ids that were answered with 202, by recipient. */
  readonly confirmed = new Map<string, string[]>(users.map((user) => [user, []]))
  refused = 0
  #open = true

  constructor(brokers: string, port: number) {
    this.#port = port
    this.program = new Example([`${root}examples/notifications/main.mjs`], {
      KAFKA_BROKERS: brokers,
      API_PORT: String(port),
      WORKER_PORT: String(port + 1),
      DATABASE: `${scratch()}/notifications.db`,
    })
    this.receivers = new Map(users.map((user) => [user, new Receiver(user, port + 1)]))
  }

  async ready(): Promise<void> {
    for (const port of [this.#port, this.#port + 1]) {
      const healthy = () =>
        fetch(`http://localhost:${port}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        )
      await waitFor(`port ${port} is ready`, healthy, 60_000)
    }
  }

  get count(): number {
    return [...this.confirmed.values()].reduce((sum, { length }) => sum + length, 0)
  }

  get received(): number {
    return [...this.receivers.values()].reduce((sum, { received }) => sum + received.length, 0)
  }

  async send(sender: string, recipient: string): Promise<boolean> {
    try {
      const body = JSON.stringify({ sender, recipient, message: `to ${recipient}` })
      const response = await fetch(`http://localhost:${this.#port}/notify`, { method: 'POST', body })
      const { id } = (await response.json()) as { id: string }
      if (response.status !== 202) return false
      this.confirmed.get(recipient)?.push(id)
      return true
    } catch {
      return false
    }
  }

  /** People who write one after the other, until `leave()`. */
  writers(count: number): Promise<void[]> {
    const write = async (number: number) => {
      while (this.#open) {
        if (!(await this.send(users[number % 3], users[(number + 1 + (this.count % 2)) % 3]))) {
          this.refused++
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    return Promise.all(Array.from({ length: count }, (_, i) => write(i)))
  }

  leave(): void {
    this.#open = false
  }

  async kill(service: 'api' | 'worker'): Promise<void> {
    const pids = [...this.program.output.matchAll(new RegExp(`^${service} .*pid (\\d+)`, 'gm'))]
    const before = this.program.output.length
    process.kill(Number(pids.at(-1)?.[1]), 'SIGKILL')
    await this.program.shows(new RegExp(`^${service} .*pid (\\d+)`, 'm'), before)
  }

  /** What was confirmed and has not arrived. */
  missing(): string[] {
    return users.flatMap((user) => {
      const received = new Set(this.receivers.get(user)?.received)
      return this.confirmed.get(user)?.filter((id) => !received.has(id)) ?? []
    })
  }

  async check(): Promise<void> {
    await waitFor('each confirmed notification has arrived', () => this.missing().length === 0, 90_000)
    // With its recipient, and with nobody else.
    for (const user of users) {
      const received = new Set(this.receivers.get(user)?.received)
      const others = users.filter((other) => other !== user).flatMap((other) => this.confirmed.get(other) ?? [])
      expect(others.filter((id) => received.has(id))).toEqual([])
    }
  }
}
