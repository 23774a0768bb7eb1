// The requests that an embedded cluster answers, and the errors that it can be told to answer with.

import { nearest } from './config-suggest.js'
import { type ErrorCode, ErrorCodes } from './errors.js'
import { checkArray, checkInteger, checkOptions, given, invalid } from './mock-cluster-check.js'

// Number and versions as in rdkafka_mock_handlers.c; test/mock/mock-cluster-protocol.test.ts asks the cluster itself.
const apis = {
  Produce: { number: 0, min: 0, max: 10 },
  Fetch: { number: 1, min: 0, max: 16 },
  ListOffsets: { number: 2, min: 0, max: 7 },
  Metadata: { number: 3, min: 0, max: 12 },
  OffsetCommit: { number: 8, min: 0, max: 9 },
  OffsetFetch: { number: 9, min: 0, max: 6 },
  FindCoordinator: { number: 10, min: 0, max: 3 },
  JoinGroup: { number: 11, min: 0, max: 6 },
  Heartbeat: { number: 12, min: 0, max: 5 },
  LeaveGroup: { number: 13, min: 0, max: 4 },
  SyncGroup: { number: 14, min: 0, max: 4 },
  ApiVersion: { number: 18, min: 0, max: 2 },
  InitProducerId: { number: 22, min: 0, max: 4 },
  OffsetForLeaderEpoch: { number: 23, min: 2, max: 2 },
  AddPartitionsToTxn: { number: 24, min: 0, max: 1 },
  AddOffsetsToTxn: { number: 25, min: 0, max: 1 },
  EndTxn: { number: 26, min: 0, max: 1 },
  TxnOffsetCommit: { number: 28, min: 0, max: 3 },
  ConsumerGroupHeartbeat: { number: 68, min: 1, max: 1 },
  GetTelemetrySubscriptions: { number: 71, min: 0, max: 0 },
  PushTelemetry: { number: 72, min: 0, max: 0 },
  ShareGroupHeartbeat: { number: 76, min: 1, max: 1 },
  ShareFetch: { number: 78, min: 1, max: 1 },
  ShareAcknowledge: { number: 79, min: 1, max: 1 },
} as const

/** A kind of request, by librdkafka's name. These are the ones that an embedded cluster answers. */
export type MockApiKey = keyof typeof apis

/** The kinds of request in which a single partition can fail. */
export type MockPartitionApiKey = 'Produce' | 'Fetch' | 'ShareFetch' | 'ShareAcknowledge'

const partitionApis: readonly MockApiKey[] = ['Produce', 'Fetch', 'ShareFetch', 'ShareAcknowledge']

// rdkafka.h has these codes by two names; a KafkaError shows the other.
const otherNames = {
  NOT_LEADER_OR_FOLLOWER: 'NOT_LEADER_FOR_PARTITION',
  GROUP_LOAD_IN_PROGRESS: 'COORDINATOR_LOAD_IN_PROGRESS',
  GROUP_COORDINATOR_NOT_AVAILABLE: 'COORDINATOR_NOT_AVAILABLE',
  NOT_COORDINATOR_FOR_GROUP: 'NOT_COORDINATOR',
} as const satisfies Record<string, ErrorCode>

/** An error that a broker can answer with, by librdkafka's name. `NO_ERROR` lets a request through. */
export type MockBrokerError = Exclude<ErrorCode, `_${string}`> | keyof typeof otherNames

/** What a request can be made to meet: a broker's error, or `_TRANSPORT`, which closes its connection. */
export type MockError = MockBrokerError | '_TRANSPORT'

/** What a request to one broker can be made to meet: an error, a delay of `rtt` milliseconds, or both. */
export type MockBrokerFault = MockError | { error?: MockError; rtt: number }

export interface ApiVersionRange {
  min: number
  max: number
}

export function versionsOf(apiKey: MockApiKey): ApiVersionRange {
  const { min, max } = apis[apiKey]
  return { min, max }
}

export function apiKeyName(number: number): MockApiKey {
  for (const [name, api] of Object.entries(apis)) if (api.number === number) return name as MockApiKey
  return String(number) as MockApiKey
}

/** The number of a kind of request. */
export function apiKeyNumber(apiKey: unknown): number {
  if (typeof apiKey === 'string' && Object.hasOwn(apis, apiKey)) return apis[apiKey as MockApiKey].number
  const names = Object.keys(apis)
  const meant = typeof apiKey === 'string' ? nearest(apiKey, names) : undefined
  const hint = meant ? `did you mean '${meant}'?` : `it is one of ${names.join(', ')}`
  throw invalid(`apiKey is the name of a request that the embedded cluster answers; got ${given(apiKey)}, ${hint}`)
}

export function partitionApiKeyNumber(apiKey: unknown): number {
  if (partitionApis.includes(apiKey as MockApiKey)) return apiKeyNumber(apiKey)
  throw invalid(`apiKey is, for a partition, one of ${partitionApis.join(', ')}; got ${given(apiKey)}`)
}

/** The number of an error that a broker can answer with. */
export function brokerErrno(error: unknown, what: string): number {
  if (typeof error === 'string') {
    if (Object.hasOwn(otherNames, error)) return ErrorCodes[otherNames[error as keyof typeof otherNames]]
    if (Object.hasOwn(ErrorCodes, error) && !error.startsWith('_')) return ErrorCodes[error as ErrorCode]
    const meant = error.startsWith('_') ? undefined : nearest(error, Object.keys(ErrorCodes))
    if (meant && !meant.startsWith('_'))
      throw invalid(`${what}: there is no error '${error}'; did you mean '${meant}'?`)
  }
  throw invalid(
    `${what} takes a broker's error by name, such as 'REQUEST_TIMED_OUT' (see ErrorCodes); got ${given(error)}`,
  )
}

/** The same, or `_TRANSPORT`. */
export function errno(error: unknown, apiKey: MockApiKey, what: string): number {
  if (error === '_TRANSPORT') return ErrorCodes._TRANSPORT
  if (typeof error === 'string' && error.startsWith('_')) {
    throw invalid(`${what} takes broker errors, and '_TRANSPORT' to close the connection; got ${given(error)}`)
  }
  const number = brokerErrno(error, what)
  if (apiKey === 'Metadata' && number !== ErrorCodes.NO_ERROR) {
    const instead = "it can meet '_TRANSPORT' or an rtt, and topicError() makes a topic's part of it fail"
    throw invalid(`${what}: a Metadata response has no error of its own; ${instead}`)
  }
  return number
}

/** A list of errors for `pushErrors`. */
export function errnos(errors: unknown, one: (error: unknown) => number): Int32Array {
  const list = checkArray(errors, "errors is an array of errors by name, such as ['REQUEST_TIMED_OUT']")
  return Int32Array.from(list, one)
}

/** A list of faults as pairs of error and milliseconds. */
export function faults(list: unknown, apiKey: MockApiKey): Int32Array {
  const what = "errors is an array of errors by name, or of { error, rtt }, such as ['REQUEST_TIMED_OUT', { rtt: 50 }]"
  const pairs = checkArray(list, what).flatMap((fault) => {
    if (typeof fault === 'string') return [errno(fault, apiKey, 'pushErrors'), 0]
    const { error = 'NO_ERROR', rtt } = checkOptions<{ error: unknown; rtt: unknown }>(fault, 'pushErrors', [
      'error',
      'rtt',
    ])
    return [errno(error, apiKey, 'pushErrors'), checkInteger(rtt, 'rtt', 0)]
  })
  return Int32Array.from(pairs)
}
