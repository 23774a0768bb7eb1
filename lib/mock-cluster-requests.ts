// What an embedded cluster was asked, and what it asks clients for.
import { checkArray, checkInteger, checkText, maxInt } from './mock-cluster-check.js'
import type { MockCore } from './mock-cluster-core.js'
import { apiKeyName, apiKeyNumber, type MockApiKey } from './mock-cluster-protocol.js'

/** A request that reached a broker. */
export interface MockRequest {
  brokerId: number
  apiKey: MockApiKey
  /** The number of `apiKey` in the protocol. */
  apiKeyNumber: number
  /** When it arrived, milliseconds since 1970; differences are exact to the microsecond. */
  timestamp: number
}

/** The requests that reached the brokers, from `start` to `stop`. */
export class MockRequests {
  readonly #core: MockCore
  // librdkafka forgets its list when it stops.
  #stopped: MockRequest[] | undefined = []

  /** @internal */
  constructor(core: MockCore) {
    this.#core = core
  }

  /** Begins an empty list. */
  start(): void {
    this.#core.native.startRequests()
    this.#stopped = undefined
  }

  /** Ends the list, which stays to be looked at. */
  stop(): void {
    this.#stopped ??= this.#read()
    this.#core.native.stopRequests()
  }

  /** Empties the list. */
  clear(): void {
    this.#core.native.clearRequests()
    if (this.#stopped) this.#stopped = []
  }

  /** The requests in the order of their arrival; of one kind, if it is given. */
  list(apiKey?: MockApiKey): MockRequest[] {
    const requests = this.#stopped ?? this.#read()
    if (apiKey === undefined) return [...requests]
    const number = apiKeyNumber(apiKey)
    return requests.filter((request) => request.apiKeyNumber === number)
  }

  #read(): MockRequest[] {
    const rows = this.#core.native.requests()
    const requests: MockRequest[] = []
    for (let i = 0; i < rows.length; i += 3) {
      const apiKeyNumber = rows[i + 1]
      requests.push({ brokerId: rows[i], apiKey: apiKeyName(apiKeyNumber), apiKeyNumber, timestamp: rows[i + 2] })
    }
    return requests
  }
}

/** What clients with `enable.metrics.push` are asked for (KIP-714). Clients ask once they are connected. */
export class MockTelemetry {
  readonly #core: MockCore

  /** @internal */
  constructor(core: MockCore) {
    this.#core = core
  }

  /** The metrics whose names begin with one of these; null, as at first, for none. */
  requestedMetrics(prefixes: readonly string[] | 'all' | null): void {
    const { native } = this.#core
    if (prefixes === 'all' || prefixes === null) {
      this.#core.check(native.telemetryMetrics(prefixes === null ? [] : ['']), 'requestedMetrics')
      return
    }
    const list = checkArray(prefixes, "prefixes is an array of metric names' beginnings, 'all', or null for none")
    const names = list.map((prefix) => checkText(prefix, "a metric name's beginning", 255))
    this.#core.check(native.telemetryMetrics(names), 'requestedMetrics')
  }

  /** How often they are pushed, milliseconds; 300,000 at first. */
  pushInterval(ms: number): void {
    const { native } = this.#core
    this.#core.check(native.telemetryPushInterval(checkInteger(ms, 'pushInterval', 1, maxInt)), 'pushInterval')
  }
}
