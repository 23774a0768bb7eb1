// What lib/config.ts accepts, the loaded librdkafka accepts too, and the ranges agree.
import { describe, expect, test } from 'vitest'
import { binding } from '../../lib/binding.js'
import { propertyRows } from '../../lib/config.generated.js'
import { type ClientKind, prepareConfig } from '../../lib/config.js'
import { findProperty, type Property, takes } from '../../lib/config-table.js'

const last = 'no.such.property'

// The addon sets the pairs in order and throws at the first that is refused: with an unknown name at the end the client
// is never started, and the error tells whether all the others were accepted.
function refusalOf(kind: 'producer' | 'consumer', pairs: Array<[string, string]>): string | undefined {
  const Client = kind === 'producer' ? binding.Producer : binding.Consumer
  try {
    new Client([...pairs, [last, 'x']].flat(), () => {})
  } catch (error) {
    const { message } = error as Error
    return message.includes(last) ? undefined : message
  }
  throw new Error(`librdkafka accepted ${last}`)
}

// Depends on what librdkafka was built with, or loads a file.
const notEverywhere =
  /^(sasl\.kerberos\.|ssl\.engine\.|ssl\.ca\.certificate\.stores|plugin\.library\.paths|builtin\.features)/

function samples(property: Property): unknown[] {
  const [first, ...more] = property.accepts.split('|')
  switch (property.type) {
    case 'int':
    case 'float': {
      const [min, max] = first.split('..').map(Number)
      return [min, max, Math.floor(min + (max - min) / 2), ...more.map((named) => named.split('=')[0])]
    }
    case 'bool':
      return [true, false]
    case 'enum':
    case 'open':
      return [first, ...more, first.toUpperCase()]
    case 'flags':
      return [[first, ...more], 'all,-msg']
    case 'list':
      return more.length > 0 ? more : ['a:1', ['b:2', 'c:3']]
    case 'patterns':
      return [['^a', 'b$']]
    case 'pem':
      return ['-----BEGIN CERTIFICATE-----']
    default:
      return ['2.0.0']
  }
}

const rows = propertyRows
  .map(([name]) => findProperty(name) as Property)
  .filter((property) => property.type !== 'refused' && !notEverywhere.test(property.name))

function clientOf(property: Property): 'producer' | 'consumer' {
  return takes('consumer', property) ? 'consumer' : 'producer'
}

describe('the loaded librdkafka', () => {
  test.each(rows.map((property) => [property.name, property] as const))(
    'accepts what is accepted for %s',
    (name, property) => {
      const kind: ClientKind = takes(clientOf(property), property) ? clientOf(property) : 'share'
      const others = { 'bootstrap.servers': 'x', 'group.id': 'g' }
      const base = kind === 'producer' ? { 'bootstrap.servers': 'x' } : others
      for (const value of samples(property)) {
        let pairs: Array<[string, string]>
        try {
          const rest = Object.entries(base).filter(([other]) => findProperty(other)?.key !== property.key)
          pairs = prepareConfig(kind, { ...Object.fromEntries(rest), [name]: value })
        } catch (error) {
          // A contradiction with the defaults of others is none of this value.
          expect((error as Error).message).toMatch(
            /must be (at least|below|at most)|always true|must stay|needs|1 to 100000000/,
          )
          continue
        }
        expect(pairs.map(([given]) => given)).toContain(name)
        expect(refusalOf(kind === 'producer' ? 'producer' : 'consumer', pairs)).toBeUndefined()
      }
    },
  )

  const numbers = rows.filter(({ type }) => type === 'int' || type === 'float')

  test.each(numbers.map((property) => [property.name, property] as const))(
    'ends the range of %s at the same place',
    (name, property) => {
      const [min, max] = property.accepts.split('|')[0].split('..').map(Number)
      const inside = [min, max].map((number) => refusalOf('producer', [[name, String(number)]]))
      expect(inside).toEqual([undefined, undefined])
      // librdkafka casts to int: beyond the ends of that type it reads another number.
      for (const number of [min - 1, max + 1].filter((n) => n >= -(2 ** 31) && n < 2 ** 31)) {
        expect(refusalOf('producer', [[name, String(number)]])).toContain(`'${name}'`)
      }
    },
  )
})
