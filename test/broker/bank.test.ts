// The bank under fire, short: two minutes. test/stress/bank.test.ts is the long version, and says more.
import { bankUnderFire } from '../helpers/bank-under-fire.js'

bankUnderFire(20)
