// What a notification is, and who may get one.
import { z } from 'zod'

export const topic = 'notifications'
export const users = new Set(['alice', 'bob', 'carol'])

const user = z.string().regex(/^[a-z][a-z0-9]{1,31}$/, 'a user is 2 to 32 small letters and digits')

/** What is posted. */
export const request = z.strictObject({ sender: user, recipient: user, message: z.string().min(1).max(2_000) })

/** What is in the topic. */
export const notification = request.extend({ id: z.uuid(), time: z.string() })
