// The bank under fire (test/stress/bank.test.ts), short: each kind of fault, three at a time, and sessions that end sooner.
import { bankUnderFire } from '../helpers/bank-under-fire.js'

// Beside whatever else the machine does.
bankUnderFire({ faults: 21, together: 3, session: 2500, slack: 2 })
