// A message's key as text.

import { expect, it } from 'vitest'
import { Message, MessageSlab } from '../../lib/message.js'

/** Layout: native/message_slab.h. */
function messageOf(key: Buffer | null): Message {
  const at = 64
  const slab = new MessageSlab(new ArrayBuffer(at + 16), 1, [{ topic: 't', partition: 0 }], false)
  key?.copy(slab.bytes, at)
  slab.ints.set([0, 1, at, key ? key.length : -1, at + 8, 0], 4)
  return new Message(slab, 0)
}

it('is UTF-8, or with latin1 a text that no other key has; null is not empty', () => {
  expect(messageOf(Buffer.from('schlüssel'.slice(0, 7))).keyText()).toBe('schlüss')
  expect(messageOf(null).keyText()).toBe(null)
  expect(messageOf(Buffer.alloc(0)).keyText()).toBe('')
  // Not UTF-8, either of them.
  const [one, other] = [messageOf(Buffer.from([0xff])), messageOf(Buffer.from([0xfe]))]
  expect(one.keyText()).toBe(other.keyText())
  expect(one.keyText('latin1')).not.toBe(other.keyText('latin1'))
  expect(
    [...Array(256).keys()].map((byte) =>
      messageOf(Buffer.from([byte]))
        .keyText('latin1')
        ?.charCodeAt(0),
    ),
  ).toEqual([...Array(256).keys()])
  expect(messageOf(null).keyText('latin1')).toBe(null)
  expect(messageOf(Buffer.alloc(0)).keyText('latin1')).toBe('')
})
