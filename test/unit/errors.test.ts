import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { ErrorCodes, errorDescriptions, errorName, KafkaError } from '../../lib/errors.js'

const native = { errno: -184, message: 'Local: Queue full', fatal: false, retriable: true, txnRequiresAbort: false }

describe('KafkaError', () => {
  test('carries name, number and nature of the error', () => {
    const error = new KafkaError('MSG_SIZE_TOO_LARGE', 'too large')
    expect(error).toMatchObject({ code: 'MSG_SIZE_TOO_LARGE', errno: 10, message: 'too large', name: 'KafkaError' })
    expect(error).toMatchObject({ fatal: false, retriable: false, txnRequiresAbort: false, origin: 'broker' })
    expect(error).toBeInstanceOf(Error)
    expect(error.stack).toContain('errors.test.ts')
  })

  test('takes what is known beyond the code', () => {
    const cause = new Error('inner')
    const error = new KafkaError('_FENCED', undefined, { fatal: true, retriable: true, txnRequiresAbort: true, cause })
    expect(error).toMatchObject({ fatal: true, retriable: true, txnRequiresAbort: true, cause, origin: 'local' })
    expect(error.message).toBe(errorDescriptions._FENCED)
  })

  test('has no cause when none was given', () => {
    expect('cause' in new KafkaError('_FAIL')).toBe(false)
    expect('cause' in KafkaError.from(native)).toBe(false)
  })

  test('is made from what the addon reports', () => {
    expect(KafkaError.from(native)).toMatchObject({ ...native, code: '_QUEUE_FULL', origin: 'local' })
    const cause = new Error('inner')
    expect(KafkaError.from({ ...native, message: '' }, cause)).toMatchObject({ message: 'Local: Queue full', cause })
  })

  test.each([
    ['_BAD_MSG', 'local'],
    ['_DESTROY_BROKER', 'local'],
    ['UNKNOWN', 'broker'],
    ['OFFSET_OUT_OF_RANGE', 'broker'],
  ] as const)('%s has its origin at the %s side', (code, origin) => {
    expect(new KafkaError(code).origin).toBe(origin)
  })

  test('names a number it does not know as librdkafka does', () => {
    const error = KafkaError.from({ ...native, errno: 4242, message: 'a new error' })
    expect(error).toMatchObject({ code: 'ERR_4242?', errno: 4242, origin: 'broker', message: 'a new error' })
    expect(errorName(-183)).toBe('_ISR_INSUFF')
  })

  test('shows its code in a string, when printed, and in JSON', () => {
    const error = KafkaError.from(native, new KafkaError('_TRANSPORT'))
    expect(String(error)).toBe('KafkaError [_QUEUE_FULL]: Local: Queue full')
    expect(inspect(error)).toContain("code: '_QUEUE_FULL'")
    expect(inspect(error)).not.toContain('name:')
    const { message, ...fields } = native
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...{ name: 'KafkaError', code: '_QUEUE_FULL', origin: 'local', message },
      ...fields,
      cause: expect.objectContaining({ code: '_TRANSPORT', errno: -195 }),
    })
  })

  test('writes other causes to JSON without what they may drag along', () => {
    const cause = Object.assign(new TypeError('inner'), { self: {} })
    cause.self = cause
    expect(new KafkaError('_FAIL', 'x', { cause }).toJSON().cause).toEqual({ name: 'TypeError', message: 'inner' })
    expect(new KafkaError('_FAIL', 'x', { cause: 'a text' }).toJSON().cause).toBe('a text')
  })

  test('is an instance of the KafkaError of another copy of the package, not of any error', async () => {
    vi.resetModules()
    const other = await import('../../lib/errors.js')
    expect(other.KafkaError).not.toBe(KafkaError)
    expect(new other.KafkaError('_FAIL')).toBeInstanceOf(KafkaError)
    expect(new KafkaError('_FAIL')).toBeInstanceOf(other.KafkaError)
    for (const value of [new Error('x'), { code: '_FAIL' }, null, undefined, '_FAIL', 7]) {
      expect(value instanceof KafkaError).toBe(false)
    }
  })

  test('lets subclasses mean themselves', () => {
    class Sub extends KafkaError {}
    expect(new Sub('_FAIL')).toBeInstanceOf(Sub)
    expect(new Sub('_FAIL')).toBeInstanceOf(KafkaError)
    expect(new KafkaError('_FAIL') instanceof Sub).toBe(false)
  })
})

test('every code has a number of its own and a description', () => {
  const numbers = Object.values(ErrorCodes)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(Object.keys(errorDescriptions)).toEqual(Object.keys(ErrorCodes))
  expect(Object.values(errorDescriptions).every((text) => text.length > 3)).toBe(true)
  for (const [name, number] of Object.entries(ErrorCodes)) expect(name.startsWith('_')).toBe(number <= -100)
})
