import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editDistance, nearest } from '../../lib/config-suggest.js'
import { settableNames } from '../../lib/config-table.js'

const names = [...new Set(settableNames())]
const name = fc.constantFrom(...names)

describe('the distance', () => {
  test.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['acks', 'ack', 1],
    ['acks', 'akcs', 1],
    ['acks', 'aks', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ])('of %j and %j is %i', (a, b, distance) => expect(editDistance(a, b)).toBe(distance))

  test('is symmetric, zero only for equal strings, and within its bounds', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b)
        expect(distance).toBe(editDistance(b, a))
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
        expect(editDistance(a, b, distance)).toBe(distance)
        if (distance > 0) expect(editDistance(a, b, distance - 1)).toBeGreaterThan(distance - 1)
      }),
    )
  })
})

describe('the suggestion', () => {
  test('is the name itself however it is written', () => {
    fc.assert(
      fc.property(name, fc.constantFrom('camel', 'snake', 'upper', 'kebab'), (wanted, style) => {
        const written = {
          camel: wanted.replace(/[._]([a-z])/g, (_, letter: string) => letter.toUpperCase()),
          snake: wanted.replaceAll('.', '_'),
          upper: wanted.toUpperCase(),
          kebab: wanted.replaceAll('.', '-'),
        }[style]
        expect(nearest(written, names)).toBe(wanted)
      }),
      { numRuns: 200 },
    )
  })

  test('is as near as the original for a name with one mistake', () => {
    const mistake = fc.tuple(
      name,
      fc.nat(),
      fc.constantFrom('drop', 'double', 'swap', 'replace'),
      fc.constantFrom(...'qzx'),
    )
    fc.assert(
      fc.property(mistake, ([wanted, random, kind, letter]) => {
        const at = random % (wanted.length - 1)
        const [before, here, next, after] = [wanted.slice(0, at), wanted[at], wanted[at + 1], wanted.slice(at + 2)]
        const mistyped = {
          drop: before + next + after,
          double: before + here + here + next + after,
          swap: before + next + here + after,
          replace: before + letter + next + after,
        }[kind]
        fc.pre(!names.includes(mistyped))
        const found = nearest(mistyped, names)
        expect(found).toBeDefined()
        if (found !== wanted) {
          const plain = (text: string) => text.replace(/[^a-z0-9]+/gi, '.')
          expect(editDistance(plain(found as string), plain(mistyped))).toBeLessThanOrEqual(2)
        }
      }),
      { numRuns: 300 },
    )
  })

  test.each(['', '.', 'xyzzy', 'the.quick.brown.fox', 'x'.repeat(100_000)])('is missing for %.30j', (given) => {
    expect(nearest(given, names)).toBeUndefined()
  })

  test('finds what only lacks its prefix or its unit, and prefers the shorter', () => {
    expect(nearest('heartbeat.interval', names)).toBe('heartbeat.interval.ms')
    expect(nearest('servers', names)).toBe('bootstrap.servers')
    expect(nearest('password', ['ssl.keystore.password', 'sasl.password'])).toBe('sasl.password')
  })

  test('never fails, and comes from the candidates', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string(), { maxLength: 10 }), (given, candidates) => {
        const found = nearest(given, candidates)
        if (found !== undefined) expect(candidates).toContain(found)
      }),
    )
  })
})
