// Admin operations on SCRAM credentials of users. A password is in no message.
import {
  checkFields,
  checkInteger,
  checkList,
  checkName,
  checkText,
  checkTexts,
  invalid,
  nameOf,
  scramMechanisms,
} from './admin-check.js'
import { type AdminOptions, type Ask, checkOptions, errorOfSome, inOrder, withErrors, within } from './admin-request.js'
import type { KafkaError } from './errors.js'

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
const accepted = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const defaultIterations = 8192
// Kafka's limits.
const minIterations = 4096
const maxIterations = 16_384

/** Sets the password of a user for a mechanism, or deletes it. */
export type ScramAlteration =
  | {
      user: string
      mechanism: ScramMechanism
      password: string | Uint8Array
      /** 4,096 to 16,384; 8,192 without it. */
      iterations?: number
      /** Random without it. */
      salt?: Uint8Array
    }
  | { user: string; mechanism: ScramMechanism; delete: true }

/** What became of one alteration. */
export interface ScramResult {
  user: string
  mechanism: ScramMechanism
  error?: KafkaError
}

export interface ScramDescription {
  user: string
  error?: KafkaError
  credentials: { mechanism: ScramMechanism | 'unknown'; iterations: number }[]
}

export async function describeUserScramCredentials(
  ask: Ask,
  users: readonly string[],
  options: AdminOptions,
): Promise<ScramDescription[]> {
  const what = 'describeUserScramCredentials'
  checkOptions(options, what, ['broker'])
  type Wire = Omit<ScramDescription, 'credentials'> & { credentials: { mechanism: number; iterations: number }[] }
  const names = checkTexts(users, what, 'a user')
  const list = inOrder(withErrors(await ask<Wire[]>(what, names, options)), names, ({ user }) => user)
  return list.map((user) => ({
    ...user,
    credentials: user.credentials.map(({ mechanism, iterations }) => ({
      mechanism: nameOf(scramMechanisms, mechanism),
      iterations,
    })),
  }))
}

export async function alterUserScramCredentials(
  ask: Ask,
  alterations: readonly ScramAlteration[],
  options: AdminOptions,
): Promise<ScramResult[]> {
  const what = 'alterUserScramCredentials'
  const left = within(checkOptions(options, what, ['broker']), what)
  const list = checkList(alterations, what).map((item) => alteration(checkFields(item, what, fields), what))
  const results: ScramResult[] = []
  let failure: KafkaError | undefined
  for (const [number, round] of rounds(list).entries()) {
    const wire = round.map((index) => list[index])
    const errors = new Map<string, KafkaError | undefined>()
    try {
      // What follows a round that failed is not sent: the alterations of a user are made in order.
      if (failure) throw failure
      const answers = await ask<{ user: string; error?: KafkaError }[]>(what, wire, left())
      for (const { user, error } of withErrors(answers)) errors.set(user, error)
    } catch (error) {
      if (number === 0) throw error
      failure = errorOfSome(error)
      for (const { user } of wire) errors.set(user, failure)
    }
    for (const index of round) {
      const { user, mechanism } = alterations[index]
      const error = errors.get(user)
      results[index] = error ? { user, mechanism, error } : { user, mechanism }
    }
  }
  return results
}

const fields = ['user', 'mechanism', 'password', 'iterations', 'salt', 'delete']

/** Kafka takes a user once in a request: the indexes of what can go together, in order. */
function rounds(list: readonly { user: string }[]): number[][] {
  const counts = new Map<string, number>()
  const result: number[][] = []
  list.forEach(({ user }, index) => {
    const round = counts.get(user) ?? 0
    counts.set(user, round + 1)
    result[round] ??= []
    result[round].push(index)
  })
  return result
}

function alteration(item: ScramAlteration, what: string): { user: string } & Record<string, unknown> {
  const user = checkText(item.user, `${what}: user`)
  const mechanism = checkName(item.mechanism, scramMechanisms, `${what}: ${user}: mechanism`, accepted)
  if ('delete' in item) {
    if (item.delete === true && !('password' in item)) return { user, mechanism }
    throw invalid(`${what}: ${user}: an alteration has either a password or delete: true`)
  }
  const { iterations = defaultIterations, salt } = item
  checkInteger(iterations, `${what}: ${user}: iterations`, minIterations, maxIterations)
  if (salt !== undefined && (!(salt instanceof Uint8Array) || salt.length === 0)) {
    throw invalid(`${what}: ${user}: salt is a Buffer or Uint8Array that is not empty`)
  }
  return { user, mechanism, iterations, password: passwordBytes(item.password, `${what}: ${user}`), salt: salt ?? null }
}

function passwordBytes(password: unknown, what: string): Uint8Array {
  const bytes = typeof password === 'string' ? Buffer.from(password) : password
  if (bytes instanceof Uint8Array && bytes.length > 0) return bytes
  throw invalid(`${what}: password is a string, Buffer or Uint8Array that is not empty`)
}
