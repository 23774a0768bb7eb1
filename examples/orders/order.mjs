// What an order is, for the service that takes orders and for the one that reserves stock.
import { randomUUID } from 'node:crypto'
import { z } from 'zod'

export const topic = 'orders'

/** Products, and how many there are when the database is new. */
export const catalogue = new Map([
  ['apple', 100_000],
  ['pear', 1_000],
  ['quince', 10],
])

// A client that names its order may send it again without ordering twice.
const id = z.string().regex(/^[\w-]{1,64}$/, 'an id has 1 to 64 letters, digits, dashes or underscores')

export const order = z.strictObject({
  id: id.default(() => randomUUID()),
  product: z.string().min(1).max(64),
  quantity: z.int().min(1).max(1_000),
})
