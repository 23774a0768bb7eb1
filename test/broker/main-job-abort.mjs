// Preloaded into the main job: every third transaction is aborted when its records and its offsets have been written.
import { KafkaError, Producer } from '../../dist/index.js'

const { transaction } = Producer.prototype
let calls = 0

Producer.prototype.transaction = function (body, ...more) {
  const failing = (tx) => {
    const sendOffsets = tx.sendOffsets.bind(tx)
    tx.sendOffsets = async (...args) => {
      await sendOffsets(...args)
      if (++calls % 3 === 0) throw new KafkaError('_TIMED_OUT', 'a made-up failure')
    }
    return body(tx)
  }
  return transaction.call(this, failing, ...more)
}
