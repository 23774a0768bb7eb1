// The bank under fire (test/stress/bank.test.ts), short: each kind of fault, three at a time, and sessions that end sooner.
import { bankUnderFire } from '../helpers/bank-under-fire.js'

bankUnderFire({ faults: 21, together: 3, session: 2500 })
