// Preloaded into the main job: every third transaction is aborted when its records and its offsets have been written.
import { KafkaError, Producer } from '../../dist/index.js'

const { transaction } = Producer.prototype
let calls = 0

Producer.prototype.transaction = function (body, ...more) {
  const failing = async (tx) => {
    const sendOffsets = tx.sendOffsets.bind(tx)
    let sent
    tx.sendOffsets = (...args) => {
      sent = sendOffsets(...args)
      return sent
    }
    const result = await body(tx)
    if (++calls % 3 !== 0) return result
    // The pipeline does not await it: they would go with the commit.
    await sent
    throw new KafkaError('_TIMED_OUT', 'a made-up failure')
  }
  return transaction.call(this, failing, ...more)
}
