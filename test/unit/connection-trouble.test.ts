// What librdkafka's events and log lines are taken for.
import { describe, expect, it, vi } from 'vitest'
import { diagnose } from '../../lib/connection-advice.js'
import { ConnectionTrouble } from '../../lib/connection-trouble.js'
import { KafkaError } from '../../lib/errors.js'

const refused =
  '127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)'
const down = () => new KafkaError('_ALL_BROKERS_DOWN', '1/1 brokers are down')
const failed =
  'SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate could not be verified'

describe('diagnose', () => {
  it.each([
    [
      'host:9092/3: Connect to ipv4#1.2.3.4:9092 failed: Connection refused',
      "host:9092 (Connection refused): check the broker's 'advertised.listeners'",
    ],
    [
      '[::1]:9092/bootstrap: Connect to ipv6#[::1]:9092 failed: No route to host',
      "[::1]:9092 cannot be reached (Connect to ipv6#[::1]:9092 failed: No route to host): check 'bootstrap.servers'",
    ],
    [
      'GroupCoordinator: host:9092: Connect to ipv4#1.2.3.4:9092 failed: Connection refused',
      'nothing listens at host:9092',
    ],
    ['ssl://host:9093/bootstrap: Connection setup timed out in state CONNECT', 'host:9093 cannot be reached'],
  ])('%s', (text, says) => {
    const { error, permanent } = diagnose(new KafkaError('_TRANSPORT', text))
    expect(error).toMatchObject({ code: '_TRANSPORT', retriable: true, cause: { message: text } })
    expect(error.message).toContain(says)
    expect(permanent).toBe(false)
  })

  it('tells refusals of a certificate apart', () => {
    const error = new KafkaError('_SSL', `ssl://host:9093/bootstrap: ${failed}`)
    const says = (refusal?: string) => diagnose(error, refusal).error.message
    expect(says()).toContain("check 'ssl.ca.location'")
    expect(says('…: its issuer is not known (OpenSSL error 20)')).toContain("check 'ssl.ca.location'")
    expect(says('…: it is for another host (OpenSSL error 62)')).toContain(
      "a name that it lists (subjectAltName) in 'bootstrap.servers'",
    )
    expect(says('…: it is for another address (OpenSSL error 64)')).toContain('for another host')
    expect(says('…: it has expired (OpenSSL error 10)')).toContain('is not valid now')
    expect(says('…: it was revoked (OpenSSL error 23)')).toContain('was revoked')
    expect(diagnose(error).permanent).toBe(true)
  })

  it('leaves alone what it does not know', () => {
    const error = new KafkaError('_TRANSPORT', 'something new')
    expect(diagnose(error)).toEqual({ error, permanent: false })
  })
})

describe('ConnectionTrouble', () => {
  it('explains requests that had no answer, and no others', () => {
    const trouble = new ConnectionTrouble()
    const timedOut = new KafkaError('_TIMED_OUT', 'Timed out', { retriable: true })
    expect(trouble.explain(timedOut)).toBe(timedOut)
    trouble.note(new KafkaError('_TRANSPORT', refused))
    const explained = trouble.explain(timedOut)
    expect(explained).toMatchObject({ code: '_TIMED_OUT', retriable: true, cause: { code: '_TRANSPORT' } })
    expect(explained.message).toMatch(/^Timed out: nothing listens at 127\.0\.0\.1:1/)
    const other = new KafkaError('UNKNOWN_TOPIC_OR_PART')
    expect(trouble.explain(other)).toBe(other)
    expect(trouble.explain(explained)).toBe(explained)
    trouble.clear()
    expect(trouble.explain(timedOut)).toBe(timedOut)
  })

  it('forgets what it has not heard of for a while', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const trouble = new ConnectionTrouble()
      trouble.note(new KafkaError('_TRANSPORT', refused))
      vi.advanceTimersByTime(39_000)
      expect(trouble.last).toBeDefined()
      trouble.note(down())
      vi.advanceTimersByTime(39_000)
      expect(trouble.last).toBeDefined()
      vi.advanceTimersByTime(2000)
      expect(trouble.last).toBeUndefined()
    } finally {
      vi.useRealTimers()
    }
  })

  it('reports that all brokers are down once in 30 seconds, and again after they were up', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const trouble = new ConnectionTrouble()
      trouble.note(new KafkaError('_TRANSPORT', refused))
      expect(trouble.note(down())?.message).toMatch(/^1\/1 brokers are down: nothing listens/)
      expect(trouble.note(down())).toBeUndefined()
      vi.advanceTimersByTime(30_000)
      expect(trouble.note(down())).toBeDefined()
      trouble.clear()
      trouble.note(new KafkaError('_TRANSPORT', refused))
      expect(trouble.note(down())).toBeDefined()
    } finally {
      vi.useRealTimers()
    }
  })

  it('learns from the log what is no event, and not that an idle connection was ended', () => {
    const trouble = new ConnectionTrouble()
    const line = (rest: string) =>
      `[thrd:host:9092/bootstrap]: host:9092/bootstrap: Disconnected: connection closed by peer ${rest}`
    trouble.log(6, 'FAIL', line('(after 600000ms in state UP)'))
    expect(trouble.note(down())).toBeUndefined()
    trouble.log(3, 'FAIL', line('(after 1ms in state APIVERSION_QUERY)'))
    expect(trouble.some).toBe(false)
    trouble.log(6, 'FAIL', line('(after 1ms in state APIVERSION_QUERY)'))
    expect(trouble.last?.error.code).toBe('_UNSUPPORTED_FEATURE')
    expect(trouble.note(down())?.cause).toBe(trouble.last?.error)
  })

  it('tells its watchers when all brokers are down', () => {
    const trouble = new ConnectionTrouble()
    const found = vi.fn()
    const stop = trouble.watch(found)
    trouble.note(down())
    expect(found).not.toHaveBeenCalled()
    trouble.log(
      3,
      'SSLCERTVRFY',
      '[thrd:ssl://h:1/bootstrap]: ssl://h:1/bootstrap: Certificate (subject=…) verification callback failed: it has expired (OpenSSL error 10)',
    )
    trouble.note(new KafkaError('_SSL', `ssl://h:1/bootstrap: ${failed}`))
    trouble.note(down())
    expect(found.mock.calls[0][0]).toMatchObject({
      permanent: true,
      error: { message: expect.stringContaining('not valid now') },
    })
    stop()
    trouble.note(down())
    expect(found).toHaveBeenCalledTimes(1)
  })
})
