// Preloaded into the main job: every third transaction cannot send its offsets, and is aborted.
import { Consumer, KafkaError } from '../../dist/index.js'

const { transactionOffsets } = Consumer.prototype
let calls = 0

Consumer.prototype.transactionOffsets = function () {
  if (++calls % 3 !== 0) return transactionOffsets.call(this)
  return Promise.reject(new KafkaError('_TIMED_OUT', 'a made-up failure'))
}
