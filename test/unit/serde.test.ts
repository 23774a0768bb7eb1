// Serdes without a cluster: what comes back, and what is refused.
import type { Message } from 'odradek'
import {
  avro,
  buffer,
  DecodeError,
  EncodeError,
  json,
  jsonSchema,
  protobuf,
  RegistryError,
  type Serde,
  string,
  TypedConsumer,
} from 'odradek/serde'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const message = { topic: 't', partition: 3, offset: 7, headers: [] } as unknown as Message
const from = { topic: 't', part: 'value', message } as const
const to = { topic: 't', part: 'value', headers: {} } as const

const registry = {
  config: () => ({}),
  register: async () => {
    throw new Error('not to be asked')
  },
  getBySubjectAndId: async () => {
    throw new Error('not to be asked')
  },
}

async function roundTrip<T>(serde: Serde<T>, value: T): Promise<T> {
  const bytes = await serde.serialize(value, to)
  return await serde.deserialize(bytes === null ? null : Buffer.from(bytes as string), from)
}

const failing = async (call: () => unknown): Promise<Error> => {
  try {
    await call()
  } catch (error) {
    return error as Error
  }
  throw new Error('it was accepted')
}

describe('serdes', () => {
  it('give back what they were given; null stays null, and is not empty', async () => {
    for (const value of ['', 'a', 'ü€𝄞', null]) expect(await roundTrip(string(), value)).toBe(value)
    for (const value of [{ a: [1, null] }, [], 0, '', false, null])
      expect(await roundTrip(json(), value)).toEqual(value)
    expect(await buffer().deserialize(Buffer.from([0, 255]), from)).toEqual(Buffer.from([0, 255]))
    expect(await string().serialize(null, to)).toBe(null)
    expect(await json().serialize(null, to)).toBe(null)
  })

  it('say where what does not decode is, and that it never will', async () => {
    const error = await failing(() => json().deserialize(Buffer.from('{'), from))
    expect(error).toBeInstanceOf(DecodeError)
    expect(error).toMatchObject({ permanent: true, topic: 't', partition: 3, offset: 7, part: 'value' })
    expect(error.message).toMatch(/^the value of t \[3\] at 7 does not decode: /)
    expect(error.cause).toBeInstanceOf(SyntaxError)
    const bytes = await failing(() => string().deserialize(Buffer.from([0xff]), { ...from, part: 'key' }))
    expect(bytes.message).toBe('the key of t [3] at 7 does not decode: it is not UTF-8')
    const text = await failing(() => json().deserialize(Buffer.from([0x22, 0xff, 0x22]), from))
    expect(text.message).toBe('the value of t [3] at 7 does not decode: it is not UTF-8')
  })

  it('refuse what they cannot write', async () => {
    expect((await failing(() => string().serialize(7 as never, to))).message).toMatch(/it is not a string but number/)
    expect((await failing(() => json().serialize(Symbol('x'), to))).message).toMatch(/JSON has no symbol/)
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(await failing(() => json().serialize(circle, to))).toBeInstanceOf(EncodeError)
    expect(() => json({} as never)).toThrow(/json\(\) takes a Standard Schema/)
    expect(() => avro({})).toThrow(/a client of @confluentinc\/schemaregistry/)
    expect(() => avro(registry, { serialiser: {} } as never)).toThrow(
      /unknown option 'serialiser' .* there are serializer/,
    )
    expect(() => new TypedConsumer({ 'group.id': 'g' }, { value: {} as never })).toThrow(
      /value is an object with deserialize/,
    )
  })

  it.each([avro, protobuf, jsonSchema])(
    'of a registry keep a tombstone a tombstone, without asking (%o)',
    async (make) => {
      const serde = make<string | null>(registry)
      expect(await serde.serialize(null, to)).toBe(null)
      expect(await serde.serialize(null, { ...to, part: 'key' })).toBe(null)
      expect(await serde.deserialize(null, from)).toBe(null)
    },
  )

  it.each([
    ['it is down', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), RegistryError],
    [
      'none of its addresses answers',
      new AggregateError([Object.assign(new Error('c'), { code: 'ETIMEDOUT' })]),
      RegistryError,
    ],
    ['it is ill', Object.assign(new Error('500'), { status: 503 }), RegistryError],
    ['it wants other credentials', { response: { status: 401 }, message: 'no' }, RegistryError],
    ['it is too much', Object.assign(new Error('429'), { status: 429 }), RegistryError],
    ['it does not know the id', Object.assign(new Error('404'), { status: 404 }), DecodeError],
    ['it has other rules', Object.assign(new Error('422'), { status: 422 }), DecodeError],
  ])('of a registry tell what it answers from whether it does: %s', async (_, thrown, kind) => {
    const asked = async () => {
      throw thrown
    }
    // Whichever of its methods the package asks first.
    const serde = avro(new Proxy(registry, { get: (target, name) => (name === 'config' ? target.config : asked) }))
    const bytes = Buffer.from([0, 0, 0, 0, 7, 2])
    const error = await failing(() => serde.deserialize(bytes, from))
    expect(error).toBeInstanceOf(kind)
    expect((error as { permanent?: boolean }).permanent ?? false).toBe(kind === DecodeError)
  })

  it('with a validator take what it accepts, and hand out what it makes of it', async () => {
    const order = json(
      z.object({ id: z.string(), at: z.string().transform((text) => text.length), n: z.number().default(1) }),
    )
    expect(await order.deserialize(Buffer.from('{"id":"a","at":"now"}'), from)).toEqual({ id: 'a', at: 3, n: 1 })
    expect(await order.deserialize(null, from)).toBe(null)
    const error = await failing(() => order.deserialize(Buffer.from('{"id":1,"at":"x"}'), from))
    expect(error).toBeInstanceOf(DecodeError)
    expect(error.message).toMatch(/does not decode: id: /)
    expect(await failing(() => order.serialize({ id: 1 } as never, to))).toBeInstanceOf(EncodeError)
    expect(new RegistryError('x')).toMatchObject({ retriable: true })
  })
})
