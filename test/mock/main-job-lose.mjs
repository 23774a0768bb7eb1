// Preloaded into the main job by a test: one record never arrives, and the job has to find out.
import { Ledger } from '../../examples/flights/verification.mjs'

const receive = Ledger.prototype.receive
Ledger.prototype.receive = function (key, value, record) {
  if (record !== 41) receive.call(this, key, value, record)
}
