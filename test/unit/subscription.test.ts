// RegExps as librdkafka and brokers understand them.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { patternOf } from '../../lib/subscription.js'

const both = ['classic', 'consumer'] as const

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
    expect(patternOf(regExp, 'classic')).toBe(pattern)
  })

  it.each<[RegExp, string]>([
    [/^orders$/, '^orders$'],
    [/^orders-/, '^orders-.*'],
    [/orders/, '^.*orders.*'],
    [/orders$/, '^.*orders$'],
    [/orders\\$/, '^.*orders\\\\$'],
    [/orders\$/, '^.*orders\\$.*'],
    [/^a[$]/, '^a[$].*'],
    [/^a|b$/, '^.*(^a|b$).*'],
    [/(?:a|b)$/, '^.*(a|b)$'],
  ])('%s is %s for brokers, who match whole names', (regExp, pattern) => {
    expect(patternOf(regExp, 'consumer')).toBe(pattern)
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
    [/^[\w-.]/, '[0-9A-Za-z_-'],
    [/^[.-\d]/, '[.-\\d'],
    [/^[a-c-e]/, '[a-c-'],
    [/^a{/, '{'],
    [/^a{,5}/, '{'],
    [/^a{1001}/, '{1001}'],
  ])('%s is refused', (regExp, what) => {
    for (const matching of both)
      expect(() => patternOf(regExp, matching)).toThrow(`${what} is not known to those who match topics`)
  })

  it('refuses flags, and what is neither name nor pattern', () => {
    expect(() => patternOf(/a/i, 'classic')).toThrow(/have no flags/)
    expect(() => patternOf('', 'classic')).toThrow(/a topic is a name or a RegExp; got ''/)
    expect(() => patternOf(7 as never, 'classic')).toThrow(/got number/)
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
      '$',
      '^',
    )
    const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}')
    const regExps = fc
      .tuple(
        fc.constantFrom('^', ''),
        fc.array(fc.tuple(part, quantifier), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('$', ''),
      )
      .map(
        ([from, parts, to]) =>
          new RegExp(`${from}${parts.map(([p, q]) => (['x|y', '$', '^'].includes(p) ? p : p + q)).join('')}${to}`),
      )
    const names = fc.string({ unit: fc.constantFrom('a', 'b', 'x', 'y', '-', '.', '0', '7', '_'), maxLength: 6 })
    fc.assert(
      fc.property(regExps, names, (regExp, name) => {
        const wanted = regExp.test(name)
        const whole = new RegExp(`^(?:${patternOf(regExp, 'consumer')})$`)
        return new RegExp(patternOf(regExp, 'classic')).test(name) === wanted && whole.test(name) === wanted
      }),
      { numRuns: 2000 },
    )
  })

  it.each(both)("librdkafka's own go as they are: %s", (matching) => {
    for (const text of ['^a', '^a|b$', '^(a|b){1,1000}\\.[^x-z]*$', '^[](?]a', '^\\(\\?a', '^\\w+', 'a(?=b'])
      expect(patternOf(text, matching)).toBe(text)
  })

  it.each([
    ['classic', '^(?:a|b)', '(?:', 'POSIX'],
    ['classic', '^a\\d+', '\\d', 'POSIX'],
    ['consumer', '^(?:a|b)', '(?:', 'RE2'],
    ['consumer', '^a(?!b)', '(?!', 'RE2'],
    ['consumer', '^(?<=a)b', '(?<=', 'RE2'],
    ['consumer', '^(a)\\1', '\\1', 'RE2'],
    ['consumer', '^a\\Z', '\\Z', 'RE2'],
    ['consumer', '^a*+', '*+', 'RE2'],
    ['consumer', '^a{2}{3}', '{2}{', 'RE2'],
    ['consumer', '^a{5,2000}', '{5,2000}', 'RE2'],
  ] as const)('but for what is not known there: %s, %s', (matching, text, what, by) => {
    expect(() => patternOf(text, matching)).toThrow(`subscribe: '${text}': ${what} is not known to ${by}`)
  })
})
