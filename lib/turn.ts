// The event loop's next turn, really: a test that replaces the timers of the program (node:test, vitest, jest) means its own,
// and what crosses from librdkafka's threads would wait for ever.
import { setImmediate } from 'node:timers'

/** @internal setImmediate, as it was when the package was loaded. */
export const onNextTurn = setImmediate
