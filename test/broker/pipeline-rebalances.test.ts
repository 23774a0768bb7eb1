// A rebalance in the middle of a transaction, both ways round: a member joins, or leaves, while another has one open. It
// waits until that is over; then nothing is there twice, and nothing is missing.
import { expect, it } from 'vitest'
import { protocols } from '../helpers/held-pipelines.js'
import { rebalanceInTransaction } from '../helpers/rebalance-in-transaction.js'

const ends = ['committed', 'aborted'] as const

it.each(Object.keys(protocols).flatMap((protocol) => ends.map((end) => [protocol, end] as const)))(
  'waits for the transaction (%s, which is %s)',
  async (protocol, end) => {
    await rebalanceInTransaction(protocol, end)
    expect.hasAssertions()
  },
)
