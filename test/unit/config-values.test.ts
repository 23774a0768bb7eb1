import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { prepareConfig } from '../../lib/config.js'
import { findProperty } from '../../lib/config-table.js'
import { convert, parseInteger } from '../../lib/config-values.js'

function value(name: string, given: unknown): string | null | undefined {
  const property = findProperty(name)
  if (!property) throw new Error(`${name} is no property`)
  return convert(property, name, given)
}

const accepts = (name: string, given: unknown, text: string | null | undefined) => expect(value(name, given)).toBe(text)
const refuses = (name: string, given: unknown, message: string) => expect(() => value(name, given)).toThrow(message)

describe('integers', () => {
  test.each([
    [0, '0'],
    [-0, '0'],
    [2147483647, '2147483647'],
    ['10', '10'],
    [10n, '10'],
    [1e3, '1000'],
  ])('%o is %s', (given, text) => accepts('retries', given, text))

  test.each([
    ['10s', "got string '10s' (give the bare number: units are not understood)"],
    ['1.9', "got string '1.9'"],
    [1.9, 'got number 1.9'],
    ['010', "got string '010' (without leading zeros: librdkafka would read it as octal)"],
    ['0x10', "got string '0x10'"],
    ['1e3', "got string '1e3'"],
    ['+5', "got string '+5'"],
    [' 5', "got string ' 5'"],
    ['5 ', "got string '5 '"],
    ['-0', "got string '-0'"],
    ['٣', "got string '٣'"],
    ['', 'got an empty string'],
    ['4294967297', "got string '4294967297'"],
    [4294967297, 'got number 4294967297'],
    [2 ** 53, 'got number 9007199254740992'],
    [10n ** 30n, `got bigint ${10n ** 30n}`],
    [-1, 'got number -1'],
    [Number.NaN, 'got number NaN'],
    [Number.POSITIVE_INFINITY, 'got number Infinity'],
    [true, 'got boolean true'],
    [null, 'got null'],
    [{}, 'got an object'],
    [[5], 'got an array'],
    [() => 5, 'got a function'],
    [Symbol('5'), 'got a symbol'],
    [new Number(5), 'got an object'],
  ])('%o is refused', (given, message) => {
    refuses('retries', given, `'retries' must be an integer from 0 to 2147483647, ${message}`)
  })

  test('the range is that of the property', () => {
    accepts('session.timeout.ms', 1, '1')
    accepts('session.timeout.ms', 3_600_000, '3600000')
    refuses('session.timeout.ms', 0, 'from 1 to 3600000, got number 0')
    refuses('session.timeout.ms', 3_600_001, 'from 1 to 3600000, got number 3600001')
    accepts('compression.level', -1, '-1')
    refuses('compression.level', -2, 'from -1 to 12')
  })

  test('acks have a name', () => {
    accepts('acks', 'all', '-1')
    accepts('request.required.acks', 'ALL', '-1')
    accepts('acks', '-1', '-1')
    refuses('acks', 'any', "'acks' must be an integer from -1 to 1000 or 'all', got string 'any'")
  })

  test('every integer in the range passes as a number, as text and as a bigint, and means itself', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2147483647 }), (number) => {
        for (const given of [number, String(number), BigInt(number)]) accepts('retries', given, String(number))
      }),
    )
  })

  test('text passes exactly when it is the canonical form of a number in the range', () => {
    const almost = fc.tuple(
      fc.constantFrom('', ' ', '0', '+', '-', '0x'),
      fc.nat(),
      fc.constantFrom('', ' ', '.0', 's', 'n', 'e1'),
    )
    const text = fc.oneof(
      fc.string(),
      almost.map((parts) => parts.join('')),
      fc.bigInt().map(String),
    )
    fc.assert(
      fc.property(text, (given) => {
        const number = Number(given)
        const canonical = String(number) === given && Number.isInteger(number) && number >= 0 && number <= 2147483647
        if (canonical) accepts('retries', given, given)
        else expect(() => value('retries', given)).toThrow("'retries' must be an integer")
      }),
      { numRuns: 2000 },
    )
  })

  test('numbers pass exactly when they are integers in the range', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.float(), fc.maxSafeInteger()), (number) => {
        if (Number.isInteger(number) && number >= 1 && number <= 3_600_000)
          accepts('session.timeout.ms', number, String(number))
        else expect(() => value('session.timeout.ms', number)).toThrow('must be an integer from 1 to 3600000')
      }),
      { numRuns: 2000 },
    )
  })

  test('nothing else is an integer', () => {
    fc.assert(
      fc.property(fc.anything(), (given) => {
        const parsed = parseInteger(given)
        if (parsed === undefined) return
        expect(Number.isSafeInteger(parsed)).toBe(true)
        expect(['number', 'string', 'bigint']).toContain(typeof given)
        expect(parsed).toBe(Number(given) + 0)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('other types', () => {
  test('numbers with fractions', () => {
    accepts('linger.ms', 0.5, '0.5')
    accepts('linger.ms', '0.5', '0.5')
    accepts('linger.ms', 900_000, '900000')
    accepts('linger.ms', 0, '0')
    accepts('linger.ms', '0', '0')
    accepts('linger.ms', 5n, '5')
    for (const bad of [
      '5ms',
      '.5',
      '5.',
      '05',
      '1e3',
      '',
      'NaN',
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0.1,
      900_000.1,
      true,
      [],
    ]) {
      refuses('linger.ms', bad, "'linger.ms' must be a number from 0 to 900000, got")
    }
  })

  test('booleans', () => {
    for (const [given, text] of [
      [true, 'true'],
      [false, 'false'],
      ['true', 'true'],
      ['False', 'false'],
    ] as const) {
      accepts('enable.idempotence', given, text)
    }
    for (const bad of ['yes', 't', '1', 1, 0, '', null, {}])
      refuses('enable.idempotence', bad, 'must be true or false, got')
  })

  test('enumerations, in any case', () => {
    accepts('compression.type', 'ZSTD', 'zstd')
    accepts('security.protocol', 'SASL_SSL', 'sasl_ssl')
    accepts('partitioner', 'Murmur2_Random', 'murmur2_random')
    accepts('share.acknowledgement.mode', 'EXPLICIT', 'explicit')
    refuses(
      'compression.type',
      'gzipp',
      "must be one of none, gzip, snappy, lz4, zstd, got string 'gzipp', did you mean 'gzip'?",
    )
    refuses('compression.type', '', 'got an empty string')
    refuses('compression.type', 1, 'got number 1')
    refuses('ssl.endpoint.identification.algorithm', '', 'must be one of none, https')
  })

  test('open sets are spelt as librdkafka compares them', () => {
    accepts('sasl.mechanisms', 'plain', 'PLAIN')
    accepts('sasl.mechanism', 'scram-sha-512', 'SCRAM-SHA-512')
    accepts('sasl.mechanism', 'SCRAM-SHA-1', 'SCRAM-SHA-1')
    accepts('group.remote.assignor', 'my-assignor', 'my-assignor')
    refuses('sasl.mechanisms', 'PLAIN, SCRAM-SHA-256', 'must be a single name')
  })

  test('strings', () => {
    accepts('client.id', 'a b', 'a b')
    accepts('client.id', null, null)
    accepts('client.id', undefined, undefined)
    refuses('client.id', 42, "'client.id' must be a string, got number 42")
    refuses('client.id', '', "'client.id' must not be empty: leave it out for the default")
    refuses('group.id', ' ', "'group.id' must not be empty")
    refuses('client.id', 'a\0b', "'client.id' must not contain a NUL character")
    refuses('client.id', {}, 'got an object')
  })

  test('a long value is cut in the message', () => {
    expect(() => value('acks', 'x'.repeat(10_000))).toThrow(/^.{1,200}$/)
  })

  test('flags', () => {
    accepts('debug', 'cgrp, Topic', 'cgrp,Topic')
    accepts('debug', ['cgrp', 'topic'], 'cgrp,topic')
    accepts('debug', 'all,-msg', 'all,-msg')
    accepts('debug', '', undefined)
    accepts('debug', [], undefined)
    refuses('debug', ['cgrp', 'tpoic'], "got string 'tpoic', did you mean 'topic'?")
    refuses('debug', [1], "'debug' [0] must be a non-empty string without ',', got number 1")
    refuses('debug', true, 'must be a string or an array of strings, got boolean true')
  })

  test('lists', () => {
    accepts('partition.assignment.strategy', 'Range, roundrobin', 'range,roundrobin')
    accepts('partition.assignment.strategy', ['cooperative-sticky'], 'cooperative-sticky')
    refuses('partition.assignment.strategy', ['stiky'], 'range, roundrobin, cooperative-sticky')
    refuses('partition.assignment.strategy', [], 'must not be empty: leave it out for the default')
    accepts('plugin.library.paths', ['a.so', 'b.so'], 'a.so;b.so')
    refuses('plugin.library.paths', ['a.so;b.so'], "[0] must be a non-empty string without ';'")
    accepts('topic.blacklist', ['^a', '^b'], '^a,^b')
    accepts('topic.blacklist', [], undefined)
    refuses('topic.blacklist', ['^a{1,2}'], "without a comma, which separates them, got string '^a{1,2}'")
  })

  test.each([
    ['localhost', 'localhost'],
    ['a:9092,b:9093', 'a:9092,b:9093'],
    [' a:9092 , b ,', 'a:9092,b'],
    [['a:1', 'b'], 'a:1,b'],
    ['[::1]:9092,::1', '[::1]:9092,::1'],
    ['a:1,b:65535', 'a:1,b:65535'],
    ['SASL_SSL://host:9092', 'SASL_SSL://host:9092'],
  ])('brokers %j', (given, text) => accepts('bootstrap.servers', given, text))

  test.each([
    ['', 'must not be empty'],
    [' , ', 'must not be empty'],
    [[], 'must not be empty'],
    [['a:1', undefined], "[1] must be a non-empty string without ',', got undefined"],
    [['a:1,b:1'], "[0] must be a non-empty string without ','"],
    ['a:0', "host:port, got 'a:0'"],
    ['a:65536', "host:port, got 'a:65536'"],
    ['a:9092x', "host:port, got 'a:9092x'"],
    ['a:', "host:port, got 'a:'"],
    [':9092', "host:port, got ':9092'"],
    ['a b:9092', "host:port, got 'a b:9092'"],
    ['http://a:9092', "host:port, got 'http://a:9092'"],
    ['[::1]:x', "host:port, got '[::1]:x'"],
    [9092, 'got number 9092'],
  ])('brokers %j are refused', (given, message) => refuses('bootstrap.servers', given, message))

  test('PEM as text, as bytes, and several certificates', () => {
    const [a, b] = ['-----BEGIN CERTIFICATE-----\na', '-----BEGIN CERTIFICATE-----\nb']
    accepts('ssl.ca.pem', a, a)
    accepts('ssl.ca.pem', Buffer.from(a), a)
    accepts('ssl.ca.pem', new TextEncoder().encode(`..${a}`).subarray(2), a)
    accepts('ssl.ca.pem', [a, Buffer.from(b)], `${a}\n${b}`)
    refuses('ssl.certificate.pem', [a, b], 'must be PEM text or bytes, got an array')
    refuses('ssl.ca.pem', [], 'must not be empty')
    refuses('ssl.ca.pem', '/etc/ssl/ca.pem', "must be PEM text ('-----BEGIN …'): a file is given with the property")
    refuses('ssl.ca.pem', 7, 'must be PEM text or bytes, got a number')
  })
})

test('whatever is given for any property, the answer is text or a KafkaError that names it', () => {
  const names = [
    'retries',
    'linger.ms',
    'enable.idempotence',
    'compression.type',
    'client.id',
    'bootstrap.servers',
    'debug',
  ]
  names.push('sasl.mechanisms', 'ssl.ca.pem', 'plugin.library.paths', 'sasl.password', 'acks')
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.anything({ withBigInt: true, withNullPrototype: true }),
      (name, given) => {
        try {
          for (const [, text] of prepareConfig('producer', {
            'client.rack': 'r',
            'test.mock.num.brokers': 1,
            [name]: given,
          })) {
            expect(typeof text).toBe('string')
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'KafkaError', code: '_INVALID_ARG' })
          expect((error as Error).message).toContain(`'${name}'`)
        }
      },
    ),
    { numRuns: 3000 },
  )
})
