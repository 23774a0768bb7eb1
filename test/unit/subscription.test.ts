// RegExps as librdkafka and brokers understand them.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patternOf } from '../../lib/subscription.js'

describe('patterns of topics', () => {
  it.each<[RegExp, string]>([
    [/^orders$/, '^orders$'],
    [/orders/, '^(.*(orders))'],
    [/^audit\..*/, '^audit\\..*'],
    [/^orders-\d+$/, '^orders-[0-9]+$'],
    [/^\w+\.\D$/, '^[0-9A-Za-z_]+\\.[^0-9]$'],
    [/^(?:a|b)[\w.-]{1,3}$/, '^(a|b)[0-9A-Za-z_.-]{1,3}$'],
    [/^a|b/, '^(.*(^a|b))'],
    [/^a[|]b/, '^a[|]b'],
    [/^[^\d]x?/, '^[^0-9]x?'],
  ])('%s is %s', (regExp, pattern) => {
    expect(patternOf(regExp)).toBe(pattern)
  })

  it.each([
    [/^(?=a)/, '(?='],
    [/^(?!a)/, '(?!'],
    [/^(?<=a)/, '(?<='],
    [/^(?<name>a)/, '(?<n'],
    [/^(a)\1/, '\\1'],
    [/^a+?/, '+?'],
    [/^\bword/, '\\b'],
    [/^\x41/, '\\x'],
    [/^[a\]]/, '\\] in a set'],
    [RegExp(`^[${'^'}]`), '[^]'],
    [/^[[]/, '[ in a set'],
  ])('%s is refused', (regExp, what) => {
    expect(() => patternOf(regExp)).toThrow(`${what} is not known to those who match topics`)
  })

  it('refuses flags, and what is neither name nor pattern', () => {
    expect(() => patternOf(/a/i)).toThrow(/have no flags/)
    expect(() => patternOf('')).toThrow(/a topic is a name or a RegExp; got ''/)
    expect(() => patternOf(7 as never)).toThrow(/got number/)
  })

  it('mean the same as before', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '-',
      '\\.',
      '\\d',
      '\\w',
      '[ab]',
      '[^a]',
      '[\\d_-]',
      '.',
      '(?:a|b)',
      '(ab)',
      'x|y',
    )
    const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}')
    const regExps = fc
      .tuple(
        fc.constantFrom('^', ''),
        fc.array(fc.tuple(part, quantifier), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('$', ''),
      )
      .map(
        ([from, parts, to]) => new RegExp(`${from}${parts.map(([p, q]) => (p === 'x|y' ? p : p + q)).join('')}${to}`),
      )
    const names = fc.string({ unit: fc.constantFrom('a', 'b', 'x', 'y', '-', '.', '0', '7', '_'), maxLength: 6 })
    fc.assert(
      fc.property(regExps, names, (regExp, name) => new RegExp(patternOf(regExp)).test(name) === regExp.test(name)),
      { numRuns: 2000 },
    )
  })
})
