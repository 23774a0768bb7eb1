// Preloaded into the main job: every third transaction is aborted when its records and its offsets have been written.
import { KafkaError } from '../../dist/index.js'
import { Transaction } from '../../dist/transaction.js'

const { sendOffsets } = Transaction.prototype
let calls = 0

Transaction.prototype.sendOffsets = async function (...args) {
  await sendOffsets.apply(this, args)
  if (++calls % 3 === 0) throw new KafkaError('_TIMED_OUT', 'a made-up failure')
}
