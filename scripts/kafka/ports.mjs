// Free TCP ports on the loopback address.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the range from which systems take the ports of outgoing connections (Linux: from 32768). In that range a client
// that retries a stopped broker's port can connect to itself, and the broker could not come back on it.
const FIRST = 15_000
const LAST = 31_999

function bindable(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** @param {number} count */
export async function freePorts(count) {
  const ports = new Set()
  while (ports.size < count) {
    const port = randomInt(FIRST, LAST + 1)
    if (await bindable(port)) ports.add(port)
  }
  return [...ports]
}
