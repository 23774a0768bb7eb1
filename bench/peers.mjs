// The peers that bench/peers/install.mjs has installed.
import { UserError } from '../scripts/lib/run.mjs'

export function findPeers(names) {
  if (!names) return []
  throw new UserError('no peers are installed; run: node bench/peers/install.mjs')
}
